"""Which of PostgreSQL's troubles pass by themselves, and how long to wait for that."""

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

_PASSING: Final = {
    "40001",  # serialization failure
    "40P01",  # deadlock
    "57P01",  # admin shutdown
    "57P02",  # crash shutdown
    "57P03",  # cannot connect now: starting, stopping or recovering
    "53300",  # too many connections
}
_LONGEST: Final = 0.5


def is_passing(error: DBAPIError) -> bool:
    """Whether the same work may well succeed in a new transaction: nothing of this one was committed."""
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _PASSING or state.startswith("08")
    return error.connection_invalidated or isinstance(error, OperationalError)


class Patience:
    """Waits a little longer each time, until it runs out after ``seconds``."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + seconds
        self._next = 0.02

    def wait(self) -> bool:
        """Sleep before the next try. False when it is over."""
        if self._clock() + self._next > self._until:
            return False
        time.sleep(self._next)
        self._next = min(self._next * 2, _LONGEST)
        return True
