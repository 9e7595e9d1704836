"""How rows of state reach the tables: many at once, in the order they were fed."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from sqlalchemy import bindparam, select

from checkpoints.saver_rows import Row
from checkpoints.saver_schema import ROW_BITS
from checkpoints.schema import leases
from checkpoints.transaction import Job, Tx
from onboarding.errors import Conflict, LeaseLost

_TOKENS: Final = (
    select(leases.c.case_id, leases.c.fence)
    .where(leases.c.case_id.in_(bindparam("of_cases", expanding=True)))
    .with_for_update(read=True)
)
"""Held until the rows are written, so that a takeover waits for them."""
_COLUMNS: Final = "(id, kind, ns, checkpoint_id, run_id, body)"
_CHUNKS: Final = (64, 16, 4, 1)


def refuse_stale(tx: Tx, jobs: Sequence[Job]) -> list[Job]:
    """Mark the jobs whose fence is not the token of the thread's lease and return the others."""
    fenced = {job.item.thread_id for job in jobs if job.item.fence is not None}
    if not fenced:
        return list(jobs)
    tokens = {row.case_id: row.fence for row in tx.conn.execute(_TOKENS, {"of_cases": sorted(fenced)})}
    for job in jobs:
        row: Row = job.item
        if row.fence is not None and tokens.get(row.thread_id) != row.fence:
            job.error = LeaseLost()
    return [job for job in jobs if job.error is None]


def _insert(rows: int) -> str:
    return f"INSERT INTO state_rows {_COLUMNS} VALUES " + ",".join(["(?,?,?,?,?,?)"] * rows)  # noqa: S608 - no values


class SqliteSink:
    """On SQLite: few statements of many rows, because each statement is one wait for the interpreter's lock.

    A row number that is taken is a Conflict: two runners at once on one thread.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def write(self, tx: Tx, jobs: Sequence[Job]) -> None:
        raw = cast(sqlite3.Connection, tx.conn.connection.dbapi_connection)
        passed = refuse_stale(tx, jobs)
        rows = [job.item for job in passed]
        self._number(raw, {row.thread_id for row in rows} - self._numbers.keys())
        done = 0
        for size in _CHUNKS:
            statement = _insert(size)
            while len(rows) - done >= size:
                self._insert(raw, statement, rows[done : done + size])
                done += size

    def _insert(self, raw: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> None:
        flat: list[Any] = []
        for row in rows:
            place = self._numbers[row.thread_id] << ROW_BITS | row.n
            flat += (place, row.kind, row.ns, row.checkpoint_id, row.run_id, row.body)
        try:
            raw.execute(statement, flat)
        except sqlite3.IntegrityError as error:
            raise Conflict(f"Another runner wrote to {rows[0].thread_id} meanwhile; this one's are refused.") from error

    def _number(self, raw: sqlite3.Connection, threads: Iterable[str]) -> None:
        """Learn the numbers of these threads, new or not."""
        names = sorted(threads)
        for start in range(0, len(names), 64):
            some = names[start : start + 64]
            marks = ",".join(["(?)"] * len(some))
            raw.execute(f"INSERT INTO state_threads (thread_id) VALUES {marks} ON CONFLICT DO NOTHING", some)  # noqa: S608
            found = raw.execute(f"SELECT thread_id, no FROM state_threads WHERE thread_id IN ({marks})", some)  # noqa: S608
            self._numbers.update(found.fetchall())

    def forget(self, thread_id: str) -> None:
        self._numbers.pop(thread_id, None)

    def committed(self) -> None:
        if len(self._numbers) > 4096:
            self._numbers.clear()

    def rolled_back(self) -> None:
        self._numbers.clear()
