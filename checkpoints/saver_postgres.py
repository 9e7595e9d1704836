"""How rows of state reach PostgreSQL and come back: one statement, one round trip, for all threads that wait."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from checkpoints.saver_reads import MASK
from checkpoints.saver_rows import Row, ThreadLog
from checkpoints.saver_schema import ROW_BITS
from checkpoints.saver_sinks import refuse_stale
from checkpoints.transaction import Job, Tx, orphaned, wire_of
from onboarding.errors import Conflict

_ROW: Final = ("text", "bigint", "smallint", "text", "text", "text", "bytea", "bigint")
_FEW: Final = 8
"""Rows up to which the statement is prepared, for each number of them."""
_INSERT: Final = f"""
WITH held AS (
  SELECT case_id, fence FROM leases WHERE case_id = ANY($1::text[]) ORDER BY 1 FOR SHARE
), numbered AS (
  INSERT INTO state_threads (thread_id) SELECT DISTINCT unnest($2::text[]) ORDER BY 1
  ON CONFLICT (thread_id) DO UPDATE SET thread_id = EXCLUDED.thread_id RETURNING no, thread_id
)
INSERT INTO state_rows (id, kind, ns, checkpoint_id, run_id, body)
SELECT (t.no << {ROW_BITS}) | r.n, r.kind, r.ns, r.checkpoint_id, r.run_id, r.body
FROM (VALUES {{rows}}) AS r(thread_id, n, kind, ns, checkpoint_id, run_id, body, fence)
JOIN (SELECT no, thread_id FROM numbered
      UNION ALL SELECT no, thread_id FROM state_threads WHERE thread_id = ANY($3::text[])) t USING (thread_id)
WHERE r.fence IS NULL OR EXISTS (SELECT FROM held WHERE held.case_id = r.thread_id AND held.fence = r.fence)
"""  # noqa: S608 - only our own constants are put in
_STANDING: Final = f"""
SELECT r.body FROM state_threads t JOIN state_rows r ON r.id = (t.no << {ROW_BITS} | $1::bigint)
WHERE t.thread_id = $2
"""  # noqa: S608
_LOGS: Final = f"""
SELECT t.thread_id, r.id & {MASK}, r.kind, r.ns, r.checkpoint_id, r.body FROM state_threads t
JOIN state_rows r ON r.id BETWEEN (t.no << {ROW_BITS}) AND (t.no << {ROW_BITS} | {MASK})
WHERE t.thread_id = ANY($1::text[])
"""  # noqa: S608


@lru_cache(maxsize=64)
def _insert_of(rows: int) -> str:
    """The statement for so many rows."""
    marks = (", ".join(f"${4 + n * len(_ROW) + k}::{kind}" for k, kind in enumerate(_ROW)) for n in range(rows))
    return _INSERT.format(rows=", ".join(f"({row})" for row in marks))


class _Vanished(Exception):
    """A thread that was seen before is gone, or a case was taken over: not all of the batch was written."""


class PostgresSink:
    """Writes a batch in one statement. Run again after a lost connection it finds its own rows and is content."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def write(self, tx: Tx, jobs: Sequence[Job]) -> None:
        try:
            self._insert(tx, [job.item for job in jobs])
        except (IntegrityError, _Vanished):
            self._seen.clear()
            if wire_of(tx).inside:
                raise  # whoever began the transaction tries again without the others
            self._carefully(tx, jobs)

    def _insert(self, tx: Tx, rows: Sequence[Row]) -> None:
        threads = {row.thread_id for row in rows}
        fenced = sorted({row.thread_id for row in rows if row.fence is not None})
        given: list[Any] = [fenced, sorted(threads - self._seen), sorted(threads & self._seen)]
        for row in rows:
            given += (row.thread_id, row.n, row.kind, row.ns, row.checkpoint_id, row.run_id, row.body, row.fence)
        wire = wire_of(tx)
        done = (wire.execute if len(rows) <= _FEW else wire.once)(_insert_of(len(rows)), given)
        if done.rowcount != len(rows):
            raise _Vanished
        self._seen |= threads

    def _carefully(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """One by one, in one transaction: what stands already was ours, or it was another runner's."""
        wire = wire_of(tx)
        wire.execute("BEGIN")
        for job in refuse_stale(tx, jobs):
            if orphaned(job):
                continue
            row: Row = job.item
            standing = wire.execute(_STANDING, [row.n, row.thread_id]).fetchone()
            if standing is None:
                self._insert(tx, [row])
            elif standing[0] != row.body:
                job.error = Conflict(
                    f"Another runner wrote to {row.thread_id} meanwhile; this one's writes are refused."
                )
        wire.execute("COMMIT")

    def forget(self, thread_id: str) -> None:
        self._seen.discard(thread_id)

    def committed(self) -> None:
        if len(self._seen) > 4096:
            self._seen.clear()

    def rolled_back(self) -> None:
        self._seen.clear()


class PostgresReader:
    """Reads the logs of all threads that wait to be read."""

    def write(self, tx: Tx, jobs: Sequence[Job]) -> None:
        wanted: dict[str, list[tuple[int, int, str, str, bytes]]] = {job.item: [] for job in jobs}
        for thread_id, *row in wire_of(tx).execute(_LOGS, [list(wanted)]).fetchall():
            wanted[thread_id].append(tuple(row))
        for job in jobs:
            job.result = ThreadLog(tx.codec, job.item, wanted[job.item])

    def committed(self) -> None:
        """Nothing to keep."""

    def rolled_back(self) -> None:
        """Nothing to forget."""
