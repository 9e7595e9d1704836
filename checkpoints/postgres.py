"""PostgreSQL: each write a transaction of its own on a pool; rows of state many at once on a lane of their own.

A server restart or a dropped connection in mid-work is not the caller's concern: what was certainly not committed is
run again, and where the answer to COMMIT was lost the server is asked what became of the transaction.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, OperationalError

from checkpoints.documents import Codec
from checkpoints.postgres_lane import Lane
from checkpoints.postgres_news import News
from checkpoints.postgres_trouble import Guests, Patience, is_passing
from checkpoints.transaction import Job, Listener, Sink, T, Tx, Work, tell, utc_now
from onboarding.errors import StorageUnavailable

_BEGIN: Final = """
SELECT clock_timestamp(), pg_current_xact_id()::text,
set_config('idle_in_transaction_session_timeout', %s, true), set_config('lock_timeout', %s, true)
"""
_log = logging.getLogger("onboard.database")
R = TypeVar("R")
BESIDE_THE_POOL: Final = 5
"""Connections beside the pool: two lanes, news, posted writes, one to ask what became of a commit."""

_IN_THE_FUTURE: Final = "22023"
"""What the server says of a transaction id it has not given out, as far as it remembers."""


def name_of_this_process() -> str:
    """What its connections are called at the server: no other process ever bears this name. At most 63 characters."""
    return f"onboard-{secrets.token_hex(6)}-{os.getpid()}@{socket.gethostname()[:30]}"


class PostgresDatabase:
    """A pool of connections; time is the database's.

    ``patience``: seconds for which a server may be away. ``standstill``: seconds after which the server ends a
    transaction in which nothing happens, because its process hangs; its locks are free then.
    """

    dialect = "postgresql"

    def __init__(
        self, url: str, codec: Codec | None = None, pool: int = 16, patience: float = 30, standstill: float = 15
    ) -> None:
        self.owner: str | None = name_of_this_process()
        self.codec = codec or Codec()
        self.commits = 0
        self._seen = (utc_now(), time.monotonic())
        self._patience = patience
        self._standstill = f"{round(standstill * 1000)}ms"
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1),
            pool_size=pool + BESIDE_THE_POOL,
            max_overflow=0,
            connect_args={"application_name": self.owner, "connect_timeout": 10},
        )
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix="ledger")
        self._poster = ThreadPoolExecutor(1, thread_name_prefix="ledger-post")
        self._posted: set[Future[None]] = set()
        self._listeners: list[Listener] = []
        self._guests = Guests()
        self._news = News(self._engine, self.owner)
        self._writing = Lane("state-write", self._engine, lambda: self.codec, patience, self._standstill, self._counted)
        self._looking = Lane("state-read", self._engine, lambda: self.codec, patience, self._standstill)

    def clock(self) -> datetime:
        """The server's time when it was last seen, and what has passed since: this host's clock is not asked."""
        seen, at = self._seen
        return seen + timedelta(seconds=time.monotonic() - at)

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` and return its result once it is committed, after all that was posted before.

        ``work`` may run more than once, each time from the start in a new transaction; one is committed. Raises what
        it raised, or StorageUnavailable.
        """
        with self._guests:
            for posted in tuple(self._posted):
                await asyncio.wrap_future(posted)
            return await self._in_turn(self._transact, work)

    def post(self, work: Work[Any]) -> None:
        """Queue ``work`` without waiting: durable no later than any write that is queued after it."""
        with self._guests:
            posted = self._poster.submit(self._post, work)
            self._posted.add(posted)
            posted.add_done_callback(self._posted.discard)

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        """Queue one row for ``sink``; await the job's ``wait()`` for durability. Rows keep their order."""
        job = Job(asyncio.get_running_loop(), sink=sink, item=item, after=after)
        self._writing.put(job, urgent=urgent)
        return job

    async def look(self, sink: Sink, item: Any) -> Any:
        """Read through ``sink``, together with all others that want to read now. Returns the job's result."""
        job = Job(asyncio.get_running_loop(), sink=sink, item=item)
        self._looking.put(job)
        return await job.wait()

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on one snapshot."""
        with self._guests:
            return await self._in_turn(self._look, work)

    scan = read

    async def _in_turn(self, run: Callable[[Work[T]], T], work: Work[T]) -> T:
        """Run in a thread of the pool. Raises StorageUnavailable when none is free for as long as we are patient."""
        waiting = self._threads.submit(run, work)
        giving_up = asyncio.get_running_loop().call_later(self._patience, waiting.cancel)  # what runs is not cancelled
        try:
            return await asyncio.wrap_future(waiting)
        except asyncio.CancelledError:
            if not waiting.cancelled() or (task := asyncio.current_task()) is None or task.cancelling():
                raise
            raise StorageUnavailable("Every connection is busy; nothing was stored, try again.") from None
        finally:
            giving_up.cancel()

    def watch(self, listener: Listener) -> None:
        """Call ``listener`` with the touched case ids after every commit, of this process or another, in a thread.

        What others commit while the server is away may go unsaid: look again now and then.
        """
        self._listeners.append(listener)
        self._news.listen(lambda touched: tell([listener], touched))

    async def close(self) -> None:
        """Finish what is queued, answer it, and stop."""
        if not self._guests.close():
            return

        def drain() -> None:
            self._guests.wait()
            self._writing.close()
            self._looking.close()
            self._poster.shutdown(wait=True)
            self._threads.shutdown(wait=True)
            self._news.close()
            self._writing.join()
            self._looking.join()
            self._engine.dispose()

        await asyncio.get_running_loop().run_in_executor(None, drain)

    # in the pool's threads

    def _post(self, work: Work[Any]) -> None:
        try:
            self._transact(work)
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            _log.error("posted write failed: %s", type(error).__name__)

    def _transact(self, work: Work[T]) -> T:
        return self._patiently(lambda patience: self._once(work, patience))

    def _once(self, work: Work[T], patience: Patience) -> T:
        with self._engine.connect() as conn:
            now, xid = self._begin(conn)
            tx = Tx(conn, self.codec, now)
            result = work(tx)
            tx.finish()
            try:
                conn.commit()
            except DBAPIError as error:
                if not (error.connection_invalidated and self._was_committed(xid, patience)):
                    raise
        self._counted()
        tell(self._listeners, tx.touched)
        self._news.tell(tx.touched)
        return result

    def _begin(self, conn: Connection) -> tuple[datetime, str]:
        asked = time.monotonic()
        now, xid, *_ = conn.exec_driver_sql(_BEGIN, (self._standstill, self._standstill)).one()
        self._seen = (now, asked)
        return now, xid

    def _was_committed(self, xid: str, patience: Patience) -> bool:
        """Ask the server what became of a transaction whose COMMIT was not answered."""
        while True:
            try:
                with self._engine.connect() as conn:
                    status = conn.exec_driver_sql("SELECT pg_xact_status(%s::xid8)", (xid,)).scalar_one()
                if status in ("committed", "aborted"):
                    return bool(status == "committed")
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) == _IN_THE_FUTURE:
                    return False  # the server crashed before anything of this transaction reached its disk
                if not isinstance(error, OperationalError):
                    raise
                _log.warning("asking for the outcome of a commit: %s", type(error).__name__)
            if not patience.wait():
                raise StorageUnavailable("The connection broke at COMMIT; whether it took effect is unknown.")

    def _look(self, work: Work[T]) -> T:
        def once(_: Patience) -> T:
            with self._engine.connect() as conn:
                asked = time.monotonic()
                now: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
                self._seen = (now, asked)
                return work(Tx(conn, self.codec, now))

        return self._patiently(once)

    def _patiently(self, once: Callable[[Patience], R]) -> R:
        patience = Patience(self._patience, time.monotonic)
        while True:
            try:
                return once(patience)
            except DBAPIError as error:
                if is_passing(error) and patience.wait():
                    continue
                if isinstance(error, OperationalError):
                    raise StorageUnavailable() from error
                raise

    def _counted(self) -> None:
        self.commits += 1
