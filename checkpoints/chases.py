"""The due rows of chasing: for every wait when it is to be looked at next, and which steps were taken on it."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from checkpoints.database import Tx
from checkpoints.prepared import Prepared
from checkpoints.schema import chases, reviews

_PLAN: Final = Prepared(insert(chases), "review_id", "stage", "at", "done")


def plan(tx: Tx, review_id: str, stage: str, at: str) -> None:
    """Look at this wait at ``at``."""
    _PLAN.run(tx, review_id=review_id, stage=stage, at=at, done="")


def due(tx: Tx, stages: Sequence[str], limit: int) -> list[str]:
    """Review ids to look at now, the longest due first."""
    query = select(chases.c.review_id).where(chases.c.stage.in_(stages), chases.c.at <= tx.now)
    return list(tx.conn.scalars(query.order_by(chases.c.at).limit(limit)))


def take(tx: Tx, review_id: str) -> tuple[Row[Any], Row[Any]] | None:
    """The due row and its review, held until the transaction ends; None when it is not due (any more).

    What waits no longer needs no chasing: its row goes.
    """
    row = tx.conn.execute(select(chases).where(chases.c.review_id == review_id).with_for_update()).first()
    review = tx.conn.execute(select(reviews).where(reviews.c.id == review_id)).first()
    if row is None or review is None or row.at > tx.now:
        return None
    if review.status != "waiting":
        drop(tx, review_id)
        return None
    return row, review


def took(tx: Tx, review_id: str, done: Collection[str], next_at: str | None) -> None:
    """Remember which steps were taken; without a next one the row goes."""
    if next_at is None:
        drop(tx, review_id)
        return
    values = {"done": " ".join(sorted(done)), "at": next_at}
    tx.conn.execute(update(chases).where(chases.c.review_id == review_id), values)


def later(tx: Tx, review_id: str, at: str) -> None:
    """Look again at ``at``."""
    tx.conn.execute(update(chases).where(chases.c.review_id == review_id), {"at": at})


def drop(tx: Tx, review_id: str) -> None:
    tx.conn.execute(delete(chases).where(chases.c.review_id == review_id))
