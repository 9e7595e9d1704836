"""SQLite, the embedded default: one file, one writer, group commit, readers that never block it.

Everything that waits runs in one transaction (``synchronous=FULL``), and only after its commit is anybody answered. The
statements run where they were asked for, in the event loop's thread: each takes microseconds, while passing them to
another thread would cost a wait for the interpreter's lock per statement. What may take long, COMMIT and waiting for
somebody else's lock, happens in a thread of its own, and what comes meanwhile gathers for the next transaction.
A piece of work that fails rolls back alone; when the storage fails nobody is told yes.
"""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

from checkpoints.documents import Codec
from checkpoints.sqlite_batch import Batches, unavailable
from checkpoints.sqlite_reads import SqliteReads, sqlite_engine
from checkpoints.transaction import Clock, Held, Job, Listener, Sink, T, Work, answer, tell, utc_now
from checkpoints.unstored import PAUSE, Unstored
from onboarding import faults
from onboarding.errors import StorageUnavailable

_BATCH: Final = 2048
LINGER: Final = 0.004
"""Seconds for which work that nobody waits for is held back, to be committed with what follows."""
_log = logging.getLogger("onboard.database")


class SqliteDatabase:
    """The embedded default. A full disk or a locked file is StorageUnavailable; it goes on when that is over."""

    dialect = "sqlite"
    owner: str | None = None

    def __init__(
        self, path: Path, codec: Codec | None = None, clock: Clock = utc_now, readers: int = 4, patience: float = 10
    ) -> None:
        self.path = path
        self.codec = codec or Codec()
        self.clock = clock
        self.commits = 0
        self._engine = sqlite_engine(path, patience=0)
        self._conn = self._engine.connect()
        self._raw: sqlite3.Connection = cast(sqlite3.Connection, self._conn.connection.dbapi_connection)
        self._batches = Batches(self._conn, self._raw, lambda: self.codec, clock)
        self._file = _file_at(path)
        self._reads = SqliteReads(path, self.codec, clock, readers, patience)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="ledger-write")
        self._patience = patience
        self._listeners: list[Listener] = []
        self._waiting: list[Job] = []
        self._unstored = Unstored()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committing = False
        self._due: asyncio.Handle | None = None
        self._lingering = False
        self._closed = False
        self._idle = threading.Event()
        self._idle.set()

    # asking

    async def write(self, work: Work[T], after: Job | None = None) -> T:
        """Run ``work`` and return its result once it is on disk. Raises what it raised, or StorageUnavailable."""
        job = Job(asyncio.get_running_loop(), work=work)
        self._put(job)
        result: T = await job.wait()
        return result

    def post(self, work: Work[Any], held: Held | None = None) -> Job:
        """Queue ``work`` without waiting: durable no later than any write that is queued after it.

        What fails with the storage is tried again; what is refused is refused once, and told in the log.
        """
        job = Job(None, work=work, held=held)
        self._put(job, urgent=False)
        return job

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        """Queue one row for ``sink``; await the job's ``wait()`` for durability. Rows keep their order.

        What is not urgent (more is about to follow) is committed with what comes next, within milliseconds.
        """
        job = Job(asyncio.get_running_loop(), sink=sink, item=item, after=after)
        self._put(job, urgent=urgent)
        return job

    async def read(self, work: Work[T]) -> T:
        """Run ``work``, a few indexed queries, here and now on one snapshot: microseconds, no hop, never blocked."""
        return self._reads.read(work)

    async def scan(self, work: Work[T]) -> T:
        """Run ``work`` that looks at many rows on a reading connection, on one snapshot, in a thread of its own."""
        return await self._reads.scan(work)

    def glance(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run one short indexed query here and now, in the calling thread, without SQLAlchemy."""
        return self._reads.glance(look)

    def watch(self, listener: Listener) -> None:
        """Call ``listener`` with the touched case ids after every commit."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """Commit what is queued, answer it, and stop. What comes after is refused."""
        if self._closed:
            return
        self._closed = True
        with self._lock:
            self._waiting[:0] = self._unstored.rest()
        self._begin()
        while not self._idle.is_set():  # noqa: ASYNC110 - set from two threads
            await asyncio.sleep(0.001)
        self._writer.shutdown(wait=True)
        self._reads.close()
        self._conn.close()
        self._engine.dispose()

    # gathering

    def _put(self, job: Job, *, urgent: bool = True) -> None:
        """Queue a job. Raises StorageUnavailable once closed. What is not urgent waits a little for company."""
        if self._closed:
            raise StorageUnavailable("The database is closed.")
        loop = asyncio.get_running_loop()
        with self._lock:
            self._waiting.append(job)
            self._unstored.wake()
            self._idle.clear()
            if self._loop is None or self._loop.is_closed():
                self._loop, self._due = loop, None
        if loop is not self._loop:
            self._loop.call_soon_threadsafe(self._soon, True)
        else:
            self._soon(urgent)

    def _soon(self, urgent: bool) -> None:
        """Begin in this turn of the loop, or within LINGER; while a commit is under way its end begins the next."""
        if self._committing or self._loop is None:
            return
        if self._due is not None:
            if not urgent or not self._lingering:
                return
            self._due.cancel()
        self._lingering = not urgent
        self._due = self._loop.call_soon(self._begin) if urgent else self._loop.call_later(LINGER, self._begin)

    def _begin(self) -> None:
        """Take everything that waits and open its transaction; if somebody else holds the file, wait elsewhere."""
        self._due = None
        with self._lock:
            if self._committing:
                return
            if (again := self._unstored.take()) is not None:
                batch = [again]
            elif self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            else:
                self._idle.set()
                return
            self._committing = True
            self._idle.clear()
        try:
            self._raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._writer.submit(self._begin_patiently, batch)
        else:
            self._run_all(batch)

    def _begin_patiently(self, batch: list[Job]) -> None:
        """In the writer's thread: wait for the lock, then go on in the loop's."""
        then = self._run_all
        try:
            self._raw.execute(f"PRAGMA busy_timeout={int(self._patience * 1000)}")
            self._raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._fail(batch, error)
            then = self._answer
        self._raw.execute("PRAGMA busy_timeout=0")
        self._back(then, batch)

    def _take_up(self) -> None:
        """Try again what was posted and met a storage that failed."""
        self._unstored.wake()
        self._begin()

    # one transaction

    def _run_all(self, batch: list[Job]) -> None:
        """Run everything in the open transaction, and have it committed."""
        try:
            self._batches.run(batch)
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is told yes and the writer goes on
            self._fail(batch, error)
            self._answer(batch)
        else:
            self._writer.submit(self._commit, batch)

    def _commit(self, batch: list[Job]) -> None:
        """In the writer's thread: the one call that waits for the disk."""
        try:
            faults.point("commit.before")
            self._refuse_another_file()
            self._raw.execute("COMMIT")
            faults.point("commit.after")
        except Exception as error:  # noqa: BLE001 - whatever it was, nobody is told yes and the writer goes on
            self._fail(batch, error)
        else:
            self.commits += 1
            self._batches.committed(batch)
        self._back(self._answer, batch)

    def _refuse_another_file(self) -> None:
        """What is written to a file that has lost its name is gone at the next start. Raises StorageUnavailable."""
        if _file_at(self.path) != self._file:
            raise StorageUnavailable(f"{self.path.name} was replaced or removed while it was open; start again.")

    def _back(self, then: Callable[[list[Job]], None], batch: list[Job]) -> None:
        """Go on in the loop's thread; if that loop is gone there is nobody left to answer."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(then, batch)
        except RuntimeError:
            _log.warning("a loop closed before its %d writes were answered", len(batch))
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            self._committing = False
            self._idle.set()

    def _answer(self, batch: list[Job]) -> None:
        self._committing = False
        touched = {case for job in batch if job.error is None for case in job.touched}
        kept = () if self._closed else self._unstored.after(batch, self.commits)
        answer([job for job in batch if job not in kept] if kept else batch)
        tell(self._listeners, touched)
        if kept and self._loop is not None:
            self._loop.call_later(PAUSE, self._take_up)
        self._begin()

    def _fail(self, batch: Sequence[Job], error: Exception) -> None:
        """Nothing of it was stored: also who was refused was refused for something that is not so any more."""
        _log.error("commit failed: %s", error)
        for job in batch:
            job.result = None
            job.error = unavailable(error)
        try:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
        except sqlite3.Error as worse:  # the next BEGIN says what is wrong, to those who wait for it
            _log.error("rollback failed: %s", worse)
        self._batches.forget(batch)


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file has this name now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
