"""The dispatcher of teams without Prefect: Procrastinate's queue in the PostgreSQL that the ledger is in.

A job is a case's id. Of one case at most one job waits (``queueing_lock``) and one runs (``lock``), so a doubled nudge
does nothing. A finished job leaves no row: what happened stands in the ledger. A dead worker's job is taken from it
once its heartbeat is over, and whatever is lost on the way the sweep finds.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Status
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from checkpoints import cases, jobs
from checkpoints.postgres_pool import noticing
from graph.context import Context
from graph.housekeeping import SUSPECT
from graph.places import Places
from graph.runner import Runner
from onboarding.errors import StorageUnavailable

TASK: Final = "advance"
QUEUE: Final = "onboard"
HEARTBEAT: Final = 5.0
DEAD: Final = 20.0
"""Seconds without a heartbeat after which a worker's jobs are taken from it."""
LOOK: Final = 5.0
"""Seconds between two looks for such jobs, and between two looks for jobs whose notification was lost."""
BACK_OFF: Final = 1.0
AT_ONCE: Final = 4
SINGLY: Final = 16
"""So many nudges go straight to the queue; of more, the cases that are in it already are left out."""
WAITING: Final = 10_000
PASSING: Final = (ConnectorException, PoolTimeout, StorageUnavailable)
_log = logging.getLogger("onboard.engine")


@asynccontextmanager
async def queue(context: Context, url: str) -> AsyncIterator[App]:
    """Procrastinate over the ledger's database, its tables made. Raises StorageUnavailable."""
    named = {"application_name": context.db.owner, **noticing(url)}
    app = App(
        connector=PsycopgConnector(
            conninfo=url, kwargs=named, min_size=1, max_size=AT_ONCE + 4, timeout=5, configure=_one_statement_each
        )
    )
    await context.db.write(lambda tx: jobs.install(tx, app.schema_manager.get_schema()))
    async with app.open_async():
        yield app


async def _one_statement_each(conn: AsyncConnection) -> None:
    """All that Procrastinate asks is one statement: BEGIN and COMMIT around it would be two more round trips."""
    await conn.set_autocommit(True)


class Jobs:
    """Puts cases in the queue, in the background, and runs none. What waits is bounded."""

    def __init__(self, context: Context, app: App) -> None:
        self._context = context
        self._app = app
        self._waiting: dict[str, None] = {}
        self._some = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def nudge(self, case_id: str, *, suspect: bool = False) -> None:
        """Queue the case soon. The worker itself sees who is suspect."""
        if len(self._waiting) < WAITING:
            self._waiting[case_id] = None
            self._some.set()

    async def start(self) -> None:
        """Begin to queue."""
        self._tasks.append(asyncio.create_task(self._send_forever()))

    async def stop(self) -> None:
        """Queue no more; the sweep finds what was not."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send_forever(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self._send()
            except Exception as error:  # noqa: BLE001 - the sweep finds what was dropped
                _log.warning("nudges were dropped (the sweep finds them): %s", type(error).__name__)
                await asyncio.sleep(BACK_OFF)

    async def _send(self) -> None:
        wanted, self._waiting = list(self._waiting), {}
        if len(wanted) > SINGLY:
            known = await self._context.db.read(partial(jobs.live, case_ids=wanted))
            wanted = [case_id for case_id in wanted if case_id not in known]
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(case_id: str) -> None:
            async with limit:
                await self.defer(case_id)

        for ended in await asyncio.gather(*map(one, wanted), return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    async def defer(self, case_id: str) -> None:
        """Queue the case, unless a job of it waits already. Raises what is in PASSING."""
        job = self._app.configure_task(TASK, queue=QUEUE, lock=case_id, queueing_lock=case_id)
        with suppress(AlreadyEnqueued):
            await job.defer_async(case_id=case_id)


class JobWorker(Jobs):
    """Runs ``size`` cases at once from the queue as well; ``ended`` is called after each."""

    def __init__(self, context: Context, app: App, runner: Runner, size: int, ended: Callable[[], None]) -> None:
        super().__init__(context, app)
        self.places = Places()
        self._runner = runner
        self._size = size
        self._ended = ended
        self._stopping = False
        self._app.task(name=TASK, queue=QUEUE)(self._run)

    async def start(self) -> None:
        """Queue, run, and take over from the dead."""
        await super().start()
        self._working = asyncio.create_task(self._work_forever())
        self._tasks.append(asyncio.create_task(self._revive_forever()))

    async def stop(self) -> None:
        """Fetch no more and wait for the runs, which the runner drains. Cancelled, it gives them up."""
        self._stopping = True
        self._working.cancel()
        try:
            await asyncio.wait([self._working])
        finally:
            await super().stop()

    async def _run(self, case_id: str) -> None:
        row = await self._context.db.read(lambda tx: cases.wanting(tx, case_id))
        if row is None:
            return
        async with self.places.place(alone=row.attempts >= SUSPECT):
            try:
                await self._runner.advance(case_id)
            except StorageUnavailable:
                _log.warning("storage unavailable; the sweeper tries again", extra={"case_id": case_id})
        self._ended()

    async def _work_forever(self) -> None:
        while not self._stopping:
            try:
                await self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=self._size,
                    fetch_job_polling_interval=LOOK,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=DEAD,
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            except Exception as error:  # noqa: BLE001 - the database went away: a new worker goes on when it is back
                _log.warning("the queue cannot be read: %s", type(error).__name__)
            if not self._stopping:
                await asyncio.sleep(BACK_OFF)

    async def _revive_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                for case_id in await self.revive():
                    _log.warning("taken over from a dead worker", extra={"case_id": case_id})
            except Exception as error:  # noqa: BLE001 - the next look finds the same
                _log.warning("stalled jobs cannot be looked for: %s", type(error).__name__)

    async def revive(self) -> Sequence[str]:
        """Take the jobs of dead workers from them and queue their cases anew; returns the cases."""
        manager, revived = self._app.job_manager, []
        for job in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=DEAD):
            await manager.finish_job(job, Status.FAILED, delete_job=True)
            case_id = str(job.task_kwargs["case_id"])
            await self.defer(case_id)
            revived.append(case_id)
        return revived
