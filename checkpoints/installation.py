"""What all processes on one ledger must agree on: the keys that open it, and the secret of its look-ups and links."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from checkpoints.database import Tx
from checkpoints.lookup import Lookup
from checkpoints.schema import installation
from onboarding.errors import OtherInstallation, TamperedRecord

_NAME = "secret"
_WHERE = f"installation:{_NAME}"


def join(tx: Tx, lookup: Lookup) -> None:
    """Let this process in. The first one leaves the mark that all others are measured by. Raises OtherInstallation."""
    mine = lookup.key("installation", "")
    row = {"name": _NAME, "body": tx.codec.dump({"fingerprint": mine}, _WHERE)}
    dialect = postgresql if tx.conn.dialect.name == "postgresql" else sqlite
    tx.conn.execute(dialect.insert(installation).on_conflict_do_nothing(), row)
    body = tx.conn.execute(select(installation.c.body).where(installation.c.name == _NAME)).scalar_one()
    try:
        standing = tx.codec.load(body, _WHERE)["fingerprint"]
    except TamperedRecord as error:
        raise OtherInstallation(
            "ONBOARD_ENCRYPTION_KEY does not open what this ledger holds; every process on it needs the keys it was"
            " sealed with."
        ) from error
    if standing != mine:
        raise OtherInstallation(
            "ONBOARD_SECRET_KEY is not the secret this ledger was made with; every process on it needs the same"
            " (set it, or restore the data folder's secret-key)."
        )
