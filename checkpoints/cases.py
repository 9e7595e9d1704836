"""Cases as they stand, and the work that is due on them."""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, exists, func, or_, select, update

from checkpoints import audit as trail
from checkpoints import records
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.prepared import Prepared
from checkpoints.schema import cases, leases
from checkpoints.timing import has_come, millis, moment
from checkpoints.transaction import asked, moved
from onboarding.case import CLOSED, CaseRecord, Status
from onboarding.errors import CaseNotFound, Conflict

_MINE: Final = cases.c.id == bindparam("of_case")
_CASE: Final = Prepared(select(cases).where(_MINE))
_WITHOUT_DOCUMENT: Final = Prepared(select(*(column for column in cases.c if column.key != "document")).where(_MINE))
_STATUS: Final = Prepared(select(cases.c.status).where(_MINE))
UNQUEUED: Final = {"queue_due": None, "queue_stage": None, "queue_review": None}
_OWN: Final = update(cases).where(_MINE, cases.c.copied_from.is_(None))
_ASKED: Final = {"work_asked": cases.c.work_asked + 1, "work_after": None, "attempts": 0}
_ASK: Final = Prepared(_OWN.values(_ASKED))
_RESUME: Final = Prepared(_OWN.values(_ASKED), "status", "updated_at", *UNQUEUED)
_FINISH: Final = Prepared(
    update(cases).where(_MINE).values({"attempts": 0, "work_after": None}).returning(cases.c.work_asked), "work_done"
)


@cache
def _setting(*columns: str) -> Prepared:
    return Prepared(update(cases).where(_MINE), *columns)


def _set(tx: Tx, case_id: str, **values: Any) -> None:
    """Write these columns of the case."""
    _setting(*values).run(tx, of_case=case_id, **values)


def get(tx: Tx, case_id: str) -> Any:
    """The case's row. Raises CaseNotFound."""
    return _found(_CASE.first(tx, of_case=case_id))


def _found(row: Any | None) -> Any:
    if row is None:
        raise CaseNotFound()
    return row


def without_document(tx: Tx, case_id: str) -> Any:
    """The case's row without its one large column. Raises CaseNotFound."""
    return _found(_WITHOUT_DOCUMENT.first(tx, of_case=case_id))


def status_of(tx: Tx, case_id: str) -> str:
    """Only the status. Raises CaseNotFound."""
    status: str | None = _STATUS.scalar(tx, of_case=case_id)
    if status is None:
        raise CaseNotFound()
    return status


def set_status(
    tx: Tx, case_id: str, status: Status, *, problem: str | None = None, queued: Mapping[str, str] | None = None
) -> None:
    """Move the public status; a closed case keeps the time it closed. ``queued``: its place among what waits."""
    values: dict[str, Any] = {"status": status, "updated_at": tx.now, "problem": problem} | dict(queued or {})
    if status in CLOSED:
        values["closed_at"] = tx.now
    _set(tx, case_id, **values)
    tx.touched.add(moved(case_id))
    trail.append(
        tx, case_id, "onboarding", "case.status", {"status": status} | ({"problem": problem} if problem else {})
    )


def record(tx: Tx, case_id: str, result: CaseRecord) -> str:
    """Store what PreOnboarding established and return its hash."""
    body = result.to_json()
    values = {
        "document": tx.codec.dump(body, f"case:{case_id}"),
        "country": result.application.country,
        "recommendation": result.recommendation.action,
        "risk_score": result.risk.score,
        "risk_level": result.risk.level,
        "queue_rank": 100 - result.risk.score,
        "version": result.version,
        "updated_at": tx.now,
    }
    _set(tx, case_id, **values)
    return digest(body)


def record_of(tx: Tx, row: Any) -> CaseRecord | None:
    """What PreOnboarding established for this case row, or None before it finished."""
    return tx.codec.load(row.document, f"case:{row.id}", records.parse).record if row.document else None


def listed(
    tx: Tx, *, filters: Mapping[str, str | None], which: Iterable[ColumnElement[bool]], before: int | None, limit: int
) -> Any:
    """Rows newest first. ``filters`` are equalities by column; ``which`` what else has to hold of a case."""
    query = select(cases).order_by(cases.c.seq.desc()).limit(limit).where(*which)
    for name, value in filters.items():
        if value is not None:
            query = query.where(cases.c[name] == value)
    if before is not None:
        query = query.where(cases.c.seq < before)
    return tx.conn.execute(query).all()


def ids(tx: Tx, statuses: Collection[str] = ()) -> list[str]:
    """Every case (of these statuses), newest first."""
    query = select(cases.c.id).order_by(cases.c.seq.desc())
    return list(tx.conn.scalars(query.where(cases.c.status.in_(statuses)) if statuses else query))


def counts(tx: Tx) -> dict[str, int]:
    """Cases by status."""
    return {row[0]: row[1] for row in tx.conn.execute(select(cases.c.status, func.count()).group_by(cases.c.status))}


def open_graph_versions(tx: Tx) -> dict[str, int]:
    """How many open cases stand in which graph version."""
    query = select(cases.c.graph_version, func.count()).where(
        cases.c.status.not_in(sorted(CLOSED)), cases.c.copied_from.is_(None)
    )
    return {row[0]: row[1] for row in tx.conn.execute(query.group_by(cases.c.graph_version))}


