"""What parked cases cost the others: a new case, and waking an old one, with 10 to 100,000 of them waiting."""

import random
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt  # noqa: TID251 - wakes what it parked

from benchmarks.harness import Measured, many, measured, size_of
from checkpoints import saver_upkeep
from checkpoints.database import SqliteDatabase
from checkpoints.saver import open_saver
from checkpoints.saver_schema import metadata

_AT_ONCE = 32
_SAMPLE = 128


class State(TypedDict, total=False):
    document: dict[str, Any]
    answer: str


async def _prepare(state: State) -> State:
    return {"document": {**state["document"], "checked": True}}


async def _wait(state: State) -> State:
    return {"answer": interrupt({"question": "approve?"})}


def _parking(saver: Any) -> Any:
    graph = StateGraph(State)
    graph.add_node("prepare", _prepare)
    graph.add_node("wait", _wait)
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "wait")
    graph.add_edge("wait", END)
    return graph.compile(checkpointer=saver)


async def grow(directory: Path, sizes: Sequence[int]) -> list[Measured]:
    """A line for a new case and one for waking a parked one, at each number of parked cases."""
    db = SqliteDatabase(directory / "parked.sqlite")
    await db.write(lambda tx: metadata.create_all(tx.conn))
    graph = _parking(open_saver(db))
    parked: list[str] = []
    lines: list[Measured] = []

    async def park(_: int) -> None:
        name = str(uuid.uuid4())
        await graph.ainvoke({"document": {"text": "x" * 200, "lines": list(range(400))}}, _config(name))
        parked.append(name)

    async def wake(_: int) -> None:
        name = parked.pop(random.randrange(len(parked)))
        waiting = (await graph.aget_state(_config(name))).interrupts
        done = await graph.ainvoke(Command(resume={waiting[0].id: "yes"}), _config(name))
        assert done["answer"] == "yes"

    await many(_AT_ONCE, 10, park)
    for size in sizes:
        await _fill(db, parked, size)
        weight = size_of(db.path) / len(parked)
        await many(_AT_ONCE, _AT_ONCE, park)
        fresh = [await many(_AT_ONCE, _SAMPLE, park)]
        lines.append(measured(f"new case, {size:,} parked", _AT_ONCE, fresh, bytes_per_case=weight))
        woken = [await many(_AT_ONCE, min(_SAMPLE, len(parked) - 5), wake)]
        lines.append(measured(f"parked case woken, {size:,} parked", _AT_ONCE, woken, bytes_per_case=weight))
    await db.close()
    return lines


def _config(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


async def _fill(db: SqliteDatabase, parked: list[str], size: int) -> None:
    """Bring the number of parked cases to ``size`` by copying real ones."""
    while len(parked) < size:
        source = parked[0]
        names = [str(uuid.uuid4()) for _ in range(min(1000, size - len(parked)))]

        def copy(tx: Any, names: list[str] = names, source: str = source) -> None:
            for name in names:
                saver_upkeep.copy_thread(tx, source, name)

        await db.write(copy)
        parked += names
    with sqlite3.connect(db.path) as own:  # the bulk's own log is not what is measured
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)")
