"""Backups of a ledger in use, and what a restored one must do before it goes on."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Final

from sqlalchemy import update

from checkpoints.database import Tx
from checkpoints.schema import cases
from onboarding.errors import BadInput, Conflict, StorageUnavailable

_PAGES: Final = 2_000
_SQLITE: Final = "sqlite:///"


def backup(url: str, out: Path) -> None:
    """Copy the ledger as it is at one moment, while it is in use. PostgreSQL needs its own ``pg_dump`` on the path.

    Raises Conflict when ``out`` exists, StorageUnavailable when it cannot be written or read.
    """
    if out.exists():
        raise Conflict(f"{out} exists already; a backup never overwrites a file.")
    part = out.with_name(out.name + ".part")
    try:
        (_from_sqlite if url.startswith(_SQLITE) else _from_postgres)(url, part)
        _settle(part, out)
    except (OSError, sqlite3.Error) as error:
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
    _postgres("pg_dump", "--format=custom", f"--file={out}", f"--dbname={url}")


def _postgres(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise StorageUnavailable(f"{program} is not on the path; install PostgreSQL's client programs.")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise StorageUnavailable(f"{program} failed: {done.stderr.strip()[-300:]}")


def _settle(part: Path, out: Path) -> None:
    """The file is there under its name only once it is whole and on disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(out)


def restore(source: Path, url: str) -> None:
    """Put a backup where there is no ledger yet. Raises Conflict when there is one, BadInput for no backup of ours."""
    if not url.startswith(_SQLITE):
        _postgres("pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={url}", str(source))
        return
    path = Path(url.removeprefix(_SQLITE))
    if path.exists():
        raise Conflict(f"There is a ledger at {path} already; a restore never overwrites one.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    shutil.copyfile(source, part)
    try:
        conn = sqlite3.connect(part)
        known = conn.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('cases', 'audit')").fetchone() == (2,)
        whole = known and conn.execute("PRAGMA quick_check").fetchone() == ("ok",)
        conn.close()
        if not whole:
            raise BadInput(f"{source.name} is not a whole backup of a ledger.")
        _settle(part, path)
    except sqlite3.DatabaseError as error:
        raise BadInput(f"{source.name} is not a backup of a ledger ({error}).") from error
    finally:
        part.unlink(missing_ok=True)


def restored(tx: Tx) -> int:
    """What happened after the backup is not in it: from now on services are asked by key before anything is repeated.

    Returns the number of cases.
    """
    return int(tx.conn.execute(update(cases), {"ask_first": True}).rowcount)
