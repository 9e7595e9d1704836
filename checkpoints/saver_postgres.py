"""How rows of state reach PostgreSQL and come back: one statement, one round trip, for all threads that wait."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.exc import IntegrityError

from checkpoints.saver_reads import MASK
from checkpoints.saver_rows import Row, ThreadLog
from checkpoints.saver_schema import ROW_BITS
from checkpoints.saver_sinks import refuse_stale
from checkpoints.transaction import Job, Tx, orphaned
from onboarding.errors import Conflict

_INSERT: Final = f"""
WITH held AS (
  SELECT case_id, fence FROM leases WHERE case_id = ANY(%(fenced)b::text[]) ORDER BY 1 FOR SHARE
), numbered AS (
  INSERT INTO state_threads (thread_id) SELECT DISTINCT unnest(%(threads)b::text[]) ORDER BY 1
  ON CONFLICT (thread_id) DO UPDATE SET thread_id = EXCLUDED.thread_id RETURNING no, thread_id
)
INSERT INTO state_rows (id, kind, ns, checkpoint_id, run_id, body)
SELECT (t.no << {ROW_BITS}) | r.n, r.kind, r.ns, r.checkpoint_id, r.run_id, r.body
FROM unnest(%(of)b::text[], %(n)b::bigint[], %(kind)b::smallint[], %(ns)b::text[], %(checkpoint_id)b::text[],
            %(run_id)b::text[], %(body)b::bytea[], %(fence)b::bigint[])
     AS r(thread_id, n, kind, ns, checkpoint_id, run_id, body, fence)
JOIN (SELECT no, thread_id FROM numbered
      UNION ALL SELECT no, thread_id FROM state_threads WHERE thread_id = ANY(%(seen)b::text[])) t USING (thread_id)
WHERE r.fence IS NULL OR EXISTS (SELECT FROM held WHERE held.case_id = r.thread_id AND held.fence = r.fence)
"""  # noqa: S608 - only our own constants are put in
_STANDING: Final = f"""
SELECT r.body FROM state_threads t JOIN state_rows r ON r.id = (t.no << {ROW_BITS} | %(n)s::bigint)
WHERE t.thread_id = %(thread_id)s
"""  # noqa: S608
_LOGS: Final = f"""
SELECT t.thread_id, r.id & {MASK}, r.kind, r.ns, r.checkpoint_id, r.body FROM state_threads t
JOIN state_rows r ON r.id BETWEEN (t.no << {ROW_BITS}) AND (t.no << {ROW_BITS} | {MASK})
WHERE t.thread_id = ANY(%(threads)s)
"""  # noqa: S608


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
            self._carefully(tx, jobs)

    def _insert(self, tx: Tx, rows: Sequence[Row]) -> None:
        threads = {row.thread_id for row in rows}
        parameters: dict[str, Any] = {
            "threads": sorted(threads - self._seen),
            "seen": sorted(threads & self._seen),
            "of": [row.thread_id for row in rows],
            "n": [row.n for row in rows],
            "kind": [row.kind for row in rows],
            "ns": [row.ns for row in rows],
            "checkpoint_id": [row.checkpoint_id for row in rows],
            "run_id": [row.run_id for row in rows],
            "body": [row.body for row in rows],
            "fence": [row.fence for row in rows],
            "fenced": sorted({row.thread_id for row in rows if row.fence is not None}),
        }
        done = tx.conn.exec_driver_sql(_INSERT, parameters)
        if done.rowcount != len(rows):
            raise _Vanished
        self._seen |= threads

    def _carefully(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """One by one, in one transaction: what stands already was ours, or it was another runner's."""
        tx.conn.exec_driver_sql("BEGIN")
        for job in refuse_stale(tx, jobs):
            if orphaned(job):
                continue
            row: Row = job.item
            where = {"n": row.n, "thread_id": row.thread_id}
            standing = tx.conn.exec_driver_sql(_STANDING, where).scalar_one_or_none()
            if standing is None:
                self._insert(tx, [row])
            elif bytes(standing) != row.body:
                job.error = Conflict(
                    f"Another runner wrote to {row.thread_id} meanwhile; this one's writes are refused."
                )
        tx.conn.exec_driver_sql("COMMIT")

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
        for thread_id, *row in tx.conn.exec_driver_sql(_LOGS, {"threads": list(wanted)}):
            wanted[thread_id].append(tuple(row))
        for job in jobs:
            job.result = ThreadLog(tx.codec, job.item, wanted[job.item])

    def committed(self) -> None:
        """Nothing to keep."""

    def rolled_back(self) -> None:
        """Nothing to forget."""
