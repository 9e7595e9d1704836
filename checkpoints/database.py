"""One way to write and one way to read, on SQLite and on PostgreSQL.

``write(work)`` runs ``work(tx)`` in a transaction and returns only once it is durable. On SQLite one
connection writes and everything that waits is committed in one transaction (group commit); a piece of work that fails
is undone alone. ``post(work)`` takes the same queue without waiting, so what is posted before a write is durable when
that write is. Readers have connections of their own and never block the writer.
"""

from pathlib import Path

from checkpoints.documents import Codec
from checkpoints.postgres import PostgresDatabase
from checkpoints.sqlite import SqliteDatabase
from checkpoints.sqlite_reads import sqlite_engine
from checkpoints.transaction import Clock, Database, T, Tx, Work, stamp, utc_now

__all__ = [
    "Clock",
    "Database",
    "PostgresDatabase",
    "SqliteDatabase",
    "T",
    "Tx",
    "Work",
    "open_database",
    "sqlite_engine",
    "stamp",
    "utc_now",
]


def open_database(
    url: str, codec: Codec | None = None, clock: Clock = utc_now, *, pool: int = 16, standstill: float = 15
) -> Database:
    """The database that ``url`` names: ``sqlite:///path`` or ``postgresql://…`` (see there for the rest)."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        return SqliteDatabase(path, codec, clock)
    return PostgresDatabase(url, codec, pool=pool, standstill=standstill)
