"""Times in the ledger under a clock that may be set: what is due stays due, whichever way the clock jumped."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, or_

from checkpoints.database import Tx, stamp


def millis(tx: Tx) -> int:
    """The transaction's time in milliseconds since 1970."""
    return round(datetime.fromisoformat(tx.now).timestamp() * 1000)


def moment(tx: Tx, farthest: timedelta) -> dict[str, str]:
    """What :func:`has_come` compares with."""
    return {"now": tx.now, "too_far": stamp(datetime.fromisoformat(tx.now) + farthest)}


def has_come(at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the time ``at`` has come, or is farther off than any we set: then the clock was set back since."""
    return or_(at <= bindparam("now"), at > bindparam("too_far"))
