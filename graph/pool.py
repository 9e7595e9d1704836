"""The in-process dispatcher: a bounded pool that calls ``advance``."""

import asyncio
import logging
from collections.abc import Callable

from checkpoints.database import Database
from checkpoints.transaction import asked_of
from graph.places import Places
from graph.runner import Runner
from onboarding.errors import StorageUnavailable

_log = logging.getLogger("onboard.engine")


class Pool:
    """Runs ``size`` cases at once; ``ended`` is called after each."""

    def __init__(self, runner: Runner, size: int, ended: Callable[[], None]) -> None:
        self.places = Places()
        self._runner = runner
        self._size = size
        self._ended = ended
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._queued: dict[str, bool] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def nudge(self, case_id: str, *, suspect: bool = False) -> None:
        """Queue the case, once."""
        if case_id not in self._queued:
            self._queue.put_nowait(case_id)
        self._queued[case_id] = self._queued.get(case_id, False) or suspect

    def hear(self, db: Database) -> None:
        """Be nudged by the commits of other processes: what goes unsaid the sweep finds."""
        loop = asyncio.get_running_loop()

        def heard(touched: set[str]) -> None:
            for case_id in asked_of(touched):
                loop.call_soon_threadsafe(self.nudge, case_id)

        db.watch(heard)

    async def start(self) -> None:
        """Take up what is queued."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._size)]

    async def stop(self) -> None:
        """Wait for the runs, which the runner drains. Cancelled, it gives them up; they continue at the next start."""
        try:
            await self.places.empty()
        except asyncio.CancelledError:
            _log.warning("stopped with %d runs still going; they continue at the next start", self.places.taken)
            raise
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            case_id = await self._queue.get()
            async with self.places.place(alone=self._queued.pop(case_id)):
                await self._advance(case_id)

    async def _advance(self, case_id: str) -> None:
        try:
            await self._runner.advance(case_id)
        except StorageUnavailable:
            _log.warning("storage unavailable; the sweeper tries again", extra={"case_id": case_id})
        except Exception:  # noqa: BLE001 - one case must not stop the pool
            _log.exception("advance failed", extra={"case_id": case_id})
        self._ended()
