"""``python -m flows.server --host --port``: a Prefect server as this product wants it, in the foreground.

The database is ``PREFECT_API_DATABASE_CONNECTION_URL``. A PostgreSQL without the contrib module ``pg_trgm`` (such as
the one in the test suite's wheel) lacks what Prefect's migrations use for searching by a part of a name: those indexes
are left out there, and everything works without them.
"""

import os
import sys
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from flows.environment import prepare
from onboarding.settings import Settings

_URL: Final = "PREFECT_API_DATABASE_CONNECTION_URL"


def main() -> None:
    """Make or migrate the tables, then serve."""
    prepare(Settings.from_environment(os.environ))
    url = os.environ.get(_URL, "")
    if url.startswith("postgresql") and not _searches_by_parts(url):
        _migrate_without_search()
    _remember_timezones()
    from prefect.cli import app

    sys.argv[1:1] = ["server", "start"]
    app()


def _remember_timezones() -> None:
    """Prefect reads the folder of all time zones for every schedule that it parses: many times a minute, 20 ms each."""
    from prefect.types import _datetime

    vars(_datetime)["available_timezones"] = cache(available_timezones)


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
