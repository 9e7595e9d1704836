"""Active merchants are screened again when the list changes: by the rules of PreOnboarding, for a person to judge.

A new hit becomes an event of the case, a letter to the reviewers and a mark on the case, until one of them has looked.
It never moves the case.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from checkpoints import audit, cases, rescreens, views
from checkpoints.database import Tx
from graph import correspondence
from graph.context import Context
from onboarding.assessment import ScreeningHit
from onboarding.case import CaseView
from onboarding.checks.screening import code_of, screen_all
from onboarding.errors import Conflict, TamperedRecord
from onboarding.screening import Watchlist

AT_ONCE: Final = 50
PIECES: Final = 4
DISCOUNTED: Final = "SCREENING_HIT_DISCOUNTED"


class Rescreened(NamedTuple):
    """What one piece of the work came to: merchants that came up anew, and whether there is more to do."""

    found: int
    more: bool


async def rescreen(ctx: Context) -> Rescreened:
    """Screen some active merchants with the list as it is now, each once a list version.

    Raises StorageUnavailable, and BadInput for a list that cannot be read.
    """
    if ctx.settings.watchlist is None:
        return Rescreened(0, more=False)
    watchlist = await asyncio.to_thread(current, ctx.settings.watchlist)
    found, after = 0, 0
    for _ in range(PIECES):
        rows = await ctx.db.read(partial(_outstanding, watchlist.version, after))
        for row in rows:
            found += await _one(ctx, watchlist, row)
        if len(rows) < AT_ONCE:
            return Rescreened(found, more=False)
        after = rows[-1].seq
    return Rescreened(found, more=True)


def current(path: Path) -> Watchlist:
    """The list in the file as it is now; read again only when the file has changed."""
    stat = path.stat()
    return _loaded(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed_ns: int, size: int) -> Watchlist:
    return Watchlist.load(path)


def _outstanding(version: str, after: int, tx: Tx) -> list[Any]:
    return rescreens.outstanding(tx, version, after, AT_ONCE)


async def _one(ctx: Context, watchlist: Watchlist, row: Any) -> bool:
    try:
        record = await ctx.db.read(lambda tx: cases.record_of(tx, row))
    except TamperedRecord:
        return False  # `onboard doctor --audit` names it; no record hides the others
    if record is None:
        return False
    hits = await asyncio.to_thread(screen_all, record.application, watchlist, ctx.policy.screening)
    before = [(hit.subject, hit.entry_id) for hit in record.screening if code_of(hit) != DISCOUNTED]
    return await ctx.db.write(lambda tx: _note(ctx, row.id, watchlist.version, before, hits, tx))


def _note(
    ctx: Context, case_id: str, version: str, before: list[tuple[str, str]], hits: Sequence[ScreeningHit], tx: Tx
) -> bool:
    """Write down what came up that was told neither then nor since; whether there was anything."""
    audit.hold(tx, case_id)
    screened_with, told = rescreens.told(tx, case_id)
    if screened_with == version or cases.status_of(tx, case_id) != rescreens.ACTIVE:
        return False
    known = {*before, *((subject, entry) for subject, entry in told)}
    new = [hit for hit in hits if code_of(hit) != DISCOUNTED and (hit.subject, hit.entry_id) not in known]
    rescreens.keep(tx, case_id, version, [*told, *([hit.subject, hit.entry_id] for hit in new)], len(new))
    if new:
        _tell(tx, ctx, case_id, version, new, len(told))
    return bool(new)


def _tell(tx: Tx, ctx: Context, case_id: str, version: str, new: Sequence[ScreeningHit], before: int) -> None:
    hits = [
        {"subject": hit.subject, "entry": hit.entry_id, "code": code_of(hit), "score": round(hit.score, 3)}
        for hit in new
    ]
    audit.append(tx, case_id, "onboarding", "screening.new_hits", {"list": version, "hits": hits})
    correspondence.report_new_hits(tx, ctx, case_id, version, len(new), round_=before + 1)


async def looked_at(ctx: Context, actor: str, case_id: str) -> CaseView:
    """Somebody looked at what came up: the mark goes, the trail stays. Raises CaseNotFound, Conflict without a mark."""

    def record(tx: Tx) -> CaseView:
        audit.hold(tx, case_id)
        row = cases.get(tx, case_id)
        seen = rescreens.hits(tx, case_id) if row.status == rescreens.ACTIVE else 0
        if not seen:
            raise Conflict("Nothing came up on this case that nobody has looked at.")
        rescreens.clear(tx, case_id)
        audit.append(tx, case_id, actor, "screening.looked_at", {"hits": seen})
        return views.view(tx, row)

    return await ctx.db.write(record)
