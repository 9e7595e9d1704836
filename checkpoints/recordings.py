"""Every call to a model, kept: what a case cost, why its findings are what they are, and replay at no cost.

A call is answered from here when an equal request (by hash) of the same case was answered before: a step that runs
again after a crash pays nothing twice.
"""

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select

from checkpoints import audit
from checkpoints.database import Tx
from checkpoints.prepared import Prepared
from checkpoints.schema import recordings
from onboarding.model_call import PAID, ModelCall, Spent

_SEALED: Final = ("reply", "parameters", "detail")
_MINE: Final = recordings.c.case_id == bindparam("of_case")
_MODEL: Final = Prepared(select(recordings.c.model).where(_MINE).order_by(recordings.c.number).limit(1))
_SPENT: Final = Prepared(
    select(recordings.c.input_tokens, recordings.c.output_tokens, recordings.c.cost, recordings.c.latency_ms).where(
        _MINE, recordings.c.outcome != "gave_up"
    )
)
_PLAIN: Final = tuple(name for name in ModelCall.model_fields if name not in _SEALED)


def keep(tx: Tx, case_id: str, version: int, call: ModelCall) -> None:
    """Store one call. What was said is sealed; what lists and sums need stands in columns."""
    document = call.to_json()
    number = 1 + (tx.conn.scalar(select(func.max(recordings.c.number)).where(recordings.c.case_id == case_id)) or 0)
    row = {name: document[name] for name in _PLAIN} | {"case_id": case_id, "version": version, "number": number}
    body = {name: document[name] for name in _SEALED}
    row |= {"body": tx.codec.dump(body, f"recording:{case_id}:{number}"), "at": tx.now}
    tx.conn.execute(insert(recordings), row)
    said = {"step": call.step, "model": call.model, "outcome": call.outcome, "ms": call.latency_ms}
    used = {"input_tokens": call.input_tokens, "output_tokens": call.output_tokens, "cost": call.cost}
    audit.append(tx, case_id, "onboarding", "model.called", {**said, **used, "prompt": call.prompt_id})


def find(tx: Tx, case_id: str, request_hash: str) -> ModelCall | None:
    """The call that answered this request on this case, else the note that nobody did, else None."""
    query = (
        select(recordings)
        .where(recordings.c.case_id == case_id, recordings.c.request_hash == request_hash)
        .where(recordings.c.outcome.in_([*sorted(PAID), "gave_up"]))
        .order_by(recordings.c.number)
    )
    rows = tx.conn.execute(query).all()
    row = min(rows, key=lambda found: found.outcome == "gave_up", default=None)
    return _call(tx, row) if row is not None else None


def model_of(tx: Tx, case_id: str) -> str | None:
    """The name of the model that was asked on this case, None if none was."""
    return _MODEL.scalar(tx, of_case=case_id)


def spent(tx: Tx, case_id: str) -> Spent:
    """What the case cost so far, over all its versions. Costs are summed exactly, not as floats."""
    rows = _SPENT.all(tx, of_case=case_id)
    return Spent(
        calls=len(rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        cost=format(sum((Decimal(row.cost) for row in rows), Decimal(0)), "f"),
        seconds=sum(row.latency_ms for row in rows) / 1000,
    )


def of_case(tx: Tx, case_id: str) -> list[ModelCall]:
    """All calls of the case in order. Raises TamperedRecord."""
    rows = tx.conn.execute(select(recordings).where(recordings.c.case_id == case_id).order_by(recordings.c.number))
    return [_call(tx, row) for row in rows]


def _call(tx: Tx, row: Any) -> ModelCall:
    body = tx.codec.load(row.body, f"recording:{row.case_id}:{row.number}")
    return ModelCall.from_json({name: getattr(row, name) for name in _PLAIN} | body)
