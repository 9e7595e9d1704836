"""PostgreSQL: a pool of connections, each write a transaction of its own; time is the database's."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from checkpoints.documents import Codec
from checkpoints.transaction import Job, Listener, Sink, T, Tx, Work, tell
from onboarding.errors import OnboardingError, StorageUnavailable


class PostgresDatabase:
    """PostgreSQL: a pool of connections, each write a transaction of its own; time is the database's."""

    dialect = "postgresql"

    def __init__(self, url: str, codec: Codec | None = None, pool: int = 16) -> None:
        self.codec = codec or Codec()
        self.commits = 0
        self._engine = create_engine(
            url.replace("postgresql://", "postgresql+psycopg://", 1), pool_size=pool, max_overflow=0, pool_pre_ping=True
        )
        self._threads = ThreadPoolExecutor(pool, thread_name_prefix="ledger")
        self._listeners: list[Listener] = []

    async def write(self, work: Work[T]) -> T:
        result, touched = await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
        tell(self._listeners, touched)
        return result

    def post(self, work: Work[Any]) -> None:
        """Queue ``work`` on the pool. Order against later writes is not promised here: never post what they need."""
        self._threads.submit(self._transact, work)

    def feed(self, sink: Sink, item: Any, *, after: Job | None = None, urgent: bool = True) -> Job:
        raise NotImplementedError

    async def read(self, work: Work[T]) -> T:
        result, _ = await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
        return result

    def watch(self, listener: Listener) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def _transact(self, work: Work[T]) -> tuple[T, set[str]]:
        try:
            with self._engine.begin() as conn:
                now: datetime = conn.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
                tx = Tx(conn, self.codec, now)
                return work(tx), tx.touched
        except OnboardingError:
            raise
        except OperationalError as error:
            raise StorageUnavailable() from error
