"""One way to write and one way to read, on SQLite and on PostgreSQL.

``write(work)`` runs ``work(tx)`` in a transaction and returns only once it is durable. On SQLite one thread owns the
only writing connection and commits everything that waits in one transaction (group commit), each piece of work in a
savepoint of its own; ``post(work)`` takes the same queue without waiting, so what is posted before a write is durable
when that write is. Readers have connections of their own and never block the writer.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from checkpoints.documents import Codec
from onboarding.errors import OnboardingError, StorageUnavailable

T = TypeVar("T")
Clock = Callable[[], datetime]
_BATCH: Final = 256
_log = logging.getLogger("onboard.database")


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """The one text form of a time in the ledger: UTC, milliseconds, sorts as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Tx:
    """A transaction in progress: the connection, the codec, one ``now`` for all it writes, and whom it touched."""

    __slots__ = ("codec", "conn", "now", "touched")

    def __init__(self, conn: Connection, codec: Codec, now: datetime) -> None:
        self.conn = conn
        self.codec = codec
        self.now = stamp(now)
        self.touched: set[str] = set()
        """Case ids whose watchers are told after the commit."""


Work = Callable[[Tx], T]


class Database(Protocol):
    """What the stores need of a database."""

    codec: Codec
    dialect: str

    async def write(self, work: Work[T]) -> T: ...
    def post(self, work: Work[Any]) -> None: ...
    async def read(self, work: Work[T]) -> T: ...
    def watch(self, listener: Callable[[set[str]], None]) -> None: ...
    async def close(self) -> None: ...


class _Job:
    __slots__ = ("error", "future", "loop", "result", "touched", "work")

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop | None, future: Any) -> None:
        self.work = work
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.touched: set[str] = set()

    def settle(self) -> None:
        if self.future is None:
            if self.error is not None:
                _log.error("posted write failed: %s", type(self.error).__name__)
            return
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def sqlite_engine(path: Path, *, readonly: bool = False) -> Engine:
    """An engine on one SQLite file: WAL, FULL synchronous, foreign keys; transactions begin IMMEDIATE when writing."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30})

    def connected(dbapi: sqlite3.Connection, _: Any) -> None:
        dbapi.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            dbapi.execute(f"PRAGMA {pragma}")
        if readonly:
            dbapi.execute("PRAGMA query_only=ON")

    def began(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", began)
    return engine


class SqliteDatabase:
    """The embedded default: one file, one writer thread, group commit."""

    dialect = "sqlite"

    def __init__(self, path: Path, codec: Codec | None = None, clock: Clock = utc_now, readers: int = 4) -> None:
        self.path = path
        self.codec = codec or Codec()
        self.clock = clock
        self._engine = sqlite_engine(path)
        self._read_engine = sqlite_engine(path, readonly=True)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ledger-read")
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[set[str]], None]] = []
        self._closed = False
        self._writer = threading.Thread(target=self._write_forever, name="ledger-write", daemon=True)
        self._writer.start()

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` and return its result once it is on disk. Raises what it raised, or StorageUnavailable."""
        if self._closed:
            raise StorageUnavailable()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Job(work, loop, future))
        return await future

    def post(self, work: Work[Any]) -> None:
        """Queue ``work`` without waiting: durable no later than any write that is queued after it."""
        if not self._closed:
            self._queue.put(_Job(work, None, None))

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a reading connection, on one snapshot."""

        def run() -> T:
            with self._read_engine.begin() as conn:
                return work(Tx(conn, self.codec, self.clock()))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except OperationalError as error:
            raise StorageUnavailable() from error

    def watch(self, listener: Callable[[set[str]], None]) -> None:
        """Call ``listener`` with the touched case ids after every commit, in the writer thread."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Commit what is queued and stop."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        self._readers.shutdown(wait=True)
        self._engine.dispose()
        self._read_engine.dispose()

    def _write_forever(self) -> None:
        stopping = False
        while not stopping:
            jobs = [self._queue.get()]
            while len(jobs) < _BATCH and not self._queue.empty():
                jobs.append(self._queue.get())
            if None in jobs:
                stopping = True
            batch = [job for job in jobs if job is not None]
            if batch:
                self._commit(batch)

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._engine.begin() as conn:
                for job in batch:
                    self._run(conn, job)
        except (DBAPIError, sqlite3.Error) as error:
            _log.error("commit failed: %s", type(error).__name__)
            for job in batch:
                if job.error is None:
                    job.error = StorageUnavailable()
                    job.error.__cause__ = error
        self._tell(batch)

    def _run(self, conn: Connection, job: _Job) -> None:
        tx = Tx(conn, self.codec, self.clock())
        conn.exec_driver_sql("SAVEPOINT job")
        try:
            job.result = job.work(tx)
        except (OperationalError, sqlite3.OperationalError) as error:
            job.error = StorageUnavailable()
            job.error.__cause__ = error
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the caller who is waiting for it
            job.error = error
            conn.exec_driver_sql("ROLLBACK TO job")
        conn.exec_driver_sql("RELEASE job")
        job.touched = tx.touched

    def _tell(self, batch: list[_Job]) -> None:
        waiting: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in batch:
            if job.loop is None:
                job.settle()
            else:
                waiting.setdefault(job.loop, []).append(job)
        for loop, jobs in waiting.items():
            try:
                loop.call_soon_threadsafe(lambda jobs=jobs: [job.settle() for job in jobs])
            except RuntimeError:
                _log.warning("a loop closed before its writes were answered")
        touched = set().union(*(job.touched for job in batch if job.error is None))
        if touched:
            for listener in self._listeners:
                listener(touched)


class PostgresDatabase:
    """PostgreSQL: a pool of connections, each write a transaction of its own; time is the database's."""

    dialect = "postgresql"

    def __init__(self, url: str, codec: Codec | None = None, pool: int = 16) -> None:
        self.codec = codec or Codec()
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=pool, max_overflow=0, pool_pre_ping=True
        )
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix="ledger")
        self._listeners: list[Callable[[set[str]], None]] = []

    async def write(self, work: Work[T]) -> T:
        result, touched = await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
        if touched:
            for listener in self._listeners:
                listener(touched)
        return result

    def post(self, work: Work[Any]) -> None:
        """Queue ``work`` on the pool. Order against later writes is not promised here: never post what they need."""
        self._threads.submit(self._transact, work)

    async def read(self, work: Work[T]) -> T:
        result, _ = await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
        return result

    def watch(self, listener: Callable[[set[str]], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def _transact(self, work: Work[T]) -> tuple[T, set[str]]:
        try:
            with self._engine.begin() as conn:
                now: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
                tx = Tx(conn, self.codec, now)
                return work(tx), tx.touched
        except OnboardingError:
            raise
        except OperationalError as error:
            raise StorageUnavailable() from error


def open_database(url: str, codec: Codec | None = None, clock: Clock = utc_now) -> Database:
    """The database that ``url`` names: ``sqlite:///path`` or ``postgresql://…``."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteDatabase(path, codec, clock)
    return PostgresDatabase(url, codec)
