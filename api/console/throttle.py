"""How often somebody may try: so many times in so long, by any name. In memory: a restart forgives."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

MOST_NAMES: Final = 10_000


class Throttle:
    """``allowed(name)`` counts a try and says whether it was one too many. Bounded, whoever comes."""

    def __init__(self, most: int, within: timedelta, clock: Callable[[], datetime]) -> None:
        self._most, self._within, self._clock = most, within, clock
        self._tries: OrderedDict[str, deque[datetime]] = OrderedDict()

    def allowed(self, name: str) -> bool:
        """Count this try, unless there were too many."""
        now = self._clock()
        tries = self._tries.setdefault(name, deque())
        self._tries.move_to_end(name)
        while len(self._tries) > MOST_NAMES:
            self._tries.popitem(last=False)
        while tries and now - tries[0] > self._within:
            tries.popleft()
        if len(tries) >= self._most:
            return False
        tries.append(now)
        return True
