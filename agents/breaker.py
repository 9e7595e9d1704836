"""A circuit breaker: when the endpoint is down, no further case waits for it."""

import time
from collections.abc import Callable


class Breaker:
    """Opens after ``failures`` in a row for ``seconds``; then one call may try, and its outcome decides.

    Counts calls that brought nothing back, whichever case they were for. One object per process and endpoint.
    """

    def __init__(self, failures: int = 5, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._seconds, self._clock = failures, seconds, clock
        self._failed = 0
        self._opened: float | None = None
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether calls are refused just now (a due trial is not)."""
        if self._opened is None:
            return False
        return self._trying or self._clock() - self._opened < self._seconds

    def enter(self) -> bool:
        """Whether a call may be made now. While open, the first caller after the pause is the trial."""
        if self.open:
            return False
        self._trying = self._opened is not None
        return True

    def succeeded(self) -> None:
        """The endpoint answered, whatever it said."""
        self._failed, self._opened, self._trying = 0, None, False

    def failed(self) -> None:
        """The endpoint brought nothing back."""
        self._failed += 1
        if self._trying or self._failed >= self._limit:
            self._opened, self._trying = self._clock(), False

    def abandoned(self) -> None:
        """A call ended without saying anything about the endpoint (the run was cancelled)."""
        self._trying = False
