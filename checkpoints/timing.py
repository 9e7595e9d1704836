"""Times in the ledger under a clock that may be set: what is due stays due, whichever way the clock jumped."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_

from checkpoints.database import Tx, stamp


def millis(tx: Tx) -> int:
    """The transaction's time in milliseconds since 1970."""
    return round(datetime.fromisoformat(tx.now).timestamp() * 1000)


def come(tx: Tx, at: ColumnElement[Any], farthest: timedelta) -> ColumnElement[bool]:
    """Whether the time ``at`` has come, or is farther off than any we set: then the clock was set back since."""
    return or_(at <= tx.now, at > stamp(datetime.fromisoformat(tx.now) + farthest))
