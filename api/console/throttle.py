"""How often somebody may try: so many times in so long, by any name. In memory: a restart forgives."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Final

from starlette.requests import Request

MOST_NAMES: Final = 10_000
_ONE_HOUSEHOLD: Final = 64
"""Leading bits of an IPv6 address that one subscriber is given: all behind them are one place."""


def place_of(request: Request) -> str:
    """Where a request comes from: its address, as the proxies that are trusted tell it; of IPv6 the network."""
    told = request.client.host if request.client else ""
    try:
        address = ip_address(told)
    except ValueError:
        return told
    if address.version == 4:
        return told
    inner = address.ipv4_mapped
    return str(inner or ip_network((address, _ONE_HOUSEHOLD), strict=False))


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