# Work due: the ledger, not the engine, says what should be running.


def ask(tx: Tx, case_id: str) -> None:
    """Something happened that a runner must look at."""
    if not _ASK.run(tx, of_case=case_id):
        own(tx, case_id)
    tx.touched |= {case_id, asked(case_id)}


def own(tx: Tx, case_id: str) -> None:
    """Refuse to touch a copy. Raises CaseNotFound, Conflict."""
    if without_document(tx, case_id).copied_from:
        raise Conflict("This case is a copy from another installation: it can be looked at, nothing can be done on it.")


def resume(tx: Tx, case_id: str) -> None:
    """Its wait is over: nobody is awaited any more, and a runner must look at it."""
    if not _RESUME.run(tx, of_case=case_id, status="processing", updated_at=tx.now, **UNQUEUED):
        own(tx, case_id)
    tx.touched |= {case_id, moved(case_id), asked(case_id)}


FARTHEST: Final = timedelta(minutes=5)
"""No run is postponed for longer."""


def due(tx: Tx, limit: int = 1000, *, left: Callable[[str], bool] = lambda _: False) -> list[tuple[str, int]]:
    """Cases with work due now that nobody runs, oldest first, as ``(id, attempts already begun)``.

    Those of a graph version that is ``left`` to other code are not among them.
    """
    wanted = cases.c.work_asked > cases.c.work_done
    others = list(tx.conn.scalars(select(cases.c.graph_version).where(wanted).distinct()))
    query = (
        select(cases.c.id, cases.c.attempts)
        .where(wanted, cases.c.status != "quarantined", cases.c.graph_version.not_in(filter(left, others)))
        .where(or_(cases.c.work_after.is_(None), has_come(cases.c.work_after)))
        .order_by(cases.c.seq)
        .limit(limit)
    )
    if tx.conn.dialect.name == "postgresql":
        query = query.where(~exists().where(leases.c.case_id == cases.c.id, leases.c.until > millis(tx)))
    return [(row.id, row.attempts) for row in tx.conn.execute(query, moment(tx, FARTHEST))]


def wanting(tx: Tx, case_id: str) -> Any | None:
    """The case's row, if work is due on it. ``attempts``: so often it was begun without finishing a step."""
    row = without_document(tx, case_id)
    return row if row.work_asked > row.work_done and row.status != "quarantined" else None


def begin(tx: Tx, row: Any, graph: str) -> None:
    """Count an attempt before it runs, so that a case which kills its process is known.

    From here on the case is one of the graph version ``graph``: older code leaves it alone.
    """
    case_id = row.id
    values: dict[str, Any] = {"attempts": row.attempts + 1, "updated_at": tx.now, "graph_version": graph}
    if row.status == "received":
        values["status"] = "processing"
        tx.touched.add(moved(case_id))
    _set(tx, case_id, **values)
    if row.attempts:
        trail.append(tx, case_id, "onboarding", "run.resumed", {"attempt": row.attempts + 1})


def progressed(tx: Tx, case_id: str) -> None:
    """A step ended: what came before it is not to blame for a later crash."""
    _set(tx, case_id, attempts=1)


def interrupted(tx: Tx, case_id: str) -> None:
    """We stopped it ourselves, between two steps: the work is still due and nobody is to blame."""
    _set(tx, case_id, attempts=0)


def finish(tx: Tx, case_id: str, asked: int) -> bool:
    """Everything asked up to ``asked`` was looked at. Returns whether more was asked meanwhile."""
    standing = _FINISH.scalar(tx, of_case=case_id, work_done=asked)
    return bool(standing is not None and standing > asked)


def postpone(tx: Tx, case_id: str, until: str, problem: str) -> None:
    """The run failed and is to be tried again at ``until``."""
    _set(tx, case_id, work_after=until)
    trail.append(tx, case_id, "onboarding", "run.failed", {"problem": problem, "again_at": until})


def quarantine(tx: Tx, case_id: str, problem: str) -> bool:
    """Set the case aside: an operator looks at it, the others go on. Returns whether this call did it."""
    if status_of(tx, case_id) == "quarantined":
        return False
    set_status(tx, case_id, "quarantined", problem=problem)
    return True


def release(tx: Tx, case_id: str, actor: str) -> None:
    """Take the case out of quarantine and try again from where it stands."""
    values = {"status": "processing", "problem": None, "updated_at": tx.now}
    _set(tx, case_id, **values)
    tx.touched.add(moved(case_id))
    trail.append(tx, case_id, actor, "case.released", {})
    ask(tx, case_id)


def rebuilt(tx: Tx, case_id: str, graph: str) -> None:
    """What the graph remembers of the case was made anew, in this graph version."""
    _set(tx, case_id, graph_version=graph, attempts=0)


def next_version(tx: Tx, case_id: str, version: int) -> None:
    _set(tx, case_id, version=version, updated_at=tx.now)


def withdraw(tx: Tx, case_id: str, actor: str) -> None:
    """Note that the case is to end at its next wait."""
    own(tx, case_id)
    _set(tx, case_id, withdrawn_by=actor)
