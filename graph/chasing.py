"""Chasing one wait: which letters are due on it now, written in the transaction that remembers them."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from checkpoints import cases, chases, submissions
from checkpoints.database import Tx, stamp
from graph import reminders
from graph.context import Context
from onboarding.case import Stage
from onboarding.chasing import Step, steps, worth_telling


class Due(NamedTuple):
    """When a wait that opens now is due, and when it is chased first."""

    due_at: str
    chase_at: str | None


def terms(tx: Tx, ctx: Context, stage: Stage, within: timedelta) -> Due:
    """By the ledger's time."""
    now = datetime.fromisoformat(tx.now)
    due_at = now + within
    planned = steps(stage, opened_at=now, due_at=due_at, complete_at=now, settings=ctx.settings)
    return Due(stamp(due_at), stamp(min(planned.values())) if planned else None)


def chase(ctx: Context, review_id: str, tx: Tx) -> int:
    """Write what is due on this wait now, each letter once, and plan the next look; returns how many letters."""
    taken = chases.take(tx, review_id)
    if taken is None:
        return 0
    row, review = taken
    case = cases.get(tx, review.case_id)
    if case.status == "quarantined":  # an operator has it; nobody can decide, so nobody is asked to
        chases.later(tx, review_id, stamp(datetime.fromisoformat(tx.now) + timedelta(hours=1)))
        return 0
    planned = _planned(tx, ctx, review)
    done = set(row.done.split())
    now = [step for step, at in planned.items() if step not in done and stamp(at) <= tx.now]
    letters = sum(reminders.WRITTEN[step](tx, ctx, case, review) for step in worth_telling(now, done))
    done.update(now)
    left = [at for step, at in planned.items() if step not in done]
    chases.took(tx, review_id, done, stamp(min(left)) if left else None)
    return letters


def _planned(tx: Tx, ctx: Context, review: Any) -> dict[Step, datetime]:
    opened = datetime.fromisoformat(review.opened_at)
    return steps(
        review.stage,
        opened_at=opened,
        due_at=datetime.fromisoformat(review.due_at or review.opened_at),
        complete_at=datetime.fromisoformat(
            submissions.received_at(tx, review.case_id, review.version) or review.opened_at
        ),
        settings=ctx.settings,
    )
