"""What a case's triggers were traced under, carried over its waits. Nothing is here while tracing is off."""

from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from checkpoints.database import Tx
from checkpoints.schema import traces

_ONE = select(traces.c.origin, traces.c.latest).where(traces.c.case_id == bindparam("of_case"))


class Traced(NamedTuple):
    """W3C ``traceparent`` of the submission, and of what moved the case last (a decision, an answer)."""

    origin: str | None = None
    latest: str | None = None


def keep(tx: Tx, case_id: str, traceparent: str | None) -> None:
    """Remember what the case is moved under now; the first stays its origin. None changes nothing."""
    if traceparent is None:
        return
    row = {"case_id": case_id, "origin": traceparent, "latest": traceparent}
    if tx.conn.execute(_ONE, {"of_case": case_id}).first() is None:
        tx.conn.execute(insert(traces), row)
    else:
        tx.conn.execute(update(traces).where(traces.c.case_id == case_id), {"latest": traceparent})


def of_case(tx: Tx, case_id: str) -> Traced:
    """Empty when the case was never traced."""
    row = tx.conn.execute(_ONE, {"of_case": case_id}).first()
    return Traced(row.origin, row.latest) if row is not None else Traced()


def forget(tx: Tx, case_ids: list[str]) -> None:
    """Nothing will move these cases any more."""
    tx.conn.execute(delete(traces).where(traces.c.case_id.in_(case_ids)))
