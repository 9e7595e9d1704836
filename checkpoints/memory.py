"""A ledger in memory, for replays: the same tables and queries, no file, no thread, nothing that outlives a case."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, create_engine, event

import checkpoints.saver_schema  # noqa: F401 - its tables are on the same metadata
from checkpoints.documents import Codec
from checkpoints.schema import metadata
from checkpoints.transaction import Clock, Held, Job, Listener, Sink, T, Tx, Work, utc_now


class MemoryDatabase:
    """One connection to an SQLite database in memory. All work is done at once, in the caller's thread."""

    dialect = "sqlite"
    owner: str | None = None

    def __init__(self, clock: Clock = utc_now) -> None:
        self.codec = Codec()
        self.clock = clock
        self.commits = 0
        self._conn = _connect()
        self._raw = cast(sqlite3.Connection, self._conn.connection.dbapi_connection)
        self._heads: dict[str, tuple[int, str]] = {}

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Everything written inside is forgotten at the end."""
        self._conn.exec_driver_sql("BEGIN")
        try:
            yield
        finally:
            self._conn.exec_driver_sql("ROLLBACK")
            self._heads.clear()

    def do(self, work: Work[T], at: datetime | None = None) -> T:
        """Run ``work`` in a savepoint. Raises what it raised."""
        self._raw.execute("SAVEPOINT work")
        try:
            tx = Tx(self._conn, self.codec, at or self.clock(), self._heads, self._raw)
            result = work(tx)
            tx.finish()
            return result
        except BaseException:
            self._raw.execute("ROLLBACK TO work")
            self._heads.clear()
            raise
        finally:
            self._raw.execute("RELEASE work")

    async def write(self, work: Work[T], after: Job | None = None) -> T:
        return self.do(work)

    async def read(self, work: Work[T]) -> T:
        return self.do(work)

    async def scan(self, work: Work[T]) -> T:
        return self.do(work)

    def post(self, work: Work[Any], held: Held | None = None) -> None:
        self.do(work)

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        raise NotImplementedError("A replay's graph remembers in a saver of its own.")

    def watch(self, listener: Listener) -> None:
        """Nobody watches a replay."""

    async def close(self) -> None:
        self._conn.close()
        self._conn.engine.dispose()


def _connect() -> Connection:
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def connected(dbapi: Any, _: Any) -> None:
        dbapi.isolation_level = None  # transactions are begun by us

    conn = engine.connect()
    metadata.create_all(conn)
    conn.commit()
    return conn
