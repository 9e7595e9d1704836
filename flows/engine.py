"""Runs a flow's function inside this process: two calls to the server a run, where Prefect's own engine makes six.

Prefect's engine also reads a result store, opens two clients and starts two threads a run, a second of CPU in all. What
a segment needs of it is here: the states, in their order, by the server's rules, and a sign of life while it runs.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final
from uuid import uuid5

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateDetails
from prefect.context import FlowRunContext
from prefect.events.utilities import emit_event
from prefect.flows import Flow
from prefect.states import Completed, Failed, Running
from prefect.utilities.engine import propose_state

HEARTBEAT_SECONDS: Final = 30.0
_PATIENCE: Final = (0.5, 1, 2, 4, 8, 15)
"""Seconds between tries to report how a run ended, to a server that is away."""
_RUN: Final[ContextVar[FlowRun | None]] = ContextVar("flow_run", default=None)
_log = logging.getLogger("onboard.prefect")


def this_run() -> FlowRun:
    """The flow run that is in progress here, whoever's engine runs it."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else _RUN.get()
    assert run is not None, "a segment is run by a flow run"
    return run


class Heartbeats:
    """Signs of life of all runs of this process, from one task; a run that ends within the period needs none."""

    def __init__(self) -> None:
        self._alive: dict[str, FlowRun] = {}

    @contextmanager
    def of(self, run: FlowRun) -> Iterator[None]:
        """While inside, ``run`` is alive."""
        self._alive[str(run.id)] = run
        try:
            yield
        finally:
            del self._alive[str(run.id)]

    async def go_on(self) -> None:
        """Tell of everybody alive, for ever."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for id_, run in list(self._alive.items()):
                resource = {"prefect.resource.id": f"prefect.flow-run.{id_}", "prefect.resource.name": run.name}
                emit_event("prefect.flow-run.heartbeat", resource=resource)


async def run_here(client: PrefectClient, flow: Flow[Any, Any], run: FlowRun, heartbeats: Heartbeats) -> None:
    """Run ``run``, if it is ours to run, and report how it ended. Raises Abort when the server forbids it to run.

    Of two workers that were handed one run, the server lets the first begin: both name the same transition.
    """
    claim: State[Any] = Running(state_details=StateDetails(transition_id=uuid5(run.id, str(run.run_count))))
    state = await propose_state(client, claim, flow_run_id=run.id)
    if state is not claim:
        return
    _RUN.set(run.model_copy(update={"run_count": run.run_count + 1, "state": state}))
    with heartbeats.of(run):
        try:
            ended = await flow.fn(**run.parameters)
        except Exception as error:  # noqa: BLE001 - told as the run's state
            _log.exception("flow run %s failed", run.id)
            ended = Failed(message=type(error).__name__)  # its text may be personal
        told = ended if isinstance(ended, State) else Completed(message=str(ended or "done"))
        await _report(client, told, run)


async def _report(client: PrefectClient, state: State[Any], run: FlowRun) -> None:
    for wait in (*_PATIENCE, None):
        try:
            await propose_state(client, state, flow_run_id=run.id)
            return
        except httpx.HTTPError as error:
            if wait is None:
                _log.warning("how flow run %s ended could not be told: %s", run.id, type(error).__name__)
                return
            await asyncio.sleep(wait)
