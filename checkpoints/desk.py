"""What the desk asks of the ledger: the queue in the order it is due, who has a case, and its versions."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update

from checkpoints import audit
from checkpoints.database import Tx
from checkpoints.schema import cases, reviews, submissions
from onboarding.errors import TamperedRecord

OF_PEOPLE: Final = ("review", "second_review", "activation")


def waiting(
    tx: Tx,
    *,
    filters: Mapping[str, str | None],
    found: ColumnElement[bool] | None,
    after: tuple[str, str] | None,
    limit: int,
) -> list[Any]:
    """Cases that wait for a person, soonest due first: rows of ``cases`` with ``review_id, stage, opened_at, due_at``.

    ``after`` is ``(due_at, review_id)`` of the last row of the page before.
    """
    review = (reviews.c.id.label("review_id"), reviews.c.stage, reviews.c.opened_at, reviews.c.due_at)
    query = (
        select(cases, *review)
        .join(cases, cases.c.id == reviews.c.case_id)
        .where(reviews.c.status == "waiting", reviews.c.stage.in_(OF_PEOPLE))
        .order_by(reviews.c.due_at, reviews.c.id)
        .limit(limit)
    )
    for name, value in filters.items():
        if value is not None:
            query = query.where(cases.c[name] == value)
    if found is not None:
        query = query.where(found)
    if after is not None:
        due, last = after
        later = or_(reviews.c.due_at > due, and_(reviews.c.due_at == due, reviews.c.id > last))
        query = query.where(reviews.c.due_at >= due, later)
    return list(tx.conn.execute(query))


def headline(tx: Tx, row: Any) -> dict[str, Any]:
    """The few facts of a case that a list shows, straight from its record: ``{legal_name, volume, problem}``."""
    told: dict[str, Any] = {"legal_name": None, "volume": None, "problem": row.problem}
    if row.document:
        try:
            application = tx.codec.load(row.document, f"case:{row.id}").get("application", {})
        except TamperedRecord as error:
            return told | {"problem": f"{error.code}: {error.detail}"}
        volume = application.get("expected_annual_volume") or {}
        amount = " ".join(str(volume[name]) for name in ("amount", "currency") if volume.get(name))
        told |= {"legal_name": application.get("legal_name"), "volume": amount or None}
    return told


def assign(tx: Tx, case_id: str, assignee: str | None, actor: str) -> None:
    """Say who has the case."""
    tx.conn.execute(update(cases).where(cases.c.id == case_id), {"assignee": assignee})
    audit.append(tx, case_id, actor, "case.assigned", {"assignee": assignee})


def versions(tx: Tx, case_id: str) -> list[Any]:
    """Every application version: ``version, received_at, actor``."""
    columns = (submissions.c.version, submissions.c.received_at, submissions.c.actor)
    return list(
        tx.conn.execute(select(*columns).where(submissions.c.case_id == case_id).order_by(submissions.c.version))
    )


def reviewed(tx: Tx, case_id: str) -> list[Any]:
    """The first review of every version that came to one, oldest first."""
    query = select(reviews).where(reviews.c.case_id == case_id, reviews.c.stage == "review")
    return list(tx.conn.execute(query.order_by(reviews.c.round)))
