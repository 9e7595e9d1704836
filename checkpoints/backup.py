"""Backups of a ledger in use, and what a restored one must do before it goes on.

A backup is one SQLite file with the ledger's own tables, whichever database it comes from and goes to: sealed rows are
the same bytes on both. (PostgreSQL's own tools work as well; this needs none of them.)
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, delete, func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

import checkpoints.saver_schema  # noqa: F401 - its tables are on the same metadata
from checkpoints.database import Tx, sqlite_engine
from checkpoints.migrate import migrate
from checkpoints.schema import cases, installation, metadata
from onboarding.errors import BadInput, Conflict, StorageUnavailable

_PAGES: Final = 2_000
_ROWS: Final = 1_000
_SQLITE: Final = "sqlite:///"


def backup(url: str, out: Path) -> None:
    """Copy the ledger as it is at one moment, while it is in use.

    Raises Conflict when ``out`` exists, StorageUnavailable when it cannot be written or read.
    """
    if out.exists():
        raise Conflict(f"{out} exists already; a backup never overwrites a file.")
    part = out.with_name(out.name + ".part")
    try:
        (_from_sqlite if url.startswith(_SQLITE) else _from_postgres)(url, part)
        _settle(part, out)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise StorageUnavailable(f"The backup failed: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _from_sqlite(url: str, out: Path) -> None:
    source = sqlite3.connect(f"file:{url.removeprefix(_SQLITE)}?mode=ro", uri=True)
    target = sqlite3.connect(out)
    try:
        source.backup(target, pages=_PAGES)
        if target.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("the copy does not pass its check")
        target.execute("PRAGMA journal_mode=DELETE")
    finally:
        target.close()
        source.close()


def _from_postgres(url: str, out: Path) -> None:
    migrate(f"{_SQLITE}{out}")
    source, target = _postgres(url), sqlite_engine(out)
    try:
        with source.connect().execution_options(isolation_level="REPEATABLE READ") as one, target.connect() as two:
            two.exec_driver_sql("PRAGMA foreign_keys=OFF")
            two.exec_driver_sql("BEGIN")
            _copy(one, two)
            two.exec_driver_sql("COMMIT")
            two.exec_driver_sql("PRAGMA journal_mode=DELETE")
    finally:
        source.dispose()
        target.dispose()


def _copy(source: Connection, target: Connection) -> None:
    """Every row of every table, parents before children."""
    for table in metadata.sorted_tables:
        rows = source.execution_options(yield_per=_ROWS).execute(select(table))
        for some in rows.mappings().partitions(_ROWS):
            target.execute(table.insert(), [dict(row) for row in some])


def _postgres(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))


def _settle(part: Path, out: Path) -> None:
    """The file is there under its name only once it is whole and on disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(out)


def restore(source: Path, url: str) -> None:
    """Put a backup where there is no ledger yet. Raises Conflict when there is one, BadInput for no backup of ours."""
    _check(source)
    try:
        (_to_sqlite if url.startswith(_SQLITE) else _to_postgres)(source, url)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise StorageUnavailable(f"The restore failed: {error}") from error


def _check(source: Path) -> None:
    try:
        conn = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
        names = {name for (name,) in conn.execute("SELECT name FROM sqlite_master")}
        whole = {"cases", "audit"} <= names and conn.execute("PRAGMA quick_check").fetchone() == ("ok",)
        conn.close()
    except sqlite3.Error as error:
        raise BadInput(f"{source.name} is not a backup of a ledger ({error}).") from error
    if not whole:
        raise BadInput(f"{source.name} is not a whole backup of a ledger.")


def _to_sqlite(source: Path, url: str) -> None:
    path = Path(url.removeprefix(_SQLITE))
    if path.exists():
        raise Conflict(f"There is a ledger at {path} already; a restore never overwrites one.")
    for end in ("-wal", "-journal"):
        if (log := path.with_name(path.name + end)).exists():
            raise Conflict(f"{log} is the rest of a former ledger and would be played into this one: move it away.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        shutil.copyfile(source, part)
        _settle(part, path)
    finally:
        part.unlink(missing_ok=True)


def _to_postgres(source: Path, url: str) -> None:
    """Into a database without cases: all of it or nothing. Old backups are brought to the newest schema first."""
    migrate(url)
    engine = _postgres(url)
    with tempfile.TemporaryDirectory(prefix="onboard-restore-") as folder:
        copy = Path(folder) / "ledger.db"
        shutil.copyfile(source, copy)
        migrate(f"{_SQLITE}{copy}")
        old = sqlite_engine(copy, readonly=True)
        try:
            with engine.begin() as target, old.begin() as rows:
                if target.scalar(select(func.count()).select_from(cases)):
                    raise Conflict("There are cases in this database already; a restore never overwrites one.")
                _copy(rows, target)
                _count_on(target)
        finally:
            engine.dispose()
            old.dispose()


def _count_on(target: Connection) -> None:
    """Numbers that PostgreSQL gives out go on after the highest restored one."""
    for table in metadata.sorted_tables:
        column: Any = table.autoincrement_column
        if column is not None:
            name = text("SELECT pg_get_serial_sequence(:t, :c)")
            sequence = target.scalar(name, {"t": table.name, "c": column.name})
            top = target.scalar(select(func.max(column)))
            if sequence and top:
                target.execute(text("SELECT setval(:s, :n)"), {"s": sequence, "n": top})


def restored(tx: Tx) -> int:
    """What happened after the backup is not in it: from now on services are asked by key before anything is repeated.

    Returns the number of cases.
    """
    tx.conn.execute(delete(installation))  # whoever takes it up first says anew with which secret
    return int(tx.conn.execute(update(cases), {"ask_first": True}).rowcount)
