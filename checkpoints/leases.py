"""Who runs a case: a lease on PostgreSQL, by the database's clock alone, with a token that every later write carries.

The token grows with every taking. Whoever writes under a token holds the lease's row until the write is committed, so
a takeover waits for what is being written and refuses what comes after. SQLite has one process, which needs none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from checkpoints.prepared import Prepared
from checkpoints.transaction import Database, Held, Job, Listener, Sink, T, Tx, Work, wire_of
from onboarding.errors import LeaseLost

_NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""Milliseconds since 1970, by the database's clock."""
_TAKE: Final = f"""
INSERT INTO leases AS l (case_id, fence, owner, seen, until)
SELECT id, {_NOW}, CAST(:owner AS text), {_NOW}, {_NOW} + :ms FROM cases WHERE id = :case_id {{due}}
ON CONFLICT (case_id) DO UPDATE SET
  fence = greatest(l.fence + 1, EXCLUDED.fence), owner = EXCLUDED.owner, seen = {_NOW}, until = {_NOW} + :ms
WHERE l.until < {_NOW} OR l.owner IS NULL OR l.owner = EXCLUDED.owner
RETURNING fence
"""  # noqa: S608 - only our own constants are put in
_TAKE_ANY: Final = Prepared(text(_TAKE.format(due="")))
_TAKE_DUE: Final = Prepared(text(_TAKE.format(due="AND work_asked > work_done AND status <> 'quarantined'")))
_RENEW: Final = text(f"""
UPDATE leases SET seen = {_NOW}, until = {_NOW} + :ms
FROM unnest(CAST(:cases AS text[]), CAST(:fences AS bigint[])) AS mine (case_id, fence)
WHERE leases.case_id = mine.case_id AND leases.fence = mine.fence RETURNING leases.case_id
""")  # noqa: S608
_RELEASE: Final = Prepared(
    text("UPDATE leases SET owner = NULL, until = 0 WHERE case_id = :case_id AND fence = :fence")
)
_HOLD: Final = Prepared(
    text("""
SELECT l.fence FROM leases l JOIN cases c ON c.id = l.case_id WHERE l.case_id = :case_id
FOR SHARE OF l FOR NO KEY UPDATE OF c
""")
)
"""The lease, so that a takeover waits, and the case, so that its trail has one writer: in this order everywhere."""
_HOLD_ALL: Final = "SELECT case_id, fence FROM leases WHERE case_id = ANY($1::text[]) ORDER BY 1 FOR SHARE"
_BURY: Final = text(f"""
UPDATE leases SET owner = NULL, until = 0 WHERE owner IS NOT NULL AND seen < {_NOW} - :grace
AND pg_postmaster_start_time() < clock_timestamp() - :grace * interval '1 ms'
AND owner NOT IN (SELECT application_name FROM pg_stat_activity WHERE datname = current_database())
""")  # noqa: S608
_LETTERS: Final = text("""
UPDATE letters SET next_at = :now, taken_by = NULL WHERE status = 'queued' AND taken_by IS NOT NULL
AND pg_postmaster_start_time() < clock_timestamp() - :grace * interval '1 ms'
AND taken_by NOT IN (SELECT application_name FROM pg_stat_activity WHERE datname = current_database())
""")
_RUNNING: Final = text(f"SELECT case_id, owner, until - {_NOW} AS left_ms FROM leases WHERE until > {_NOW}")  # noqa: S608
_SIGNS: Final = 10
"""Signs of life that a runner gives within the time of a lease."""


def take(tx: Tx, case_id: str, owner: str, seconds: float, *, due: bool = True) -> int | None:
    """Take the case for ``seconds``: the new token, or None when it is another's (or, ``due``, no work is due on it).

    What the same owner held before is over: its old token is refused from now on.
    """
    taking = _TAKE_DUE if due else _TAKE_ANY
    token: int | None = taking.scalar(tx, case_id=case_id, owner=owner, ms=round(seconds * 1000))
    return token


def renew(tx: Tx, tokens: Mapping[str, int], seconds: float) -> set[str]:
    """Hold these cases for ``seconds`` from now; returns those that are still held under these tokens."""
    mine = sorted(tokens.items())  # in one order, so that two who lock many rows never wait for each other
    given = {"cases": [case for case, _ in mine], "fences": [token for _, token in mine], "ms": round(seconds * 1000)}
    return set(tx.conn.execute(_RENEW, given).scalars())


def sign_seconds(seconds: float) -> float:
    """How often the holder of a lease of ``seconds`` renews it."""
    return seconds / _SIGNS


def release(tx: Tx, case_id: str, token: int) -> None:
    """Give the case back, if it is still held under this token."""
    _RELEASE.run(tx, case_id=case_id, fence=token)


def bury(tx: Tx, seconds: float) -> int:
    """Free what is held by owners who are gone: no connection bears their name and no sign came when one was due.

    So a killed process delays its cases, and the letters it had taken, by moments; one that only hangs keeps its cases
    until the lease is over. Returns how many cases are free.
    """
    grace = round(2 * sign_seconds(seconds) * 1000)
    tx.conn.execute(_LETTERS, {"now": tx.now, "grace": grace})
    return tx.conn.execute(_BURY, {"grace": grace}).rowcount


def running(tx: Tx) -> list[Any]:
    """Every lease that is in force: ``case_id, owner, left_ms``."""
    return list(tx.conn.execute(_RUNNING))


def hold(tx: Tx, case_id: str, token: int) -> None:
    """Keep the case from being taken over until this transaction ends. Raises LeaseLost when it was already.

    Whoever holds it may append to its trail.
    """
    if _HOLD.scalar(tx, case_id=case_id) != token:
        raise LeaseLost()
    tx.touched.add(case_id)


def hold_all(tx: Tx, tokens: Mapping[str, int]) -> None:
    """The same for several cases, in one order for all who do so. Raises LeaseLost when any was taken over."""
    if dict(wire_of(tx).execute(_HOLD_ALL, [sorted(tokens)]).fetchall()) != tokens:
        raise LeaseLost()


class Fenced:
    """The database for one run: every write is refused once another runner has taken the case over."""

    def __init__(self, db: Database, case_id: str, token: int) -> None:
        self._db, self._case_id, self._token = db, case_id, token
        self.codec, self.dialect, self.owner = db.codec, db.dialect, db.owner
        self._posted: Job | None = None

    @property
    def commits(self) -> int:
        return self._db.commits

    def clock(self) -> datetime:
        return self._db.clock()

    def _guarded(self, work: Work[T]) -> Work[T]:
        def guarded(tx: Tx) -> T:
            hold(tx, self._case_id, self._token)
            return work(tx)

        return guarded

    async def write(self, work: Work[T], after: Job | None = None) -> T:
        """After all that this run has posted."""
        return await self._db.write(self._guarded(work), after or self._posted)

    def post(self, work: Work[Any], held: Held | None = None) -> Job | None:
        self._posted = self._db.post(work, held or (self._case_id, self._token))
        return self._posted

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        return self._db.feed(sink, item, after=after, urgent=urgent)  # the rows bear the token themselves

    async def read(self, work: Work[T]) -> T:
        return await self._db.read(work)

    async def scan(self, work: Work[T]) -> T:
        return await self._db.scan(work)

    def watch(self, listener: Listener) -> None:
        self._db.watch(listener)

    async def close(self) -> None:
        """The database is not the run's to close."""
