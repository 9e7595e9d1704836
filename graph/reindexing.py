"""Search finds older cases by all that it looks for today: what an earlier release did not keep is added."""

from collections.abc import Callable
from functools import partial
from typing import Final

from checkpoints import cases, installation, matches
from checkpoints.database import Tx
from checkpoints.lookup import Lookup
from graph.administration import ledger
from graph.basis import searchable
from graph.folder import secret
from onboarding.errors import TamperedRecord
from onboarding.settings import Settings

BATCH: Final = 200
Told = Callable[[str], None]


async def reindex(settings: Settings, told: Told) -> int:
    """Index every case anew, newest first, beside a running service; returns how many. Twice is as good as once.

    ``told`` hears of records that do not open: such a case keeps what it was found by. Raises OtherInstallation.
    """
    lookup, count, before = Lookup(secret(settings)), 0, None
    async with ledger(settings) as db:
        await db.write(partial(installation.join, lookup=lookup))  # words under another secret would find nothing
        while True:
            done, before = await db.write(partial(_some, lookup, before, told))
            count += done
            if before is None:
                return count


def _some(lookup: Lookup, before: int | None, told: Told, tx: Tx) -> tuple[int, int | None]:
    """One batch; returns how many were indexed and where the next begins."""
    rows = cases.listed(tx, filters={}, which=(), before=before, limit=BATCH)
    done = 0
    for row in rows:
        try:
            record = cases.record_of(tx, row)
        except TamperedRecord as error:
            told(error.detail)
            continue
        if record is not None:
            matches.index(tx, row.id, searchable(record.application, lookup))
            done += 1
    return done, rows[-1].seq if len(rows) == BATCH else None
