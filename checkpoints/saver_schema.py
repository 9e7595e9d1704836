"""The graph's memory: one append-only log of rows for each thread, in the order they were written.

``id`` is ``thread << 24 | n`` with ``n`` counting from 1 in the thread: one B-tree, no second index, a thread's rows
side by side, and an order that no host's clock can change.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, text

from checkpoints.schema import metadata

__all__ = ["ROW_BITS", "metadata", "state_rows", "state_threads"]

ROW_BITS: Final = 24
"""Rows a thread can have, as a power of two."""

_Key = BigInteger().with_variant(Integer, "sqlite")

state_threads = Table(
    "state_threads",
    metadata,
    Column("no", _Key, primary_key=True, autoincrement=True),
    Column("thread_id", String, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

state_rows = Table(
    "state_rows",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("ns", String, nullable=False),
    Column("checkpoint_id", String, nullable=False),
    Column("run_id", String),
    Column("body", LargeBinary, nullable=False),
)
Index(
    "state_rows_by_run",
    state_rows.c.run_id,
    sqlite_where=text("run_id IS NOT NULL"),
    postgresql_where=text("run_id IS NOT NULL"),
)
