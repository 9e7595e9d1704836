"""Schema migrations, applied at start. One process migrates, others wait."""

from importlib.resources import files
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_LOCK: Final = 7_301_946_250


def migrate(conn: Connection) -> None:
    """Bring the database to the newest schema, on this connection, in its transaction."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    config = Config()
    config.set_main_option("script_location", str(files("checkpoints") / "migrations"))
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
