"""What the clock does: it ends waits whose time has come, and chases who is waited for.

Driven by due rows in the ledger and judged by the ledger's own time, so that a restart or a jump of the clock loses
and doubles nothing. Every verb is idempotent, does a bounded piece of work and raises StorageUnavailable only.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from checkpoints import cases, chases, leases, merchants, reviews
from checkpoints.database import Tx, stamp
from graph import chasing, quarantine
from graph.context import Context
from graph.state import newer
from onboarding.case import Stage
from onboarding.chasing import OF_MERCHANTS, OF_REVIEWERS
from onboarding.errors import Conflict, OnboardingError, ReviewTampered, StorageUnavailable

ENDINGS: Final[dict[Stage, str]] = {"service": "again", "information": "expired"}
"""What it means when nobody answered in time. Never an approval."""
OF_PEOPLE: Final[tuple[Stage, ...]] = ("review", "second_review")
"""They expire only where the operator wants it, and long after their due time."""
AT_ONCE: Final = 100
MOST: Final = 2_000
_log = logging.getLogger("onboard.clock")


async def tick(ctx: Context) -> None:
    """Everything below, once."""
    await expire(ctx)
    await chase_merchants(ctx)
    await chase_reviewers(ctx)
    await forget_drafts(ctx)


async def expire(ctx: Context) -> int:
    """End every wait that is overdue; returns how many ended."""
    ended = 0
    for stage, action, late in _endings(ctx):
        ids = [row.id for row in await ctx.db.read(partial(reviews.overdue, stage, late=late))]
        ended += await _each(ctx, ids, partial(_end, stage, action, late))
    return ended


def _endings(ctx: Context) -> Iterator[tuple[Stage, str, timedelta]]:
    for stage, action in ENDINGS.items():
        yield stage, action, timedelta()
    if ctx.settings.review_expiry_days is not None:
        for stage in OF_PEOPLE:
            yield stage, "expired", timedelta(days=ctx.settings.review_expiry_days)


def _end(stage: Stage, action: str, late: timedelta, review_id: str, tx: Tx) -> bool:
    review = next((row for row in reviews.overdue(stage, tx, late=late, only=review_id)), None)
    if review is None:
        return False
    try:
        return reviews.decide(tx, review, action, actor="clock", channel="clock", body={})
    except Conflict:  # somebody was faster
        return False


async def chase_reviewers(ctx: Context) -> int:
    """Remind who has a review, tell the seniors of what is late, and merchants that we still look; returns letters."""
    return await _chase(ctx, OF_REVIEWERS)


async def chase_merchants(ctx: Context) -> int:
    """Remind merchants of what they were asked; returns how many letters."""
    return await _chase(ctx, OF_MERCHANTS)


async def forget_drafts(ctx: Context) -> int:
    """Forget what merchants began and never sent, and links that are over; returns how many drafts."""
    if not await ctx.db.read(merchants.any_over):
        return 0
    return await ctx.db.write(lambda tx: merchants.purge(tx, AT_ONCE))


async def _chase(ctx: Context, stages: Sequence[Stage]) -> int:
    ids = await ctx.db.read(lambda tx: chases.due(tx, stages, MOST))
    return await _each(ctx, ids, partial(chasing.chase, ctx))


async def _each(ctx: Context, ids: Sequence[str], work: Callable[[str, Tx], int]) -> int:
    """Do ``work`` for each in a transaction of its own, so that one that cannot be read holds up no other."""
    done = 0
    for start in range(0, len(ids), AT_ONCE):
        found = await asyncio.gather(*(_one(ctx, id_, work) for id_ in ids[start : start + AT_ONCE]))
        done += sum(found)
    return done


async def _one(ctx: Context, id_: str, work: Callable[[str, Tx], int]) -> int:
    try:
        return await ctx.db.write(lambda tx: work(id_, tx))
    except StorageUnavailable:
        raise
    except ReviewTampered as error:
        await quarantine.tampered(ctx, error)
        return 0
    except OnboardingError as error:  # for an operator: `doctor` names records that do not open
        _log.warning("left alone", extra={"review_id": id_, "problem": error.code})
        await ctx.db.write(lambda tx: chases.later(tx, id_, _in_an_hour(tx)))
        return 0


def _in_an_hour(tx: Tx) -> str:
    return stamp(datetime.fromisoformat(tx.now) + timedelta(hours=1))


async def due(ctx: Context) -> list[tuple[str, int]]:
    """Cases with work due now that nobody runs, and how often a step of theirs was begun without ending."""
    if ctx.db.owner is not None:
        await ctx.db.write(partial(leases.bury, seconds=ctx.settings.lease_seconds))
    return await ctx.db.read(partial(cases.due, left=newer))
