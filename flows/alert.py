"""When a worker asks Prefect's server for runs: each time costs it 40 ms of CPU, whether there are any or not."""

import time
from collections.abc import Callable
from typing import Final

SOON: Final = 0.3
"""Seconds after a case was touched: by then its run has been triggered, mostly."""
GAP: Final = 0.8
"""Shortest time between two looks."""
LINGER: Final = 3.0
"""Seconds after the last news for which runs are looked for at every gap."""
IDLE: Final = 5.0
"""Seconds between two looks without any news: for what the clock starts, and for news that got lost."""


class Alert:
    """Soon after something was committed to the ledger, by whomever; else now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = self._until = float("-inf")
        self._next = clock()

    def news(self, touched: set[str]) -> None:
        """Cases were touched. From any thread."""
        now = self._clock()
        self._until = now + LINGER
        self._next = max(self._last + GAP, min(self._next, now + SOON))

    def due(self) -> bool:
        """Whether to look now; who is told so does."""
        now = self._clock()
        if now < self._next:
            return False
        self._last, self._next = now, now + (GAP if now < self._until else IDLE)
        return True
