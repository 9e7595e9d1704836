"""What is posted on PostgreSQL and meets a server that fails is tried again, before what comes after it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from checkpoints.database import PostgresDatabase, Tx
from onboarding.errors import Conflict


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(postgres_url, pool=2, patience=0.2)
    await opened.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (n SERIAL, k INT)"))
    yield opened
    await opened.close()


class Times:
    """Work that the server refuses with its timeout of a statement so many times, then takes."""

    def __init__(self, key: int, failing: int) -> None:
        self.key, self.failing, self.tries = key, failing, 0

    def __call__(self, tx: Tx) -> None:
        self.tries += 1
        if self.tries <= self.failing:
            tx.conn.exec_driver_sql("SET LOCAL statement_timeout = 1")
            tx.conn.exec_driver_sql("SELECT pg_sleep(1)")
        tx.conn.exec_driver_sql(f"INSERT INTO t (k) VALUES ({self.key})")


def keys(tx: Tx) -> list[int]:
    return [row[0] for row in tx.conn.exec_driver_sql("SELECT k FROM t ORDER BY n")]


async def come(db: PostgresDatabase, *wanted: int) -> None:
    async with asyncio.timeout(15):
        while (found := await db.read(keys)) != [*wanted]:
            assert len(found) <= len(wanted), found
            await asyncio.sleep(0.02)


async def test_a_write_that_comes_after_it_waits_until_it_is_stored(db: PostgresDatabase) -> None:
    posted = db.post(Times(1, 1))
    await db.write(Times(2, 0))
    assert await db.read(keys) == [1, 2]
    assert posted.done


async def test_it_is_tried_again_although_nobody_writes_any_more(db: PostgresDatabase) -> None:
    db.post(Times(1, 1))
    db.post(Times(2, 0))
    await come(db, 1, 2)


async def test_what_never_works_is_given_up_and_takes_nobody_along(
    db: PostgresDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    never = Times(1, 1_000)
    posted: Any = db.post(never)
    for key in range(2, 40):
        other = db.post(Times(key, 0))
        await other.settled()
        if posted.done:
            break
        await asyncio.sleep(0.1)
    assert posted.done
    assert never.tries < 12
    assert "posted write failed: StorageUnavailable" in caplog.text
    await come(db, *range(2, key + 1))


async def test_on_the_way_out_it_gets_a_last_try(db: PostgresDatabase, postgres_url: str) -> None:
    going = PostgresDatabase(postgres_url, pool=2, patience=0.2)
    failing = Times(1, 1)
    going.post(failing)
    while not failing.tries:  # noqa: ASYNC110 - in the lane's thread
        await asyncio.sleep(0.001)
    await going.close()
    assert await db.read(keys) == [1]


async def test_what_is_refused_is_not_tried_again(db: PostgresDatabase) -> None:
    tries: list[int] = []

    def wrong(tx: Tx) -> None:
        tries.append(1)
        raise Conflict("no")

    await db.post(wrong).settled()
    tried = len(tries)
    await db.post(Times(1, 0)).settled()
    assert (len(tries), await db.read(keys)) == (tried, [1])
