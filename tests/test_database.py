"""The database: answered only when durable, failing alone, refusing honestly, losing nothing on the way out."""

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from checkpoints.database import Database, SqliteDatabase, Tx, open_database
from checkpoints.transaction import Job
from onboarding.errors import Conflict, StorageUnavailable


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/t.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = open_database(url)
    await opened.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"))
    yield opened
    await opened.close()


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "t.sqlite", patience=0.2)
    await opened.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"))
    yield opened
    await opened.close()


def put(key: int, value: str = "x") -> Any:
    return lambda tx: tx.conn.exec_driver_sql(f"INSERT INTO t VALUES ({key}, '{value}')") and key


def keys(tx: Tx) -> list[int]:
    return [row[0] for row in tx.conn.exec_driver_sql("SELECT k FROM t ORDER BY k")]


async def test_a_write_returns_what_the_work_returned_and_a_read_sees_it(db: Database) -> None:
    assert await db.write(put(7)) == 7
    assert await db.read(keys) == [7]


async def test_a_failing_piece_of_work_rolls_back_alone(db: Database) -> None:
    def half(tx: Tx) -> None:
        put(50)(tx)
        raise Conflict("no")

    tries: list[Any] = [put(1), half, put(2), put(2), put(3)]
    answers = await asyncio.gather(*(db.write(work) for work in tries), return_exceptions=True)
    assert isinstance(answers[1], Conflict)
    assert sorted(type(answer).__name__ for answer in (answers[2], answers[3])) == ["IntegrityError", "int"]
    assert await db.read(keys) == [1, 2, 3]
    with pytest.raises(IntegrityError):
        await db.write(put(1))


async def test_what_is_posted_is_durable_no_later_than_the_next_write(db: Database) -> None:
    for key in range(20):
        db.post(put(key))
    await db.write(put(100))
    assert await db.read(keys) == [*range(20), 100]


async def test_a_posted_failure_harms_nobody(db: Database) -> None:
    db.post(put(1))
    db.post(put(1))
    await db.write(put(2))
    assert await db.read(keys) == [1, 2]


async def test_closing_commits_and_answers_everything_that_was_queued(db: Database) -> None:
    waiting = [asyncio.ensure_future(db.write(put(key))) for key in range(100)]
    db.post(put(500))
    await asyncio.sleep(0)
    await db.close()
    assert await asyncio.gather(*waiting) == list(range(100))
    for refused in (db.write(put(1000)), db.read(keys)):
        with pytest.raises((StorageUnavailable, RuntimeError)):
            await refused


async def test_watchers_are_told_after_the_commit_and_cannot_harm_it(db: Database) -> None:
    told: list[set[str]] = []

    def bad(_: set[str]) -> None:
        raise ValueError("a listener's own trouble")

    def touching(tx: Tx) -> None:
        put(1)(tx)
        tx.touched.add("case-1")

    def failing(tx: Tx) -> None:
        tx.touched.add("case-2")
        raise Conflict("no")

    db.watch(bad)
    db.watch(told.append)
    await db.write(touching)
    with pytest.raises(Conflict):
        await db.write(failing)
    await db.write(put(2))
    assert set().union(*told) == {"case-1"}


async def test_many_writes_share_a_commit_and_each_is_answered_only_after_it(lite: SqliteDatabase) -> None:
    seen: list[bool] = []
    beside = sqlite3.connect(lite.path, isolation_level=None)

    async def one(key: int) -> None:
        await lite.write(put(key))
        seen.append(beside.execute("SELECT 1 FROM t WHERE k = ?", (key,)).fetchone() is not None)

    before = lite.commits
    await asyncio.gather(*(one(key) for key in range(300)))
    assert all(seen)
    assert len(seen) == 300
    assert lite.commits - before < 100


