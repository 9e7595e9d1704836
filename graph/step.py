"""What every working node gets around it: fault points, its event in the trail, its duration in the metrics."""

import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langgraph.runtime import Runtime

from checkpoints import audit, cases
from checkpoints.database import Tx
from graph.context import Context
from onboarding import faults

S = TypeVar("S")
Update = dict[str, Any]
Node = Callable[[S, Runtime[Context]], Awaitable[Update]]


def step(node: Node[S]) -> Node[S]:
    """Observe ``node``. Its event is queued before the checkpoint that completes it, so the trail is never behind."""
    name = node.__name__

    @functools.wraps(node)
    async def observed(state: S, runtime: Runtime[Context]) -> Update:
        faults.point(f"{name}.before")
        started, context = time.perf_counter(), runtime.context
        try:
            update = await node(state, runtime)
        except Exception as error:
            context.observer.step(name, time.perf_counter() - started, type(error).__name__)
            raise
        seconds = time.perf_counter() - started
        context.observer.step(name, seconds, "ok")
        context.db.post(functools.partial(_ended, state["case_id"], name, seconds, _attempt(runtime)))  # type: ignore[index]
        faults.point(f"{name}.after")
        return update

    return observed


def _attempt(runtime: Runtime[Context]) -> int:
    return runtime.execution_info.node_attempt if runtime.execution_info else 1


def _ended(case_id: str, name: str, seconds: float, attempt: int, tx: Tx) -> None:
    audit.append(tx, case_id, "onboarding", "step.ended", {"step": name, "ms": round(seconds * 1000), "attempt": attempt})
    cases.progressed(tx, case_id)
