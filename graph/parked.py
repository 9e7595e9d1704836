"""Whether the running code can take up every case that waits, whatever release parked it."""

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.types import INTERRUPT
from langgraph.types import Interrupt

from checkpoints import reviews
from checkpoints.casefile import NEXT
from checkpoints.database import Database
from graph.builder import Graph
from graph.waits import WAITS
from onboarding.errors import TamperedRecord, UnknownGraphVersion


def standing_at(found: CheckpointTuple) -> list[str]:
    """The nodes that run next, by the checkpoint itself: also those that the running graph does not have."""
    return sorted(name.removeprefix(NEXT) for name in found.checkpoint["channel_values"] if name.startswith(NEXT))


def interrupts_of(found: CheckpointTuple) -> tuple[Interrupt, ...]:
    """What the thread waits for: as ``aget_state`` tells it, without the tasks it prepares for that."""
    asked = (value for _, channel, value in found.pending_writes or () if channel == INTERRUPT)
    return tuple(pending for value in asked for pending in value)


async def latest(graph: Graph, config: RunnableConfig) -> CheckpointTuple | None:
    """The thread's newest checkpoint, None where there is none."""
    saver: Any = graph.checkpointer
    found: CheckpointTuple | None = await saver.aget_tuple(config)
    return found


def refuse_unknown_steps(graph: Graph, found: CheckpointTuple) -> None:
    """Raises UnknownGraphVersion when the thread stands at a node that this release does not have."""
    unknown = [name for name in standing_at(found) if name not in graph.nodes]
    if unknown:
        raise UnknownGraphVersion(f"The case stands at {', '.join(unknown)}, which this release does not have.")


async def stuck(db: Database, graph: Graph) -> list[str]:
    """Every parked case that could not be resumed, as ``case: why``; empty when all could."""
    problems: list[str] = []
    for case_id, stage, review_id in await db.read(reviews.parked):
        why = await _why(graph, case_id, stage, review_id)
        if why:
            problems.append(f"{case_id}: {why}")
    return problems


async def _why(graph: Graph, case_id: str, stage: Any, review_id: str) -> str | None:
    try:
        found = await latest(graph, {"configurable": {"thread_id": case_id}})
    except TamperedRecord as error:
        return error.detail
    if found is None:
        return "its checkpoints are gone"
    at, expected = standing_at(found), WAITS[stage].node
    if expected not in at or expected not in graph.nodes:
        return f"it stands at {', '.join(at) or 'no step'}, this release waits for {stage} at {expected}"
    asked = {pending.value["review_id"] for pending in interrupts_of(found)}
    return None if review_id in asked else "its checkpoint waits for something else"
