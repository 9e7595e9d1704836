"""Outside effects: one row per business key, written before the call and completed after it."""

from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from checkpoints import audit as trail
from checkpoints.database import Tx
from checkpoints.prepared import Prepared
from checkpoints.schema import effects

_THIS: Final = effects.c.key == bindparam("of_key")
_BY_KEY: Final = Prepared(select(effects).where(_THIS))
_OF_CASE: Final = Prepared(
    select(effects).where(effects.c.case_id == bindparam("of_case")).order_by(effects.c.service, effects.c.round)
)
_INTEND: Final = Prepared(insert(effects), *effects.c.keys())
_TAKE_UP: Final = Prepared(update(effects).where(_THIS), "round", "status", "created_at", "updated_at")
_ATTEMPT: Final = Prepared(update(effects).where(_THIS).values(attempts=effects.c.attempts + 1), "updated_at")
_SETTLE: Final = Prepared(update(effects).where(_THIS), "status", "reference", "detail", "updated_at")


def key_of(case_id: str, service: str, version: int, round_: int) -> str:
    """The business key: the same on every retry, never derived from a task or checkpoint id."""
    return f"{case_id}:{service}:v{version}:r{round_}"


UNDONE: Final = frozenset({"refused", "cancelled", "absent"})
"""Nothing of it stands at the service: a new round may ask under a new key. Anything else keeps its key."""


def intend(tx: Tx, case_id: str, service: str, version: int, round_: int, request_hash: str) -> dict[str, Any]:
    """Commit the intent before any call. Returns the row as it stands: another status means it went further before.

    In a later round an effect whose outcome is not known to be undone is taken up again under its old key: a second
    key for it could make a second activation.
    """
    mine = [row for row in of_case(tx, case_id) if (row["service"], row["version"]) == (service, version)]
    last = mine[-1] if mine else None
    if last is not None and last["round"] == round_:
        return last
    if last is not None and last["status"] not in UNDONE:
        return _take_up(tx, last, round_)
    row = {
        "key": key_of(case_id, service, version, round_),
        "case_id": case_id,
        "service": service,
        "version": version,
        "round": round_,
        "status": "intent",
        "reference": None,
        "attempts": 0,
        "request_hash": request_hash,
        "detail": None,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    _INTEND.run(tx, **row)
    trail.append(tx, case_id, "onboarding", "activation.intended", {"service": service, "key": row["key"]})
    return row


def _take_up(tx: Tx, row: dict[str, Any], round_: int) -> dict[str, Any]:
    status = "active" if row["status"] in ("active", "cancel_refused") else "intent"
    values = {"round": round_, "status": status, "created_at": tx.now, "updated_at": tx.now}
    _TAKE_UP.run(tx, of_key=row["key"], **values)
    data = {"service": row["service"], "key": row["key"], "round": round_, "status": status}
    trail.append(tx, row["case_id"], "onboarding", "activation.taken_up", data)
    return row | values


def find(tx: Tx, key: str) -> dict[str, Any] | None:
    row = _BY_KEY.first(tx, of_key=key)
    return row._asdict() if row else None


def of_case(tx: Tx, case_id: str) -> list[dict[str, Any]]:
    return [row._asdict() for row in _OF_CASE.all(tx, of_case=case_id)]


def attempt(tx: Tx, key: str) -> None:
    """Count one call, before it is made: after a crash it is known that the service may have been asked."""
    _ATTEMPT.run(tx, of_key=key, updated_at=tx.now)


def attempted(tx: Tx, key: str, outcome: str) -> None:
    """Tell what came of the last call."""
    row = find(tx, key)
    if row is not None:
        data = {"service": row["service"], "key": key, "attempt": row["attempts"], "outcome": outcome}
        trail.append(tx, row["case_id"], "onboarding", "activation.attempt", data)


def settle(tx: Tx, key: str, status: str, *, reference: str | None = None, detail: str | None = None) -> str:
    """Record how it ended and return that: ``active``, ``refused``, ``unavailable``, ``cancelled``,

    ``cancel_refused`` or ``absent`` (the service knows nothing of it, so there was nothing to undo).
    """
    row = find(tx, key)
    if row is None:
        raise KeyError(key)
    if row["status"] == status and row["detail"] == detail:
        return status
    values = {
        "status": status,
        "reference": reference or row["reference"],
        "detail": detail[:500] if detail else None,
        "updated_at": tx.now,
    }
    _SETTLE.run(tx, of_key=key, **values)
    data = {"service": row["service"], "key": key, "reference": values["reference"], "detail": values["detail"]}
    trail.append(tx, row["case_id"], "onboarding", f"activation.{status}", data)
    return status
