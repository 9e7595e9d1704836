"""Schema migrations, applied at start, before anything else touches the database. One process migrates, others wait.

Old code runs beside the new schema while replicas are replaced one by one, so a migration only adds: tables, columns
that are null or have a constant default, indexes (on a large table ``postgresql_concurrently``). What takes something
away comes a release later, and its revision says whom it no longer serves: ``0013-from-0012`` is for code that knows
revision 0012. The revisions after it say so too, until another raises the mark.
"""

import logging
import time
from importlib.resources import files
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import OperationalError

from checkpoints.sqlite_reads import sqlite_engine
from onboarding.errors import NewerLedger, StorageUnavailable

_LOCK: Final = 7_301_946_250
FIRST_TO_LOOK: Final = "0008"
"""The first revision whose code knows that a schema may be newer than itself."""
_BRIEFLY: Final = "3s"
"""How long a statement waits for a table that others use: whoever comes after it would wait as well."""
_TRIES: Final = 10
_log = logging.getLogger("onboard.database")


def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest schema, all of it or nothing; a newer one is left as it is.

    Raises StorageUnavailable, NewerLedger when the schema no longer serves this code.
    """
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        engine, before = sqlite_engine(path), ["BEGIN IMMEDIATE"]
    else:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        before = [f"SELECT pg_advisory_xact_lock({_LOCK})", f"SET LOCAL lock_timeout = '{_BRIEFLY}'"]
    try:
        _patiently(engine, before)
    except OperationalError as error:
        raise StorageUnavailable() from error
    finally:
        engine.dispose()


def _patiently(engine: Engine, before: list[str]) -> None:
    """Begin again when a table was in use for too long."""
    for left in reversed(range(_TRIES)):
        try:
            with engine.begin() as conn:
                for statement in before:
                    conn.exec_driver_sql(statement)
                upgrade(conn)
            return
        except OperationalError as error:
            if left == 0 or getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            _log.warning("a table was in use for %s; the migration begins again", _BRIEFLY)
            time.sleep(0.5)


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the connection's transaction. Raises NewerLedger."""
    config = Config()
    config.set_main_option("script_location", str(files("checkpoints") / "migrations"))
    config.attributes["connection"] = conn
    scripts = ScriptDirectory.from_config(config)
    standing = MigrationContext.configure(conn).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if standing is None or standing in known:
        command.upgrade(config, "head")
    else:
        _serves(standing, scripts.get_current_head() or "")


def _serves(standing: str, ours: str) -> None:
    """Whether a schema that is newer than we are still serves us. Raises NewerLedger."""
    oldest = standing.partition("-from-")[2] or FIRST_TO_LOOK
    if not standing[:4].isdecimal() or ours[:4] < oldest[:4]:
        raise NewerLedger(f"The ledger's schema is {standing}; this code knows {ours}. Run a newer release.")
    _log.warning("the ledger's schema is %s, newer than ours (%s), and serves us", standing, ours)
