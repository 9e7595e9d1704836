"""Reading SQLite: connections of their own that no writer blocks and that never block it."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from checkpoints.documents import Codec
from checkpoints.transaction import Clock, T, Tx, Work
from onboarding.errors import OnboardingError, StorageUnavailable, TamperedRecord

_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
STORAGE: Final = (OperationalError, sqlite3.OperationalError)
"""What the storage raises when it cannot take or give rows now."""


def as_told(error: Exception) -> OnboardingError:
    """A row whose bytes no longer fit its type is damaged; anything else is the storage's trouble, and passes."""
    if "decode to UTF-8" in str(error):
        return TamperedRecord("A stored row is not readable: its bytes do not fit its type.")
    return StorageUnavailable()


def sqlite_engine(path: Path, *, readonly: bool = False, glancing: bool = False, patience: float = 10) -> Engine:
    """An engine on one SQLite file. A reading one begins its transactions itself; writer and glancer are told when to.

    ``patience`` is how many seconds a lock held by another process (a backup) is waited for.
    """
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": patience, "cached_statements": 512}
    )

    def connected(dbapi: sqlite3.Connection, _: Any) -> None:
        dbapi.isolation_level = None
        for pragma in _PRAGMAS:
            dbapi.execute(f"PRAGMA {pragma}")
        if readonly or glancing:
            dbapi.execute("PRAGMA query_only=ON")

    def began(conn: Connection) -> None:
        conn.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", connected)
    if readonly:
        event.listen(engine, "begin", began)
    return engine


class SqliteReads:
    """Three ways to read one file, from shortest to longest: ``glance``, ``read``, ``scan``."""

    def __init__(self, path: Path, codec: Codec, clock: Clock, readers: int, patience: float) -> None:
        self.path = path
        self._codec = codec
        self._clock = clock
        self._patience = patience
        self._engine = sqlite_engine(path, readonly=True, patience=patience)
        self._near_engine = sqlite_engine(path, glancing=True, patience=patience)
        self._near = self._near_engine.connect()
        self._raw = cast(sqlite3.Connection, self._near.connection.dbapi_connection)
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="ledger-read")
        self._glances = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._closed = False

    def glance(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """One short indexed query here and now, in the calling thread, without SQLAlchemy."""
        try:
            return look(self._glancing())
        except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
            raise as_told(error) from error

    def read(self, work: Work[T]) -> T:
        """A few indexed queries here and now on one snapshot; only in the event loop's thread."""
        self._refuse_closed()
        try:
            self._raw.execute("BEGIN")
            try:
                return work(Tx(self._near, self._codec, self._clock(), None, self._raw))
            finally:
                self._raw.execute("ROLLBACK")
        except STORAGE as error:
            raise as_told(error) from error

    async def scan(self, work: Work[T]) -> T:
        """Many rows on one snapshot, in a thread of its own."""
        self._refuse_closed()

        def run() -> T:
            with self._engine.begin() as conn:
                return work(Tx(conn, self._codec, self._clock()))

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except OperationalError as error:
            raise as_told(error) from error

    def close(self) -> None:
        self._closed = True
        self._threads.shutdown(wait=True)
        for conn in self._opened:
            conn.close()
        self._near.close()
        self._near_engine.dispose()
        self._engine.dispose()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StorageUnavailable("The database is closed.")

    def _glancing(self) -> sqlite3.Connection:
        conn: sqlite3.Connection | None = getattr(self._glances, "conn", None)
        if conn is None:
            conn = sqlite3.connect(self.path, isolation_level=None, timeout=self._patience, check_same_thread=False)
            conn.execute("PRAGMA query_only=ON")
            self._glances.conn = conn
            self._opened.append(conn)
        return conn