async def test_a_write_that_has_to_wait_blocks_no_reader(lite: SqliteDatabase) -> None:
    await lite.write(put(1))
    other = sqlite3.connect(lite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(lite.write(put(2)))
    await asyncio.sleep(0.05)
    assert await asyncio.wait_for(lite.read(keys), 5) == [1]
    assert await asyncio.wait_for(lite.scan(keys), 5) == [1]
    assert lite.glance(lambda conn: conn.execute("SELECT count(*) FROM t").fetchone()) == (1,)
    assert not writing.done()
    other.execute("ROLLBACK")
    await writing
    assert await lite.read(keys) == [1, 2]


async def test_of_work_that_shares_a_commit_only_the_failing_piece_is_undone(lite: SqliteDatabase) -> None:
    def failing(tx: Tx) -> None:
        put(7)(tx)
        raise Conflict("no")

    jobs = [lite.write(put(key)) for key in (1, 2)] + [lite.write(failing)] + [lite.write(put(3))]
    answers = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, int, Conflict, int]
    assert await lite.read(keys) == [1, 2, 3]


async def test_a_full_disk_is_refused_honestly_and_it_goes_on_after(lite: SqliteDatabase) -> None:
    pages = await lite.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await lite.write(lambda tx: tx.conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 2}").scalar_one())
    big = "y" * 60_000
    answers = await asyncio.gather(
        lite.write(put(1)), lite.write(put(2, big)), lite.write(put(3)), return_exceptions=True
    )
    assert isinstance(answers[1], StorageUnavailable)
    accepted = [answer for answer in answers if isinstance(answer, int)]
    assert await lite.read(keys) == accepted
    await lite.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA max_page_count=100000").scalar_one())
    assert await lite.write(put(2, big)) == 2
    assert await lite.read(keys) == sorted({*accepted, 2})


async def test_what_was_refused_because_of_something_that_was_never_stored_is_not_refused_for_it(
    lite: SqliteDatabase,
) -> None:
    """Two decisions at once on a full disk: neither stands, so nobody may hear that the other one does."""
    await lite.write(
        lambda tx: tx.conn.exec_driver_sql(
            "CREATE TABLE late (k INTEGER REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)"  # refused by COMMIT itself
        )
    )

    def decide(tx: Tx) -> None:
        if tx.conn.exec_driver_sql("SELECT count(*) FROM t").scalar_one():
            raise Conflict("already decided")
        put(1)(tx)
        tx.conn.exec_driver_sql("INSERT INTO late VALUES (999)")

    answers = await asyncio.gather(lite.write(decide), lite.write(decide), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StorageUnavailable, StorageUnavailable]
    assert await lite.read(keys) == []


async def test_a_locked_file_is_refused_and_it_goes_on_after(lite: SqliteDatabase) -> None:
    other = sqlite3.connect(lite.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable):
        await lite.write(put(1))
    other.execute("ROLLBACK")
    assert await lite.write(put(2)) == 2
    assert await lite.read(keys) == [2]


class Rows:
    """A sink that stores keys."""

    def write(self, tx: Tx, jobs: Any) -> None:
        for job in jobs:
            put(job.item)(tx)

    def committed(self) -> None: ...

    def rolled_back(self) -> None: ...


