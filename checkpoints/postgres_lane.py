"""A thread with a connection of its own that answers everything that waits in one round trip."""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from checkpoints.documents import Codec
from checkpoints.postgres_pool import Connections
from checkpoints.postgres_posts import Posts
from checkpoints.postgres_trouble import Patience, is_passing
from checkpoints.queue import JobQueue
from checkpoints.transaction import Job, Sink, Tx, answer, orphaned
from checkpoints.unstored import Unstored
from onboarding.errors import StorageUnavailable

if TYPE_CHECKING:
    from checkpoints.postgres_wire import Wire

_log = logging.getLogger("onboard.database")


class Lane:
    """Runs sinks over a queue. A sink must bear being run again on the same jobs after a lost connection."""

    def __init__(
        self,
        name: str,
        connections: Connections,
        codec: Callable[[], Codec],
        patience: float,
        done: Callable[[], None] = lambda: None,
        posts: Posts | None = None,
    ) -> None:
        self._connections = connections
        self._codec = codec
        self._patience = patience
        self._done = done
        self._posts = posts
        self._queue = JobQueue()
        self._unstored = Unstored()
        self._stored = 0
        self._kept: tuple[Connection, Wire] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        return self._queue.closed

    def put(self, job: Job, *, urgent: bool = True) -> None:
        self._queue.put(job, urgent=urgent)

    def hurry(self) -> None:
        """Somebody waits now for what was put without hurry. From any thread."""
        self._queue.hurry()

    def close(self) -> None:
        self._queue.close()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._queue.take(self._unstored.pause)) is not None:
            self._again()
            if batch:
                if self._posts is None or not self._posts.together(batch):
                    self._apart(batch)
                self._answer(batch)
        self._last_words()
        self._hang_up()

    def _answer(self, batch: list[Job]) -> None:
        """But for what is tried again."""
        self._stored += any(job.error is None for job in batch)
        kept = self._unstored.after(batch, self._stored)
        self._settle([job for job in batch if job not in kept] if kept else batch)

    @staticmethod
    def _settle(jobs: Sequence[Job]) -> None:
        """Tell whoever waits, and the log of posted work that was given up: nobody waits for that."""
        for job in jobs:
            if job.work is not None and job.error is not None:
                _log.error("posted write failed: %s", type(job.error).__name__)
        answer(jobs)

    def _again(self) -> None:
        """Before anything else: what was posted and met a storage that failed."""
        self._unstored.wake()
        while self._posts is not None and (job := self._unstored.take()) is not None:
            self._posts.alone(job)
            self._answer([job])

    def _last_words(self) -> None:
        """Try once more what is left; a storage that is away for one is away for all."""
        away: BaseException | None = None
        for job in self._unstored.rest():
            assert self._posts is not None
            job.error = away
            if away is None:
                self._posts.alone(job)
                away = job.error if isinstance(job.error, StorageUnavailable) else None
            self._settle([job])

    def _apart(self, batch: Sequence[Job]) -> None:
        """What goes to one sink together, posted work each alone, in their order."""
        for sink, jobs in groupby(batch, key=lambda job: job.sink):
            if sink is not None:
                self._pour(sink, list(jobs))
                continue
            assert self._posts is not None
            for job in jobs:
                self._posts.alone(job)

    def _pour(self, sink: Sink, jobs: Sequence[Job]) -> None:
        jobs = [job for job in jobs if not orphaned(job)]
        patience = Patience(self._patience)
        while jobs:
            try:
                conn, wire = self._connection()
                sink.write(Tx(conn, self._codec(), datetime.now(UTC), wire=wire), jobs)
                sink.committed()
                self._done()
                return
            except Exception as error:  # noqa: BLE001 - it belongs to the callers who are waiting for it
                self._hang_up()
                sink.rolled_back()
                if isinstance(error, DBAPIError) and is_passing(error) and patience.wait():
                    _log.warning("trying again after %s", type(error.orig).__name__)
                    continue
                self._fail(jobs, error)
                return

    @staticmethod
    def _fail(jobs: Sequence[Job], error: Exception) -> None:
        told: Exception = error
        if isinstance(error, DBAPIError):
            told = StorageUnavailable()
            told.__cause__ = error
        for job in jobs:
            job.error = job.error or told

    def _connection(self) -> "tuple[Connection, Wire]":
        """The lane's connection, in autocommit: a statement is a transaction unless the sink begins one."""
        if self._kept is None:
            self._kept = self._connections.kept()
        return self._kept

    def _hang_up(self) -> None:
        if self._kept is not None:
            (conn, wire), self._kept = self._kept, None
            try:
                self._connections.gone(conn, wire)
                conn.invalidate()
            finally:
                conn.close()
