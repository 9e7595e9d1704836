"""Each step of the graph as a task run on the flow run's page: one or two events a step, which make nothing run.

Prefect's server makes task runs out of such events (that is how its own engine reports them). The step itself is run by
the graph alone, once; what is shown may be late or lost, never wrong.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from prefect.events.utilities import emit_event

from graph.step import Watch

NOTICEABLE: Final = 0.3
"""Seconds after which a step that still runs is shown as running; quicker ones are told once, when they ended."""
_log = logging.getLogger("onboard.prefect")


def watching(flow_run_id: UUID, run_count: int) -> Watch:
    """Shows the steps of one run under ``flow_run_id``, which runs for the ``run_count``-th time."""
    seen: dict[str, int] = {}

    @contextmanager
    def watch(step: str, attempt: int) -> Iterator[None]:
        seen[step] = number = seen.get(step, 0) + 1
        shown = _TaskRun(flow_run_id, run_count, step, number, attempt)
        running = partial(shown.tell, "RUNNING", "Running" if attempt == 1 else "Retrying")
        soon = asyncio.get_running_loop().call_later(NOTICEABLE, running)
        try:
            yield
        except BaseException as error:
            shown.tell("FAILED", "Failed", type(error).__name__)  # its text may be personal
            raise
        else:
            shown.tell("COMPLETED", "Completed")
        finally:
            soon.cancel()

    return watch


class _TaskRun:
    """What the server is told of one step, in the shape of its own engine's events."""

    def __init__(self, flow_run_id: UUID, run_count: int, step: str, number: int, attempt: int) -> None:
        self.id = uuid4()
        self.related = [{"prefect.resource.id": f"prefect.flow-run.{flow_run_id}", "prefect.resource.role": "flow-run"}]
        self.about: dict[str, Any] = {
            "name": step,
            "task_key": f"onboard.{step}",
            "dynamic_key": f"{run_count}-{number}",
            "run_count": attempt,
            "flow_run_run_count": run_count,
            "empirical_policy": {},
            "task_inputs": {},
            "tags": [],
        }
        self.before: dict[str, Any] | None = None
        self.begun = datetime.now(UTC)

    def tell(self, type_: str, name: str, message: str | None = None) -> None:
        """It came into this state now. A failure to tell is no failure of the step."""
        now = self.begun if type_ == "RUNNING" else datetime.now(UTC)
        self._times(now, ended=type_ != "RUNNING")
        state: dict[str, Any] = {"type": type_, "name": name, "message": message, "state_details": {}, "data": None}
        try:
            emit_event(
                f"prefect.task-run.{name}", self._resource(state, now), now, self.related, self._payload(state), uuid4()
            )
        except Exception:  # noqa: BLE001 - the step goes on
            _log.exception("a step is not shown")
        self.before = state

    def _times(self, now: datetime, *, ended: bool) -> None:
        self.about |= {"start_time": self.begun.isoformat(), "expected_start_time": self.begun.isoformat()}
        if ended:
            self.about |= {"end_time": now.isoformat(), "total_run_time": (now - self.begun) / timedelta(seconds=1)}

    def _payload(self, state: dict[str, Any]) -> dict[str, Any]:
        before = {name: value for name, value in self.before.items() if name != "data"} if self.before else None
        return {
            "intended": {"from": before and before["type"], "to": state["type"]},
            "initial_state": before,
            "validated_state": state,
            "task_run": dict(self.about),
        }

    def _resource(self, state: dict[str, Any], now: datetime) -> dict[str, str]:
        return {
            "prefect.resource.id": f"prefect.task-run.{self.id}",
            "prefect.resource.name": self.about["name"],
            "prefect.run-count": str(self.about["run_count"]),
            "prefect.state-message": state["message"] or "",
            "prefect.state-name": state["name"],
            "prefect.state-timestamp": now.isoformat(),
            "prefect.state-type": state["type"],
            "prefect.orchestration": "client",
        }
