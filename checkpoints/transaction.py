"""What a piece of work sees of the database, and how it is answered. Shared by both dialects."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from checkpoints.documents import Codec

T = TypeVar("T")
Clock = Callable[[], datetime]
Listener = Callable[[set[str]], None]
_log = logging.getLogger("onboard.database")


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(at: datetime) -> str:
    """The one text form of a time in the ledger: UTC, milliseconds, sorts as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def moved(case_id: str) -> str:
    """What is touched besides the case when its public status changes: most commits on a case leave that alone."""
    return f"{case_id} moved"


class Wire(Protocol):
    """PostgreSQL's own connection: statements with ``$1``-style parameters, answered like a cursor's."""

    @property
    def inside(self) -> bool:
        """Whether a transaction is open."""

    def execute(self, sql: str, arguments: Sequence[Any] = ()) -> Any:
        """One statement, prepared at its first use."""

    def once(self, sql: str, arguments: Sequence[Any]) -> Any:
        """One statement that is not worth preparing."""


class Tx:
    """A transaction in progress: the connection, the codec, one ``now`` for all it writes, and whom it touched."""

    __slots__ = ("_at", "_now", "closing", "codec", "conn", "dialect", "heads", "raw", "touched", "wire")

    def __init__(
        self,
        conn: Connection,
        codec: Codec,
        now: datetime,
        heads: dict[str, tuple[int, str]] | None = None,
        raw: sqlite3.Connection | None = None,
        wire: "Wire | None" = None,
    ) -> None:
        self.conn = conn
        self.raw = raw
        """SQLite's own connection under ``conn``, where prepared statements may run on it directly."""
        self.wire = wire
        """The same on PostgreSQL."""
        self.dialect = "sqlite" if raw is not None else conn.dialect.name
        self.codec = codec
        self._at = now
        self._now: str | None = None
        self.touched: set[str] = set()
        """Case ids whose watchers are told after the commit."""
        self.heads = {} if heads is None else heads
        """The last link of the audit chain of cases written lately; the database forgets it when a write fails."""
        self.closing: dict[Any, Callable[[Tx], None]] = {}
        """What is gathered while the work runs and written at its end, in as few statements as it takes."""

    @property
    def now(self) -> str:
        """The one time of all it writes, in the ledger's text form: made when asked for, as few reads need it."""
        if self._now is None:
            self._now = stamp(self._at)
        return self._now

    def finish(self) -> None:
        """Write what was gathered: the last thing a piece of work does."""
        for write in list(self.closing.values()):
            write(self)
        self.closing.clear()


def wire_of(tx: Tx) -> Wire:
    """PostgreSQL's own connection, where there must be one."""
    assert tx.wire is not None
    return tx.wire


Work = Callable[[Tx], T]


def asked(case_id: str) -> str:
    """What is touched besides the case when there is something on it for a runner to do."""
    return f"{case_id} asked"


def asked_of(touched: set[str]) -> list[str]:
    """The cases among what was touched that have something for a runner to do."""
    return [what.removesuffix(" asked") for what in sorted(touched) if what.endswith(" asked")]


Held = tuple[str, int]
"""A case and the token of its lease."""


class Job:
    """One thing to be made durable: a piece of work, or a row fed to a sink. Answered in the loop that asked."""

    __slots__ = (
        "after",
        "done",
        "error",
        "future",
        "held",
        "item",
        "loop",
        "onlookers",
        "result",
        "sink",
        "touched",
        "work",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop | None,
        *,
        work: Work[Any] | None = None,
        sink: "Sink | None" = None,
        item: Any = None,
        after: "Job | None" = None,
        held: "Held | None" = None,
    ) -> None:
        self.loop = loop
        self.work = work
        self.sink = sink
        self.item = item
        self.after = after
        """Fails when this one failed: it builds on it."""
        self.held = held
        """What has to stand for the work to be done."""
        self.result: Any = None
        self.error: BaseException | None = None
        self.touched: set[str] = set()
        self.done = False
        self.future: asyncio.Future[Any] | None = None
        self.onlookers: list[asyncio.Future[None]] | None = None

    async def wait(self) -> Any:
        """Return the result once it is durable, or raise what went wrong. Only in the loop that asked."""
        if not self.done:
            assert self.loop is not None
            self.future = self.loop.create_future()
            await self.future
        if self.done and self.error is not None:
            raise self.error
        return self.result

    async def settled(self) -> None:
        """Return once it was committed or refused, whoever else waits. Only in the loop that asked."""
        if not self.done:
            assert self.loop is not None
            onlooker = self.loop.create_future()
            self.onlookers = [*(self.onlookers or ()), onlooker]
            await onlooker

    def release(self) -> None:
        """Stop waiting: a later job of the same caller, on the same queue, answers for this one."""
        if self.future is not None and not self.future.done():
            self.future.set_result(None)

    def settle(self) -> None:
        """Answer. Runs in the loop that asked."""
        self.done = True
        self.after = self.item = self.work = None
        for waiting in (self.future, *(self.onlookers or ())):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


class Sink(Protocol):
    """Writes many small rows at once, in the order they were fed, inside the transaction of all else."""

    def write(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """Write the jobs' items; set ``error`` on a job that is refused. Raises when the storage fails."""

    def committed(self) -> None: ...
    def rolled_back(self) -> None: ...


class Database(Protocol):
    """What the stores need of a database."""

    codec: Codec
    dialect: str
    owner: str | None
    """The name of this process among those that share the database; None where nobody else can be."""

    @property
    def commits(self) -> int: ...
    def clock(self) -> datetime: ...
    async def write(self, work: Work[T], after: Job | None = None) -> T: ...
    def post(self, work: Work[Any], held: Held | None = None) -> Job | None: ...
    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job: ...
    async def read(self, work: Work[T]) -> T: ...
    async def scan(self, work: Work[T]) -> T: ...
    def watch(self, listener: Listener) -> None: ...
    async def close(self) -> None: ...


def orphaned(job: Job) -> bool:
    """Whether what the job builds on failed; then it fails with the same error."""
    if job.after is not None and job.after.error is not None:
        job.error = job.after.error
        return True
    return False


def answer(jobs: Iterable[Job]) -> None:
    """Tell every caller, with one wake-up for each loop that waits."""
    waiting: dict[asyncio.AbstractEventLoop | None, list[Job]] = {}
    for job in jobs:
        waiting.setdefault(job.loop, []).append(job)
    for loop, of_loop in waiting.items():
        if loop is None:
            _settle(of_loop)
            continue
        try:
            loop.call_soon_threadsafe(_settle, of_loop)
        except RuntimeError:
            _log.warning("a loop closed before its %d writes were answered", len(of_loop))


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        if job.error is not None and job.loop is None:
            _log.error("posted write failed: %s", type(job.error).__name__)
        job.settle()


def tell(listeners: Iterable[Listener], touched: set[str]) -> None:
    """Call the listeners after a commit; what they raise is theirs and never harms the writer."""
    if not touched:
        return
    for listener in listeners:
        try:
            listener(touched)
        except Exception:  # noqa: BLE001 - a listener's error is not the writer's
            _log.exception("a listener failed")
