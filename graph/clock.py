"""What the clock does: it ends waits whose time has come. Driven by due rows, so a restart or a jump loses nothing."""

from functools import partial
from typing import Final

from checkpoints import cases, reviews
from checkpoints.database import Tx
from graph.context import Context
from onboarding.case import Stage

ENDINGS: Final[dict[Stage, str]] = {"service": "again", "information": "expired"}
"""What it means when nobody answered in time. Never an approval, and never the end of a review by a person."""


async def tick(ctx: Context) -> None:
    """End every wait that is overdue. Raises StorageUnavailable."""
    for stage, action in ENDINGS.items():
        if await ctx.db.read(partial(reviews.overdue, stage)):
            await ctx.db.write(partial(_end, stage, action))


def _end(stage: Stage, action: str, tx: Tx) -> None:
    for review in reviews.overdue(stage, tx):
        reviews.decide(tx, review, action, actor="clock", channel="clock", body={})


async def due(ctx: Context) -> list[tuple[str, int]]:
    """Cases with work due now, and how often a step of theirs was begun without ending."""
    return await ctx.db.read(cases.due)
