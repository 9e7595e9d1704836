"""The dispatcher of a Prefect installation: it triggers the right deployment and runs nothing itself.

Each trigger carries an idempotency key made from the ledger, so a doubled one does nothing. A key whose run ended, or
is silent for longer than a live one would be, is worn out: what is still due then goes under the next attempt's key.
Nobody waits for any of this: with the server down a nudge is dropped, and the sweep finds its case.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from graph.context import Context
from graph.segments import Segment, segments
from onboarding.errors import OnboardingError
from tools.prefect_api import PrefectApi, Run

SILENT: Final = 40.0
"""Seconds. A run that is in progress for longer, of a case that nobody holds a lease on, is taken for dead."""
ATTEMPTS: Final = 50
"""Keys that are tried for one piece of work before the sweep after this one goes on."""
AT_ONCE: Final = 4
WAITING: Final = 10_000
BATCH: Final = 100
BACK_OFF: Final = 2.0
_log = logging.getLogger("onboard.engine")


class Triggers:
    """Sends triggers in the background, a few at once; what waits is bounded."""

    def __init__(self, context: Context, api: PrefectApi) -> None:
        self._context = context
        self._api = api
        self._waiting: dict[str, None] = {}
        self._some = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None

    def nudge(self, case_id: str, *, suspect: bool = False) -> None:
        """Trigger the case's deployment soon. The worker itself sees who is suspect."""
        if len(self._waiting) < WAITING:
            self._waiting[case_id] = None
            self._some.set()

    async def start(self) -> None:
        """Begin to send."""
        self._sending = asyncio.create_task(self._send_forever())

    async def stop(self) -> None:
        """Send no more; the sweep finds what was not sent."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    async def empty(self) -> None:
        """Send all that waits now, in the foreground. Raises ServiceUnavailable, ServiceRefused, StorageUnavailable."""
        while self._waiting:
            batch = list(self._waiting)[:BATCH]
            for case_id in batch:
                del self._waiting[case_id]
            await self._send(batch)

    async def _send_forever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self.empty()
            except Exception as error:  # noqa: BLE001 - the sweep finds what was dropped
                told = error.detail if isinstance(error, OnboardingError) else type(error).__name__
                _log.warning("a trigger was dropped (the sweep finds its case): %s", told)
                await asyncio.sleep(BACK_OFF)

    async def _send(self, case_ids: Sequence[str]) -> None:
        due = await self._context.db.read(partial(segments, case_ids=case_ids))
        known = await self._api.runs([segment.key(0) for segment in due]) if len(due) > AT_ONCE else {}
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(segment: Segment) -> None:
            async with limit:
                await self._trigger(segment)

        wanted = [segment for segment in due if _worn_out(known.get(segment.key(0)))]
        for ended in await asyncio.gather(*(one(segment) for segment in wanted), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    async def _trigger(self, segment: Segment) -> None:
        for attempt in range(ATTEMPTS):
            run = await self._api.trigger(
                f"{segment.kind.replace('_', '-')}/{segment.kind.replace('_', '-')}",
                key=segment.key(attempt),
                name=segment.name,
                parameters={"case_id": segment.case_id, "asked": segment.asked, "attempt": attempt},
                tags=segment.tags,
            )
            if not _worn_out(run):
                return


def _worn_out(run: Run | None) -> bool:
    """Whether nothing more is to be expected of this run: none, ended, or in progress for too long."""
    if run is None or run.phase == "ended":
        return True
    return run.phase == "running" and run.seconds > SILENT
