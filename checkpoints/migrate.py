"""Schema migrations, applied at start, before anything else touches the database. One process migrates, others wait."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError

from checkpoints.sqlite_reads import sqlite_engine
from onboarding.errors import StorageUnavailable

_LOCK: Final = 7_301_946_250


def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest schema, all of it or nothing. Raises StorageUnavailable."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        engine, begin = sqlite_engine(path), "BEGIN IMMEDIATE"
    else:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        begin = f"SELECT pg_advisory_xact_lock({_LOCK})"
    try:
        with engine.begin() as conn:
            conn.exec_driver_sql(begin)
            upgrade(conn)
    except OperationalError as error:
        raise StorageUnavailable() from error
    finally:
        engine.dispose()


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(files("checkpoints") / "migrations"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
