"""SQLite, the embedded default: one file, one writer thread, group commit, readers that never block it.

The writer takes everything that waits, runs it in one transaction (``synchronous=FULL``), and only then answers, with
one wake-up for the whole batch. A piece of work that fails rolls back alone; when the storage fails nobody is told yes.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from checkpoints.documents import Codec
from checkpoints.queue import JobQueue
from checkpoints.transaction import Clock, Job, Listener, Sink, T, Tx, Work, answer, orphaned, tell, utc_now
from onboarding import faults
from onboarding.errors import StorageUnavailable

_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
_STORAGE: Final = (OperationalError, sqlite3.OperationalError)
_log = logging.getLogger("onboard.database")


def sqlite_engine(path: Path, *, readonly: bool = False, patience: float = 10) -> Engine:
    """An engine on one SQLite file. A reading one begins its transactions itself; the writer is told when to.

    ``patience`` is how many seconds a lock held by another process (a backup) is waited for.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": patience})

    def connected(dbapi: sqlite3.Connection, _: Any) -> None:
        dbapi.isolation_level = None
        for pragma in _PRAGMAS:
            dbapi.execute(f"PRAGMA {pragma}")
        if readonly:
            dbapi.execute("PRAGMA query_only=ON")

    def began(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", connected)
    if readonly:
        event.listen(engine, "begin", began)
    return engine


class SqliteDatabase:
    """The embedded default. A full disk or a locked file is StorageUnavailable; it goes on when that is over."""

    dialect = "sqlite"

    def __init__(
        self, path: Path, codec: Codec | None = None, clock: Clock = utc_now, readers: int = 4, patience: float = 10
    ) -> None:
        self.path = path
        self.codec = codec or Codec()
        self.clock = clock
        self.commits = 0
        self._engine = sqlite_engine(path, patience=patience)
        self._conn = self._engine.connect()
        self._raw: sqlite3.Connection = cast(sqlite3.Connection, self._conn.connection.dbapi_connection)
        self._read_engine = sqlite_engine(path, readonly=True, patience=patience)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="ledger-read")
        self._glances = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._patience = patience
        self._listeners: list[Listener] = []
        self._queue = JobQueue()
        self._writer = threading.Thread(target=self._write_forever, name="ledger-write", daemon=True)
        self._writer.start()

    # asking

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` and return its result once it is on disk. Raises what it raised, or StorageUnavailable."""
        job = Job(asyncio.get_running_loop(), work=work)
        self._queue.put(job)
        result: T = await job.wait()
        return result

    def post(self, work: Work[Any]) -> None:
        """Queue ``work`` without waiting: durable no later than any write that is queued after it."""
        self._queue.put(Job(None, work=work))

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        """Queue one row for ``sink``; await the job's ``wait()`` for durability. Rows keep their order.

        What is not urgent (more is about to follow) is committed with what comes next, within milliseconds.
        """
        job = Job(asyncio.get_running_loop(), sink=sink, item=item, after=after)
        self._queue.put(job, urgent=urgent)
        return job

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a reading connection, on one snapshot, in a thread of its own."""
        if self._queue.closed:
            raise StorageUnavailable("The database is closed.")

        def run() -> T:
            with self._read_engine.begin() as conn:
                return work(Tx(conn, self.codec, self.clock()))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, run)
        except OperationalError as error:
            raise StorageUnavailable() from error

    def glance(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run one short indexed query here and now, in the calling thread: microseconds, no hop, never blocked."""
        try:
            return look(self._glancing())
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise StorageUnavailable() from error

    def _glancing(self) -> sqlite3.Connection:
        conn: sqlite3.Connection | None = getattr(self._glances, "conn", None)
        if conn is None:
            conn = sqlite3.connect(self.path, isolation_level=None, timeout=self._patience, check_same_thread=False)
            conn.execute("PRAGMA query_only=ON")
            self._glances.conn = conn
            self._opened.append(conn)
        return conn

    def watch(self, listener: Listener) -> None:
        """Call ``listener`` with the touched case ids after every commit, in the writer thread."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Commit what is queued, answer it, and stop. What comes after is refused."""
        if not self._queue.close():
            return
        await asyncio.get_running_loop().run_in_executor(None, self._writer.join)
        self._readers.shutdown(wait=True)
        for conn in self._opened:
            conn.close()
        self._conn.close()
        self._engine.dispose()
        self._read_engine.dispose()

    # the writer thread

    def _write_forever(self) -> None:
        while batch := self._queue.take():
            self._commit(batch)
            answer(batch)
            tell(self._listeners, {case for job in batch if job.error is None for case in job.touched})

    def _commit(self, batch: list[Job]) -> None:
        sinks = {job.sink for job in batch if job.sink is not None}
        try:
            self._raw.execute("BEGIN IMMEDIATE")
            for sink, jobs in groupby(batch, key=lambda job: job.sink):
                if sink is None:
                    for job in jobs:
                        self._run(job)
                else:
                    self._pour(sink, list(jobs))
            faults.point("commit.before")
            self._raw.execute("COMMIT")
            faults.point("commit.after")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is told yes and the writer goes on
            _log.error("commit failed: %s", error)
            self._fail(batch, error)
            for sink in sinks:
                sink.rolled_back()
            return
        self.commits += 1
        for sink in sinks:
            sink.committed()

    def _fail(self, batch: Sequence[Job], error: Exception) -> None:
        for job in batch:
            job.result = None
            job.error = job.error or _as_told(error)
        try:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        except sqlite3.Error as worse:  # the next BEGIN says what is wrong, to those who wait for it
            _log.error("rollback failed: %s", worse)

    def _run(self, job: Job) -> None:
        """Run one piece of work in a savepoint of its own."""
        assert job.work is not None
        tx = Tx(self._conn, self.codec, self.clock())
        self._raw.execute("SAVEPOINT job")
        try:
            job.result = job.work(tx)
            tx.finish()
            job.touched = tx.touched
        except Exception as error:  # noqa: BLE001 - it belongs to the caller who is waiting for it
            job.error = _as_told(error)
            self._back_to_savepoint(error)
        self._raw.execute("RELEASE job")

    def _pour(self, sink: Sink, jobs: Sequence[Job]) -> None:
        """Hand rows to their sink; if that fails, one by one, so that only the bad one is refused."""
        jobs = [job for job in jobs if not orphaned(job)]
        if not jobs:
            return
        self._raw.execute("SAVEPOINT job")
        try:
            sink.write(Tx(self._conn, self.codec, self.clock()), jobs)
            self._raw.execute("RELEASE job")
            return
        except Exception as error:  # noqa: BLE001 - it belongs to the callers who are waiting for it
            self._back_to_savepoint(error)
            self._raw.execute("RELEASE job")
            sink.rolled_back()
            if len(jobs) == 1:
                jobs[0].error = _as_told(error)
        if len(jobs) > 1:
            for job in jobs:
                job.error = None
                self._pour(sink, [job])

    def _back_to_savepoint(self, error: Exception) -> None:
        if not self._raw.in_transaction:  # a full disk may end the whole transaction
            raise error
        self._raw.execute("ROLLBACK TO job")


def _as_told(error: Exception) -> Exception:
    """What the caller gets: its own error, or StorageUnavailable for the storage's."""
    if not isinstance(error, _STORAGE):
        return error
    told = StorageUnavailable()
    told.__cause__ = error
    return told
