"""The verbs of housekeeping on a timer, inside the process."""

import asyncio
import logging

from graph.housekeeping import Housekeeping

_log = logging.getLogger("onboard.engine")


class Timer:
    """Relays letters, at once when told and every ``seconds``; with ``sweeps`` it does all the rest as well."""

    def __init__(self, house: Housekeeping, seconds: float, *, sweeps: bool) -> None:
        self._house = house
        self._seconds = seconds
        self._sweeps = sweeps
        self._letters = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def letters(self) -> None:
        """There may be letters to send."""
        self._letters.set()

    async def start(self) -> None:
        """Take up everything that is due, then go on."""
        await self._house.take_up_letters()
        self._relaying = asyncio.create_task(self._relay_forever())
        self._tasks = [self._relaying]
        if self._sweeps:
            await self._look()
            self._tasks.append(asyncio.create_task(self._sweep_forever()))

    async def stop(self) -> None:
        """Let the letters on the wire arrive. Cancelled, it gives them up; they are sent again."""
        self._stopping = True
        self._letters.set()
        try:
            await asyncio.wait([self._relaying])
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self) -> None:
        await self._house.tick()
        await self._house.sweep()

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._look()
                await self._house.seal()
                await self._house.prune()
                await self._house.rescreen()
            except Exception:  # noqa: BLE001 - the next sweep finds the same work
                _log.exception("sweep failed")

    async def _relay_forever(self) -> None:
        failed = False
        while not self._stopping:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._letters.wait()
            except TimeoutError:
                pass
            self._letters.clear()
            try:
                if failed:
                    await self._house.take_up_letters()
                    failed = False
                await self._house.relay(lambda: not self._stopping)
            except Exception:  # noqa: BLE001 - what was taken is taken again
                failed = True
                _log.exception("relay failed")
