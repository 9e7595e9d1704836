"""Whether the running code can take up every case that waits, whatever release parked it."""

from collections.abc import Iterable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from checkpoints import reviews
from checkpoints.casefile import NEXT
from checkpoints.database import Database
from graph.builder import Graph
from graph.waits import WAITS
from onboarding.errors import TamperedRecord, UnknownGraphVersion


def standing_at(found: CheckpointTuple) -> list[str]:
    """The nodes that run next, by the checkpoint itself: also those that the running graph does not have."""
    return sorted(name.removeprefix(NEXT) for name in found.checkpoint["channel_values"] if name.startswith(NEXT))


async def refuse_unknown_steps(graph: Graph, config: RunnableConfig) -> None:
    """Raises UnknownGraphVersion when the thread stands at a node that this release does not have."""
    saver: Any = graph.checkpointer
    found = await saver.aget_tuple(config)
    unknown = [name for name in standing_at(found) if name not in graph.nodes] if found else []
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
    saver: Any = graph.checkpointer
    try:
        found = await saver.aget_tuple({"configurable": {"thread_id": case_id}})
    except TamperedRecord as error:
        return error.detail
    if found is None:
        return "its checkpoints are gone"
    at, expected = standing_at(found), WAITS[stage].node
    if expected not in at or expected not in graph.nodes:
        return f"it stands at {', '.join(at) or 'no step'}, this release waits for {stage} at {expected}"
    return None if review_id in _asked(found.pending_writes or ()) else "its checkpoint waits for something else"


def _asked(writes: Iterable[Any]) -> set[str]:
    return {
        pending.value["review_id"] for _, channel, value in writes if channel == "__interrupt__" for pending in value
    }
