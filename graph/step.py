"""What every working node gets around it: fault points, its event in the trail, its duration in the metrics."""

import functools
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Final, ParamSpec, cast

from langgraph.runtime import Runtime

from checkpoints import audit, cases
from checkpoints.database import Tx
from graph.context import Context
from graph.state import Started
from onboarding import faults, tracing

P = ParamSpec("P")
Update = dict[str, Any]
CURRENT: ContextVar[str | None] = ContextVar("step", default=None)
"""The step that is running here, by name: a replay's clock goes by it."""
SUSPECT: Final[ContextVar[bool]] = ContextVar("suspect", default=True)
"""Whether this run takes up what an earlier one left unfinished: then a step that ends clears it of the blame."""

Watch = Callable[[str, int], AbstractContextManager[None]]
WATCH: Final[ContextVar[Watch | None]] = ContextVar("watch", default=None)
"""What an engine puts around each step of a run, ``(step, attempt)``; it sees what the step raises."""


def step(node: Callable[P, Awaitable[Update]]) -> Callable[P, Awaitable[Update]]:
    """Observe ``node``. Its event is queued before the checkpoint that completes it, so the trail is never behind."""
    name = node.__name__

    @functools.wraps(node)
    async def observed(*args: P.args, **kwargs: P.kwargs) -> Update:
        state = cast(Started, args[0] if args else kwargs["state"])
        runtime = cast(Runtime[Context], kwargs["runtime"] if "runtime" in kwargs else args[1])
        faults.point(f"{name}.before", state["case_id"])
        started, context = time.perf_counter(), runtime.context
        CURRENT.set(name)
        watch = WATCH.get()
        try:
            with (
                tracing.span(f"step {name}", step=name, case__id=state["case_id"]),
                watch(name, _attempt(runtime)) if watch else nullcontext(),
            ):
                update = await node(*args, **kwargs)
        except Exception as error:
            context.observer.step(name, time.perf_counter() - started, type(error).__name__)
            raise
        seconds = time.perf_counter() - started
        context.observer.step(name, seconds, "ok")
        ended = functools.partial(_ended, state["case_id"], name, seconds, _attempt(runtime), SUSPECT.get())
        context.db.post(ended)
        faults.point(f"{name}.after", state["case_id"])
        return update

    return observed


def _attempt(runtime: Runtime[Context]) -> int:
    return runtime.execution_info.node_attempt if runtime.execution_info else 1


def _ended(case_id: str, name: str, seconds: float, attempt: int, suspect: bool, tx: Tx) -> None:
    audit.append(
        tx, case_id, "onboarding", "step.ended", {"step": name, "ms": round(seconds * 1000), "attempt": attempt}
    )
    if suspect:
        cases.progressed(tx, case_id)
