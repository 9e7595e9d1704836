"""The in-process engine: a bounded pool that calls ``advance``, and a sweeper that finds whatever was not called."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from checkpoints import outbox
from graph import clock
from graph.context import Context
from graph.relay import Deliver, relay
from graph.runner import Runner
from graph.upkeep import upkeep
from onboarding.errors import StorageUnavailable

SUSPECT: Final = 2
"""Begun this often without ending a step: from then on it runs alone, so that a crash is nobody else's fault."""
DRAIN_SECONDS: Final = 20.0
_log = logging.getLogger("onboard.engine")


class LocalEngine:
    """Owns the pool, the sweeper and the relay of one process."""

    def __init__(self, runner: Runner, context: Context, deliver: Deliver) -> None:
        self.runner = runner
        self.context = context
        self.deliver = deliver
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: set[str] = set()
        self._suspects: set[str] = set()
        self._active = 0
        self._loners = 0
        self._stopping = False
        self._idle = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self._letters = asyncio.Event()

    def nudge(self, case_id: str) -> None:
        """A case has work due. From the event loop's thread."""
        if case_id not in self._queued:
            self._queued.add(case_id)
            self._queue.put_nowait(case_id)

    async def start(self) -> None:
        """Take up everything that is due, then go on."""
        await self._take_up_letters()
        await self._sweep()
        workers = self.context.settings.concurrency
        loops = [self._work() for _ in range(workers)] + [self._sweep_forever()]
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        self._relaying = asyncio.create_task(self._relay_forever())

    async def stop(self) -> None:
        """Drain: runs stop at their next super-step, letters on the wire arrive, the rest is for the next start."""
        self.runner.drain()
        self._stopping = True
        self._letters.set()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async with self._idle:
                    await self._idle.wait_for(lambda: self._active == 0)
                await asyncio.wait([self._relaying])
        except TimeoutError:
            _log.warning("stopped with %d runs still going; they continue at the next start", self._active)
        for task in (*self._tasks, self._relaying):
            task.cancel()
        await asyncio.gather(*self._tasks, self._relaying, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            case_id = await self._queue.get()
            self._queued.discard(case_id)
            async with self._place(alone=case_id in self._suspects):
                await self._advance(case_id)

    async def _advance(self, case_id: str) -> None:
        try:
            await self.runner.advance(case_id)
        except StorageUnavailable:
            _log.warning("storage unavailable; the sweeper tries again", extra={"case_id": case_id})
        except Exception:  # noqa: BLE001 - one case must not stop the pool
            _log.exception("advance failed", extra={"case_id": case_id})
        self._letters.set()

    @asynccontextmanager
    async def _place(self, *, alone: bool) -> AsyncIterator[None]:
        """A place to run in; ``alone`` waits until nobody else runs and lets nobody in."""
        async with self._idle:
            self._loners += alone  # whoever wants to be alone goes first, or a busy day would never let it
            try:
                await self._idle.wait_for(
                    lambda: self._active == 0 if alone else self._active >= 0 and not self._loners
                )
            finally:
                self._loners -= alone
            self._active = -1 if alone else self._active + 1
        try:
            yield
        finally:
            async with self._idle:
                self._active = 0 if alone else self._active - 1
                self._idle.notify_all()

    async def _sweep(self) -> None:
        await clock.tick(self.context)
        due = await clock.due(self.context)
        self._suspects = {case_id for case_id, attempts in due if attempts >= SUSPECT}
        for case_id, _ in due:
            self.nudge(case_id)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self.context.settings.sweep_seconds)
            try:
                await self._sweep()
                await upkeep(self.context, self.runner.graph)
            except Exception:  # noqa: BLE001 - the next sweep finds the same work
                _log.exception("sweep failed")

    async def _take_up_letters(self) -> None:
        """Nothing is on the wire: what was taken and not sent is free again. Elsewhere others may be sending."""
        if self.context.db.dialect == "sqlite":
            await self.context.db.write(outbox.take_up)

    async def _relay_forever(self) -> None:
        failed = False
        while not self._stopping:
            try:
                async with asyncio.timeout(self.context.settings.sweep_seconds):
                    await self._letters.wait()
            except TimeoutError:
                pass
            self._letters.clear()
            try:
                if failed:
                    await self._take_up_letters()
                    failed = False
                while not self._stopping and await relay(self.context, self.deliver, lambda: not self._stopping):
                    pass
            except Exception:  # noqa: BLE001 - what was taken is taken again
                failed = True
                _log.exception("relay failed")
