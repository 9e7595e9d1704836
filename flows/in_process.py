"""Our own type of Prefect worker: flows run inside one long-lived process, on its loop, with the product opened once.

A run costs no start of a Python process. On SIGTERM no new run is taken;
those in progress stop at their next super-step and go back to be scheduled.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort
from prefect.flows import Flow
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from flows import housekeeping
from flows.alert import Alert
from flows.engine import Heartbeats, run_here
from flows.environment import POOL
from flows.onboarding import onboarding
from flows.pre_onboarding import pre_onboarding
from flows.product import opened
from onboarding.settings import Settings

FLOWS: Final[dict[str, Flow[Any, Any]]] = {
    flow.name: flow
    for flow in (
        pre_onboarding,
        onboarding,
        housekeeping.sweep,
        housekeeping.expire,
        housekeeping.chase,
        housekeeping.rescreen,
        housekeeping.relay,
        housekeeping.seal,
        housekeeping.prune,
    )
}
DRAIN_SECONDS: Final = 25.0
_log = logging.getLogger("onboard.prefect")


class InProcessWorker(BaseWorker[BaseJobConfiguration, BaseVariables, BaseWorkerResult]):
    """Runs the flows of this product as tasks of its event loop."""

    type = "onboard-in-process"
    job_configuration = BaseJobConfiguration
    _description = "Runs onboarding flows inside one process that has the product open."

    def __init__(self, *, limit: int, **more: Any) -> None:
        super().__init__(work_pool_name=POOL, limit=limit, **more)
        self._runs: set[asyncio.Task[None]] = set()
        self._names: dict[UUID, str] = {}
        self._stopping = False
        self.alert = Alert()
        self._heartbeats = Heartbeats()

    @classmethod
    def get_default_base_job_template(cls) -> dict[str, Any]:
        """Nothing is to be chosen for a run: else the server checks a schema of nothing, twice a case, 20 ms each."""
        return {}

    async def run(
        self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any | None = None
    ) -> BaseWorkerResult:
        """Run it to its end here."""
        if task_status is not None:
            task_status.started(os.getpid())
        await self._run(flow_run)
        return BaseWorkerResult(identifier=str(flow_run.id), status_code=0)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Poll only when there is a free place to run in, and something to be expected."""
        full = self._limiter is not None and self.limiter.available_tokens < 1
        if self._stopping or full or not self.alert.due():
            return []
        return await super().get_and_submit_flow_runs()

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """The base class starts infrastructure here, in nine calls to the server. Ours is this process."""
        task = asyncio.current_task()
        assert task is not None
        self._runs.add(task)
        try:
            if not self._stopping:
                await self._run(flow_run)
        finally:
            self._runs.discard(task)
            self._release_limit_slot(flow_run.id)
            self._submitting_flow_run_ids.discard(flow_run.id)

    async def _run(self, flow_run: FlowRun) -> None:
        try:
            await run_here(self.client, FLOWS[await self._flow_name(flow_run.flow_id)], flow_run, self._heartbeats)
        except Abort as refused:
            _log.info("flow run %s was not run: %s", flow_run.id, refused)
        except Exception:  # noqa: BLE001 - one run must not stop the worker; the sweep finds its case
            _log.exception("flow run %s broke off", flow_run.id)

    async def _flow_name(self, flow_id: UUID) -> str:
        if flow_id not in self._names:
            self._names[flow_id] = (await self.client.read_flow(flow_id)).name
        return self._names[flow_id]

    async def start(self, *args: Any, **more: Any) -> None:
        """Work, and give signs of life, until cancelled."""
        living = asyncio.create_task(self._heartbeats.go_on())
        try:
            await super().start(*args, **more)
        finally:
            living.cancel()

    async def drain(self) -> None:
        """Take nothing new; return once what runs has ended, or the time is up."""
        self._stopping = True
        if self._runs:
            await asyncio.wait(self._runs, timeout=DRAIN_SECONDS)


async def work(settings: Settings, stopped: asyncio.Event, ready: Callable[[str], None]) -> None:
    """Work until ``stopped``, then drain."""
    name = f"{socket.gethostname()}-{os.getpid()}".replace("/", "-")
    async with opened(settings) as home:
        worker = InProcessWorker(limit=settings.concurrency, name=name)
        home.product.context.db.watch(worker.alert.news)
        going = asyncio.create_task(worker.start(printer=_log.info))
        ready(name)
        await asyncio.wait([going, stopping := asyncio.create_task(stopped.wait())], return_when="FIRST_COMPLETED")
        stopping.cancel()
        home.product.runner.drain()
        await worker.drain()
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
