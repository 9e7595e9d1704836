"""Which of PostgreSQL's troubles pass by themselves, how long to wait for that, and who is still inside."""

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError

from onboarding.errors import StorageUnavailable

READS_ONLY: Final = "25006"
"""No writes here: a standby, or a managed server that is out of room. Another may answer under the same address."""
_PASSING: Final = {
    READS_ONLY,
    "40001",  # serialization failure
    "40P01",  # deadlock
    "57P01",  # admin shutdown
    "57P02",  # crash shutdown
    "57P03",  # cannot connect now: starting, stopping or recovering
    "53300",  # too many connections
    "25P03",  # the transaction stood still for too long: this process hung
    "55P03",  # a lock was not to be had; whoever holds it may hang
}
_LONGEST: Final = 0.5


def is_passing(error: DBAPIError) -> bool:
    """Whether the same work may well succeed in a new transaction: nothing of this one was committed."""
    if error.connection_invalidated:
        return True
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state in _PASSING or state.startswith("08")
    return isinstance(error, OperationalError)


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
        time.sleep(self._next * random.uniform(0.5, 1))  # noqa: S311 - or two that met once meet at every try
        self._next = min(self._next * 2, _LONGEST)
        return True


class Guests:
    """Counts who is inside; once closed nobody enters, and ``wait`` returns when the last has left."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise StorageUnavailable("The database is closed.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> bool:
        """False when it was closed before."""
        with self._changed:
            closed, self._closed = self._closed, True
            return not closed

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._inside == 0)