async def test_a_row_that_builds_on_a_failed_one_fails_too_and_the_others_stay(lite: SqliteDatabase) -> None:
    rows = Rows()
    await lite.write(put(2))
    first = lite.feed(rows, 1, urgent=False)
    bad = lite.feed(rows, 2, after=first, urgent=False)
    built_on_bad = lite.feed(rows, 3, after=bad, urgent=False)
    other = lite.feed(rows, 4)
    answers = await asyncio.gather(*(job.wait() for job in (first, bad, built_on_bad, other)), return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["NoneType", "IntegrityError", "IntegrityError", "NoneType"]
    assert await lite.read(keys) == [1, 2, 4]


async def test_rows_that_nobody_waits_for_are_committed_within_moments(lite: SqliteDatabase) -> None:
    job: Job = lite.feed(Rows(), 1, urgent=False)
    await asyncio.wait_for(job.wait(), 2)
    assert await lite.read(keys) == [1]


_LIMITED = """
import asyncio, resource, sys
from checkpoints.database import SqliteDatabase
from onboarding.errors import StorageUnavailable
from pathlib import Path

async def main(path):
    db = SqliteDatabase(Path(path))
    await db.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
    accepted = []
    def put(key):
        return lambda tx: tx.conn.exec_driver_sql(f"INSERT INTO t VALUES ({key}, '{'z' * 9000}')")
    refused = 0
    for key in range(100):
        try:
            await db.write(put(key))
            accepted.append(key)
        except StorageUnavailable:
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await db.write(put(1000))
    accepted.append(1000)
    await db.close()
    print(refused, *accepted)

asyncio.run(main(sys.argv[1]))
"""


def test_when_the_file_cannot_grow_nothing_is_promised_and_nothing_promised_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_LIMITED), str(path)], capture_output=True, text=True, check=True
    )
    refused, *accepted = map(int, child.stdout.split())
    assert refused > 10
    stored = [row[0] for row in sqlite3.connect(path).execute("SELECT k FROM t ORDER BY k")]
    assert stored == accepted
    assert 1000 in stored


@contextmanager
def locked(db: SqliteDatabase) -> Iterator[None]:
    """Somebody else holds the file: what is written meanwhile fails."""
    with closing(sqlite3.connect(db.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def refused(db: SqliteDatabase) -> None:
    """Return once the storage has refused a write, and with it all that was posted before."""
    with pytest.raises(StorageUnavailable):
        await db.write(put(100))


async def test_what_was_posted_and_met_a_full_disk_is_durable_no_later_than_the_next_write(
    lite: SqliteDatabase,
) -> None:
    with locked(lite):
        for key in range(3):
            lite.post(put(key))
            await refused(lite)
    await lite.write(put(3))
    assert await lite.read(keys) == [0, 1, 2, 3]


async def test_it_is_tried_again_although_nobody_writes_any_more(lite: SqliteDatabase) -> None:
    with locked(lite):
        lite.post(put(1))
        await refused(lite)
    async with asyncio.timeout(5):
        while await lite.read(keys) != [1]:  # noqa: ASYNC110 - a post is answered to nobody
            await asyncio.sleep(0.01)


async def test_it_is_written_on_the_way_out_or_told_as_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for free in (True, False):
        db = SqliteDatabase(tmp_path / f"{free}.sqlite", patience=0.2)
        await db.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (k INTEGER PRIMARY KEY, v TEXT)"))
        with locked(db):
            db.post(put(1))
            await refused(db)
            if not free:
                await db.close()
        await db.close()
        again = SqliteDatabase(tmp_path / f"{free}.sqlite")
        assert await again.read(keys) == ([1] if free else [])
        await again.close()
    assert "posted write failed: StorageUnavailable" in caplog.text


async def test_posted_work_that_is_wrong_is_not_tried_again(lite: SqliteDatabase) -> None:
    tries: list[int] = []

    def wrong(tx: Tx) -> None:
        tries.append(1)
        raise Conflict("no")

    lite.post(wrong)
    await lite.write(put(1))
    tried = len(tries)
    await lite.write(put(2))
    assert len(tries) == tried


async def test_posted_work_that_the_storage_alone_never_takes_is_given_up_and_takes_nobody_along(
    lite: SqliteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in our SQL looks like the storage's."""
    lite.post(lambda tx: tx.conn.exec_driver_sql("INSERT INTO nowhere VALUES (1)"))
    lite.post(put(50))
    refusals = 0
    for key in range(20):
        try:
            await lite.write(put(key))
        except StorageUnavailable:
            refusals += 1
    assert refusals <= 1
    assert await lite.read(keys) == [*range(refusals, 20), 50]
    assert "posted write failed" in caplog.text
