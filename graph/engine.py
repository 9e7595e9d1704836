"""What goes on by itself in one process: the dispatcher that was chosen, and the timer beside it."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from graph.dispatch import Dispatcher
from graph.timer import Timer

DRAIN_SECONDS: Final = 20.0
_log = logging.getLogger("onboard.engine")


class Engine:
    """Starts and drains both. ``drain`` lets every run of this process stop at its next super-step."""

    def __init__(self, dispatcher: Dispatcher, timer: Timer, drain: Callable[[], None]) -> None:
        self.dispatcher = dispatcher
        self.timer = timer
        self._drain = drain

    async def start(self) -> None:
        """Take up everything that is due, then go on."""
        await self.timer.start()
        await self.dispatcher.start()

    async def stop(self) -> None:
        """Drain: runs stop at their next super-step, letters on the wire arrive, the rest is for the next start."""
        self._drain()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.gather(self.dispatcher.stop(), self.timer.stop())
        except TimeoutError:
            _log.warning("not everything ended in %d s; what did not is done again", DRAIN_SECONDS)
