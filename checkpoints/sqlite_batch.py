"""What runs in one transaction on SQLite: all of it as one where it can, else each piece so that it fails alone."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from sqlalchemy import Connection

from checkpoints.documents import Codec
from checkpoints.sqlite_reads import STORAGE
from checkpoints.transaction import Clock, Job, Sink, Tx, orphaned
from onboarding.errors import StorageUnavailable

_REMEMBERED: Final = 10_000


class Batches:
    """Runs batches of jobs in the transaction that is open on ``conn``. Raises what the storage raised."""

    def __init__(self, conn: Connection, raw: sqlite3.Connection, codec: Callable[[], Codec], clock: Clock) -> None:
        self._conn, self._raw, self._codec, self._clock = conn, raw, codec, clock
        self._heads: dict[str, tuple[int, str]] = {}

    def run(self, batch: Sequence[Job]) -> None:
        """Run everything: first without savepoints, which is right nearly always."""
        if not self._run_bare(batch):
            self._raw.execute("ROLLBACK")
            self.forget(batch)
            self._raw.execute("BEGIN IMMEDIATE")
            self._run_apart(batch)

    def committed(self, batch: Iterable[Job]) -> None:
        """It is on disk."""
        if len(self._heads) > _REMEMBERED:
            self._heads.clear()
        for sink in _sinks(batch):
            sink.committed()

    def forget(self, batch: Iterable[Job]) -> None:
        """What was remembered of what was just written is not true any more."""
        self._heads.clear()
        for sink in _sinks(batch):
            sink.rolled_back()

    def _run_bare(self, batch: Sequence[Job]) -> bool:
        """Run all as one; False when anything was refused, and then nothing of it may stay."""
        try:
            for sink, jobs in _runs(batch):
                if sink is None:
                    for job in jobs:
                        self._work(job)
                elif fed := [job for job in jobs if not orphaned(job)]:
                    sink.write(Tx(self._conn, self._codec(), self._clock()), fed)
        except STORAGE:
            raise
        except Exception:  # noqa: BLE001 - it is raised again, to its own caller, in the run with savepoints
            return False
        return not any(job.error for job in batch)

    def _run_apart(self, batch: Sequence[Job]) -> None:
        """Run each in a savepoint of its own, so that what fails rolls back alone. Work may run a second time here."""
        for job in batch:
            job.result = job.error = None
            job.touched = set()
        for sink, jobs in _runs(batch):
            if sink is None:
                for job in jobs:
                    self._run(job)
            else:
                self._pour(sink, list(jobs))

    def _work(self, job: Job) -> None:
        assert job.work is not None
        tx = Tx(self._conn, self._codec(), self._clock(), self._heads, self._raw)
        job.result = job.work(tx)
        tx.finish()
        job.touched = tx.touched

    def _run(self, job: Job) -> None:
        """Run one piece of work in a savepoint of its own."""
        self._raw.execute("SAVEPOINT job")
        try:
            self._work(job)
        except Exception as error:  # noqa: BLE001 - it belongs to the caller who is waiting for it
            job.error = _as_told(error)
            self._heads.clear()
            self._back_to_savepoint(error)
        self._raw.execute("RELEASE job")

    def _pour(self, sink: Sink, jobs: Sequence[Job]) -> None:
        """Hand rows to their sink; if that fails, one by one, so that only the bad one is refused."""
        jobs = [job for job in jobs if not orphaned(job)]
        if not jobs:
            return
        self._raw.execute("SAVEPOINT job")
        try:
            sink.write(Tx(self._conn, self._codec(), self._clock()), jobs)
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


def _sinks(batch: Iterable[Job]) -> set[Sink]:
    return {job.sink for job in batch if job.sink is not None}


def _runs(batch: Sequence[Job]) -> Iterator[tuple[Sink | None, Iterator[Job]]]:
    """Neighbours that go to the same sink together, in the order they came."""
    return groupby(batch, key=lambda job: job.sink)


def _as_told(error: Exception) -> Exception:
    """What the caller gets: its own error, or StorageUnavailable for the storage's."""
    return unavailable(error) if isinstance(error, STORAGE) else error


def unavailable(error: Exception) -> StorageUnavailable:
    if isinstance(error, StorageUnavailable):
        return error
    told = StorageUnavailable()
    told.__cause__ = error
    return told
