"""How many calls to one outside service are in progress at once, in all processes together: Prefect keeps the count.

A place is held under a lease, so a process that dies gives it back by dying: once its longest call could have ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final

from onboarding.errors import ServiceRefused, ServiceUnavailable
from tools.prefect_api import PrefectApi

Turn = Callable[[], AbstractAsyncContextManager[None]]
"""Inside, one call may be made. Raises ServiceUnavailable, ServiceRefused."""
LOOK: Final = 0.25
"""Seconds between two looks for a free place. Of one process only the first in line looks."""
SLACK: Final = 15.0
"""Seconds that a place is held beyond the longest call, so that it is never another's while the call goes on."""
_log = logging.getLogger("onboard.engine")


def free() -> AbstractAsyncContextManager[None]:
    """The turn of whom nothing limits."""
    return nullcontext()


class Limit:
    """The limit called ``name``, as it was deployed; a call lasts ``longest`` seconds at most."""

    def __init__(self, api: PrefectApi, name: str, longest: float) -> None:
        self.name = name
        self._api = api
        self._seconds = longest + SLACK
        self._line = asyncio.Lock()
        self._giving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, for as long as the caller does, and hold it."""
        async with self._line:
            while (lease := await self._taken()) is None:  # noqa: ASYNC110 - another process gives it back
                await asyncio.sleep(LOOK)
        try:
            yield
        finally:
            self._soon(self._give(lease))

    async def aclose(self) -> None:
        """Return once every place is given back."""
        await asyncio.gather(*self._giving)

    async def _taken(self) -> str | None:
        """A place, or None. Whoever is cancelled meanwhile gives back what the server grants."""
        asking = asyncio.ensure_future(self._api.take(self.name, self._seconds))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._soon(self._unwanted(asking))
            raise

    async def _unwanted(self, asking: asyncio.Future[str | None]) -> None:
        try:
            lease = await asking
        except (ServiceUnavailable, ServiceRefused):
            return
        if lease is not None:
            await self._give(lease)

    async def _give(self, lease: str) -> None:
        try:
            await self._api.give(lease)
        except (ServiceUnavailable, ServiceRefused) as error:
            _log.warning("a place of %s is free only when its lease is over: %s", self.name, error.detail)

    def _soon(self, work: Any) -> None:
        self._giving.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._giving.discard)
