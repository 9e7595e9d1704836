"""``python -m flows.server --host --port``: a Prefect server as this product wants it, in the foreground.

The database is ``PREFECT_API_DATABASE_CONNECTION_URL``. A PostgreSQL without the contrib module ``pg_trgm`` (such as
the one in the test suite's wheel) lacks what Prefect's migrations use for searching by a part of a name: those indexes
are left out there, and everything works without them.
"""

import os
import sys
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final
from zoneinfo import available_timezones

from flows.environment import prepare
from onboarding.settings import BadSettings, Settings

_URL: Final = "PREFECT_API_DATABASE_CONNECTION_URL"


def main() -> None:
    """Make or migrate the tables, then serve; settings that cannot be used are one line and exit code 1."""
    try:
        prepare(Settings.from_environment(os.environ))
    except BadSettings as error:
        sys.exit(f"error: {error}")
    url = os.environ.get(_URL, "")
    if url.startswith("postgresql") and not _searches_by_parts(url):
        _migrate_without_search()
    _remember_timezones()
    _ping_without_asking()
    _bind_plain_times()
    _look_for_timers_once_a_second()
    from prefect.cli import app

    sys.argv[1:1] = ["server", "start"]
    app()


def _remember_timezones() -> None:
    """Prefect reads the folder of all time zones for every schedule that it parses: many times a minute, 20 ms each."""
    from prefect.types import _datetime

    vars(_datetime)["available_timezones"] = cache(available_timezones)


def _ping_without_asking() -> None:
    """Prefect asks PostgreSQL three things each time it takes a connection from its pool, to see whether it is open."""
    from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection

    def ping(self: Any) -> None:
        if self._connection.is_closed():  # known as soon as the other side closes it
            raise self.dbapi.InterfaceError("connection is closed")

    AsyncAdapt_asyncpg_connection.ping = ping  # type: ignore[method-assign]


def _bind_plain_times() -> None:
    """The driver subtracts times from each other, which with Prefect's own kind of them takes 50 times as long."""
    from prefect.server.utilities.database import Timestamp

    bind = Timestamp.process_bind_param

    def plain(self: Any, value: datetime | None, dialect: Any) -> datetime | None:
        found = bind(self, value, dialect)
        if found is None or type(found) is datetime:
            return found
        day, time = (found.year, found.month, found.day), (found.hour, found.minute, found.second, found.microsecond)
        return datetime(*day, *time, tzinfo=found.tzinfo, fold=found.fold)

    Timestamp.process_bind_param = plain  # type: ignore[method-assign]


def _look_for_timers_once_a_second() -> None:
    """What Prefect's clock starts is due every ten seconds or more; it looks for that four times a second by itself."""
    from docket import Worker
    from prefect.server.api import background_workers

    second = timedelta(seconds=1)
    seldom = partial(Worker, minimum_check_interval=second, scheduling_resolution=second)
    vars(background_workers)["Worker"] = seldom


def _searches_by_parts(url: str) -> bool:
    import psycopg

    with psycopg.connect(url.replace("postgresql+asyncpg://", "postgresql://", 1)) as conn:
        found = conn.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone()
    return found is not None


def _migrate_without_search() -> None:
    import alembic.op
    import anyio
    import anyio.to_thread
    from prefect.server.database.alembic_commands import alembic_upgrade

    execute = alembic.op.execute

    def without_search(statement: Any, *args: Any, **more: Any) -> None:
        if "trgm" not in str(statement):
            execute(statement, *args, **more)

    alembic.op.execute = without_search  # type: ignore[assignment]
    try:
        anyio.run(lambda: anyio.to_thread.run_sync(alembic_upgrade))
    finally:
        alembic.op.execute = execute


if __name__ == "__main__":
    main()
