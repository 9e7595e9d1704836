"""What the desk asks of the ledger: the queue in the order it is due, who has a case, and its versions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, case, delete, func, insert, select, tuple_, update

from checkpoints import audit
from checkpoints.database import Tx
from checkpoints.schema import cases, desk_views, reviews, submissions
from onboarding.errors import TamperedRecord

ORDERS: Final[dict[str, tuple[Any, ...]]] = {
    "due": (cases.c.queue_due, cases.c.id),
    "risk": (cases.c.queue_rank, cases.c.queue_due, cases.c.id),
    "age": (cases.c.seq,),
}
"""How the queue can be sorted: soonest due, riskiest (then soonest due), waiting longest. Each has its index."""


def waiting(
    tx: Tx,
    *,
    filters: Mapping[str, str | None],
    which: Iterable[ColumnElement[bool]],
    order: str,
    after: Sequence[str] | None,
    limit: int,
) -> list[Any]:
    """Rows of ``cases`` that wait for a person, in one of :data:`ORDERS`. ``after``: see :func:`place`."""
    columns = ORDERS[order]
    query = select(cases).where(cases.c.queue_due.is_not(None), *which).order_by(*columns).limit(limit)
    for name, value in filters.items():
        if value is not None:
            query = query.where(cases.c[name] == value)
    last = _placed(columns, after)
    if last is not None:
        query = query.where(tuple_(*columns) > tuple_(*last))
    return list(tx.conn.execute(query))


def place(row: Any, order: str) -> tuple[str, ...]:
    """Where a row stands in this order: what the next page starts after."""
    return tuple(str(row._mapping[column.name]) for column in ORDERS[order])


def _placed(columns: tuple[Any, ...], after: Sequence[str] | None) -> list[Any] | None:
    """The place as values of the columns; None for what is no place in this order."""
    if not after or len(after) != len(columns):
        return None
    try:
        found = [column.type.python_type(value) for column, value in zip(columns, after, strict=True)]
    except ValueError:
        return None
    return None if any(isinstance(value, int) and abs(value) > 2**31 - 1 for value in found) else found


class Counts(NamedTuple):
    """How many cases wait for a person: by stage, and how many of them are late."""

    stages: dict[str, int]
    late: int

    @property
    def waiting(self) -> int:
        return sum(self.stages.values())


def counts(tx: Tx, which: Iterable[ColumnElement[bool]] = ()) -> Counts:
    """Counted in one walk along the stages' index: a moment for a hundred, some milliseconds for a hundred thousand."""
    late = func.sum(case((cases.c.queue_due < tx.now, 1), else_=0))
    query = select(cases.c.queue_stage, func.count(), late).where(cases.c.queue_due.is_not(None), *which)
    rows = tx.conn.execute(query.group_by(cases.c.queue_stage)).all()
    return Counts({row[0]: row[1] for row in rows}, int(sum(row[2] or 0 for row in rows)))


MOST_OF_ONE: Final = 1_000


def count_of(tx: Tx, assignee: str) -> int:
    """How many waiting cases this person has, counted no further than :data:`MOST_OF_ONE`."""
    mine = select(cases.c.id).where(cases.c.queue_due.is_not(None), cases.c.assignee == assignee)
    return int(tx.conn.execute(select(func.count()).select_from(mine.limit(MOST_OF_ONE).subquery())).scalar_one())


def headline(tx: Tx, row: Any) -> dict[str, Any]:
    """The few facts of a case that a list shows, straight from its record: ``{legal_name, volume, problem}``.

    ``volume`` is ``{amount, currency}`` or None.
    """
    told: dict[str, Any] = {"legal_name": None, "volume": None, "problem": row.problem}
    if row.document:
        try:
            application = tx.codec.load(row.document, f"case:{row.id}").get("application", {})
        except TamperedRecord as error:
            return told | {"problem": f"{error.code}: {error.detail}"}
        volume = application.get("expected_annual_volume") or {}
        told |= {"legal_name": application.get("legal_name"), "volume": volume if volume.get("amount") else None}
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


def saved_view(tx: Tx, name: str) -> str | None:
    """How this person wants to see the queue, as a query string."""
    query = select(desk_views.c.query).where(desk_views.c.name == name)
    return tx.conn.execute(query).scalar_one_or_none()


def save_view(tx: Tx, name: str, query: str | None) -> None:
    """Keep it, or with None forget it."""
    tx.conn.execute(delete(desk_views).where(desk_views.c.name == name))
    if query is not None:
        tx.conn.execute(insert(desk_views), {"name": name, "query": query, "at": tx.now})
