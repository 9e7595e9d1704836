"""PostgreSQL: each write a transaction of its own on a pool; what is posted and rows of state many at once on a lane.

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
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from checkpoints.documents import Codec
from checkpoints.postgres_lane import Lane
from checkpoints.postgres_news import News
from checkpoints.postgres_pool import Connections
from checkpoints.postgres_posts import Posts
from checkpoints.postgres_trouble import Guests, Patience, is_passing
from checkpoints.transaction import Held, Job, Listener, Sink, T, Tx, Work, tell, utc_now
from onboarding.errors import StorageUnavailable

if TYPE_CHECKING:
    from checkpoints.postgres_wire import Wire

_BEGIN: Final = "BEGIN; SELECT clock_timestamp(), pg_current_xact_id()::text"
_NOW: Final = "SELECT clock_timestamp()"
_FRESH: Final = 1.0
"""Seconds for which the server's time is reckoned from when it was last asked, where only reading goes by it."""
_log = logging.getLogger("onboard.database")
R = TypeVar("R")
BESIDE_THE_POOL: Final = 5
"""Connections beside the pool: two lanes, the transactions of one of them, both ends of the news."""

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
        self._seen = (utc_now() - timedelta(seconds=_FRESH), time.monotonic() - _FRESH)  # no server said so yet
        self._patience = patience
        self._connections = Connections(url, self.owner, pool + BESIDE_THE_POOL, f"{round(standstill * 1000)}ms")
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix="ledger")
        self._posted: Job | None = None
        self._listeners: list[Listener] = []
        self._guests = Guests()
        self._news = News(self._connections, self.owner)
        posts = Posts(self._transact)
        self._writing = Lane("state-write", self._connections, lambda: self.codec, patience, self._counted, posts)
        self._looking = Lane("state-read", self._connections, lambda: self.codec, patience)

    @property
    def round_trips(self) -> int:
        """How often this process asked the server."""
        return self._connections.trips

    def clock(self) -> datetime:
        """The server's time when it was last seen, and what has passed since: this host's clock is not asked."""
        seen, at = self._seen
        return seen + timedelta(seconds=time.monotonic() - at)

    async def write(self, work: Work[T], after: Job | None = None) -> T:
        """Run ``work`` and return its result once it is committed, after ``after`` and what was posted without a lease.

        ``work`` may run more than once, each time from the start in a new transaction; one is committed. Raises what
        it raised, or StorageUnavailable.
        """
        with self._guests:
            for posted in (self._posted, after):
                if posted is not None and not posted.done:
                    self._writing.hurry()
                    await posted.settled()
            return await self._in_turn(self._transact, work)

    def post(self, work: Work[Any], held: Held | None = None) -> Job:
        """Queue ``work`` without waiting: durable no later than a row that is fed, or unheld work posted, after it.

        ``held``: the lease without which it is refused; a write has to name it to wait for it.
        """
        job = Job(asyncio.get_running_loop(), work=work, held=held)
        self._writing.put(job, urgent=False)
        if held is None:
            self._posted = job
        return job

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
        """Run ``work``; each statement sees what was committed when it began."""
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
            self._threads.shutdown(wait=True)
            self._writing.join()
            self._looking.join()
            self._news.close()
            self._connections.dispose()

        await asyncio.get_running_loop().run_in_executor(None, drain)

    # in the pool's threads

    def _transact(self, work: Work[T]) -> T:
        return self._patiently(lambda patience: self._once(work, patience))

    def _once(self, work: Work[T], patience: Patience) -> T:
        with self._connections.taken() as (conn, wire):
            now, xid = self._begin(wire)
            tx = Tx(conn, self.codec, now, wire=wire)
            result = work(tx)
            tx.finish()
            self._commit(wire, xid, patience)
        self._counted()
        tell(self._listeners, tx.touched)
        self._news.tell(tx.touched)
        return result

    def _begin(self, wire: "Wire") -> tuple[datetime, str]:
        asked = time.monotonic()
        now, xid = wire.script(_BEGIN).one()
        self._seen = (now, asked)
        return now, xid

    def _commit(self, wire: "Wire", xid: str, patience: Patience) -> None:
        try:
            done = wire.script("COMMIT").status
        except DBAPIError as error:
            if not (error.connection_invalidated and self._was_committed(xid, patience)):
                raise
        else:
            if done != b"COMMIT":  # the work went on after one of its statements had failed
                raise StorageUnavailable("The transaction was undone by the server; nothing was stored.")

    def _was_committed(self, xid: str, patience: Patience) -> bool:
        """Ask the server what became of a transaction whose COMMIT was not answered."""
        while True:
            try:
                with self._connections.taken() as (_, wire):
                    (status,) = wire.once("SELECT pg_xact_status($1::xid8)", [xid]).one()
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
            with self._connections.taken() as (conn, wire):
                return work(Tx(conn, self.codec, self._about_now(wire), wire=wire))

        return self._patiently(once)

    def _about_now(self, wire: "Wire") -> datetime:
        """The server's time: asked for, unless it was a moment ago."""
        asked = time.monotonic()
        if not 0 <= asked - self._seen[1] < _FRESH:
            self._seen = (wire.execute(_NOW).one()[0], asked)
        return self.clock()

    def _patiently(self, once: Callable[[Patience], R]) -> R:
        patience = Patience(self._patience, time.monotonic)
        while True:
            try:
                return once(patience)
            except DBAPIError as error:
                passing = is_passing(error)
                if passing and patience.wait():
                    continue
                if passing or isinstance(error, OperationalError):
                    raise StorageUnavailable() from error
                raise

    def _counted(self) -> None:
        self.commits += 1
