"""Kill a writing process again and again and look at what it left: ``python killed_writer.py FILE KILLS SEED``.

Each child is forked ready-made, writes with many tasks at once and reports on a pipe what it was told is durable; it is
killed with SIGKILL a few milliseconds later. The parent then reads the file and prints, as JSON, every promise that was
broken. It keeps no thread and no connection across a fork.
"""

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.conformance.test_utils import generate_checkpoint, generate_config, generate_metadata
from langgraph.graph import END, START, StateGraph

from checkpoints.database import SqliteDatabase, Tx
from checkpoints.documents import Codec
from checkpoints.saver import open_saver
from checkpoints.saver_reads import glance_log, tuple_at
from checkpoints.saver_schema import metadata
from onboarding.errors import TamperedRecord

STEPS = 4
CODEC = Codec({b"key1": b"k" * 32}, b"key1")
DOCUMENT = {"legal_name": "Example Ltd", "lines": [f"line {number} of a document" for number in range(120)]}


class State(TypedDict, total=False):
    document: dict[str, Any]
    count: int


def graph_on(saver: Any) -> Any:
    graph = StateGraph(State)

    async def step(state: State) -> State:
        return {"count": state["count"] + 1, "document": {**state["document"], "at": state["count"]}}

    before = START
    for number in range(STEPS):
        graph.add_node(f"n{number}", step)
        graph.add_edge(before, f"n{number}")
        before = f"n{number}"
    graph.add_edge(before, END)
    return graph.compile(checkpointer=saver)


async def write_forever(path: Path, pipe: int, life: int) -> None:
    """Runs of a graph, single puts and ledger writes of two rows each, all at once; each reported when answered."""
    db = SqliteDatabase(path, CODEC)
    saver = open_saver(db)
    graph = graph_on(saver)

    def told(*what: Any) -> None:
        os.write(pipe, (" ".join(map(str, what)) + "\n").encode())

    async def runs(task: int) -> None:
        for number in range(10_000):
            name = f"run-{life}-{task}-{number}"
            await graph.ainvoke({"document": DOCUMENT, "count": 0}, {"configurable": {"thread_id": name}})
            told("run", name)

    async def puts(task: int) -> None:
        name, parent = f"put-{life}-{task}", generate_config(f"put-{life}-{task}")
        for number in range(10_000):
            checkpoint = generate_checkpoint(channel_values={"k": f"v{number}"}, channel_versions={"k": number + 1})
            parent = await saver.aput(parent, checkpoint, generate_metadata(step=number), {"k": number + 1})
            told("put", name, number)
            await saver.aput_writes(parent, [("k", f"w{number}")], f"task-{number}")
            told("writes", name, number)

    async def pairs(task: int) -> None:
        for number in range(10_000):
            key = f"{life}-{task}-{number}"

            def both(tx: Tx, key: str = key) -> None:
                tx.conn.exec_driver_sql("INSERT INTO pairs VALUES (?, 'left')", (key,))
                tx.conn.exec_driver_sql("INSERT INTO pairs VALUES (?, 'right')", (key,))

            await db.write(both)
            told("pair", key)

    told("ready")
    await asyncio.gather(*(job(task) for job in (runs, puts, pairs) for task in range(3)))


def live_and_die(path: Path, life: int, moment: float) -> list[str]:
    """Fork a writer, kill it ``moment`` seconds after it is ready, and return what it was told."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        try:
            asyncio.run(write_forever(path, sending, life))
        except BaseException:  # noqa: BLE001 - a child that ends otherwise than killed is a failure the parent reports
            traceback.print_exc()
        os._exit(1)
    os.close(sending)
    told = os.read(receiving, 6)
    time.sleep(moment)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the writer ended before it was killed")
    while part := os.read(receiving, 65536):
        told += part
    os.close(receiving)
    lines = told.decode().split("\n")
    return lines[:-1]


class Inspector:
    """Looks at the file after a kill."""

    def __init__(self, path: Path) -> None:
        self._conn = sqlite3.connect(path, isolation_level=None)
        self.broken: list[str] = []

    def close(self) -> None:
        self._conn.close()

    def promised(self, lines: list[str]) -> None:
        """Everything a caller was told is there."""
        for line in lines:
            kind, *rest = line.split(" ")
            kept = getattr(self, f"_{kind}")(*rest)
            if not kept:
                self.broken.append(f"lost: {line}")

    def _ready(self) -> bool:
        return True

    def _run(self, name: str) -> bool:
        log = glance_log(self._conn, CODEC, name)
        newest = log.find("", None)
        if newest is None or len(log.checkpoints()) != STEPS + 2:
            return False
        values = log.checkpoint(newest)["channel_values"]
        return bool(values["count"] == STEPS and values["document"]["lines"] == DOCUMENT["lines"])

    def _put(self, name: str, number: str) -> bool:
        log = glance_log(self._conn, CODEC, name)
        return any(log.open(n)[6]["step"] == int(number) for n in log.checkpoints())

    def _writes(self, name: str, number: str) -> bool:
        log = glance_log(self._conn, CODEC, name)
        at = next(n for n in log.checkpoints() if log.open(n)[6]["step"] == int(number))
        return (f"task-{number}", "k", f"w{number}") in log.pending("", log.rows[at][2])

    def _pair(self, key: str) -> bool:
        return self._conn.execute("SELECT count(*) FROM pairs WHERE key = ?", (key,)).fetchone() == (2,)

    def whole(self, life: int) -> None:
        """Nothing is half there: whatever was written in this life opens and reads, and pairs are pairs."""
        names = self._conn.execute("SELECT thread_id FROM state_threads WHERE thread_id GLOB ?", (f"*-{life}-*",))
        for (name,) in names.fetchall():
            log = glance_log(self._conn, CODEC, name)
            for n in log.checkpoints():
                try:
                    tuple_at(log, n)
                except (TamperedRecord, KeyError) as error:
                    self.broken.append(f"half written: {name} row {n}: {error}")
        halves = self._conn.execute("SELECT key FROM pairs GROUP BY key HAVING count(*) <> 2").fetchall()
        self.broken += [f"half a pair: {key}" for (key,) in halves]

    def sound(self) -> None:
        if self._conn.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            self.broken.append("the file itself is damaged")


def prepare(path: Path) -> None:
    async def create() -> None:
        db = SqliteDatabase(path, CODEC)
        await db.write(lambda tx: metadata.create_all(tx.conn))
        await db.write(
            lambda tx: tx.conn.exec_driver_sql("CREATE TABLE pairs (key TEXT, side TEXT, PRIMARY KEY (key, side))")
        )
        await db.close()

    asyncio.run(create())


def main(path: Path, kills: int, seed: int) -> None:
    prepare(path)
    asyncio.run(graph_on(None).ainvoke({"document": DOCUMENT, "count": 0}))  # warm: a child's life is short
    chance = random.Random(seed)
    promises: dict[str, int] = {}
    broken: list[str] = []
    for life in range(kills):
        lines = live_and_die(path, life, chance.uniform(0.0, 0.08))
        for line in lines:
            kind = line.split(" ")[0]
            promises[kind] = promises.get(kind, 0) + 1
        inspector = Inspector(path)
        inspector.promised(lines)
        inspector.whole(life)
        if life % 50 == 49 or life == kills - 1:
            inspector.sound()
        inspector.close()
        broken += inspector.broken
    print(json.dumps({"kills": kills, "promises": promises, "broken": broken}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
