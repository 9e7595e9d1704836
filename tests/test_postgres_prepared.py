"""What is prepared on a connection may go stale or be thrown away: work goes on."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from checkpoints.database import PostgresDatabase, Tx
from checkpoints.transaction import Job, wire_of

READ, ADD = "SELECT v FROM t WHERE k = $1", "UPDATE t SET v = v || $2 WHERE k = $1"


class Reader:
    """A lane's reader of one value."""

    def write(self, tx: Tx, jobs: list[Job]) -> None:
        for job in jobs:
            job.result = value(tx)

    def committed(self) -> None: ...
    def rolled_back(self) -> None: ...


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(postgres_url, pool=2, patience=5)
    await opened.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE t (k INT PRIMARY KEY, v VARCHAR)"))
    await opened.write(lambda tx: tx.conn.exec_driver_sql("INSERT INTO t VALUES (1, 'a')"))
    await opened.look(Reader(), None)  # its connection is its own from now on
    await opened.read(value)
    await opened.read(lambda tx: wire_of(tx).execute(ADD, [0, "a"]))
    yield opened
    await opened.close()


def value(tx: Tx) -> Any:
    (found,) = wire_of(tx).execute(READ, [1]).one()
    return found


def add(tx: Tx) -> Any:
    wire_of(tx).execute(ADD, [1, "a"])
    return value(tx)


async def everything(db: PostgresDatabase) -> list[Any]:
    """What a read, a write, and a lane find."""
    return [await db.read(value), await db.write(add), await db.look(Reader(), None)]


async def test_a_column_that_changes_its_type_under_a_running_process_stops_nothing(db: PostgresDatabase) -> None:
    for kind in ("TEXT", "VARCHAR", "TEXT"):
        before = len(await db.read(value))
        await db.write(lambda tx, kind=kind: tx.conn.exec_driver_sql(f"ALTER TABLE t ALTER COLUMN v TYPE {kind}"))
        assert [len(found) for found in await everything(db)] == [before, before + 1, before + 1]


async def test_what_a_pooler_threw_away_is_prepared_again_and_its_limits_are_set_again(db: PostgresDatabase) -> None:
    await db.read(lambda tx: wire_of(tx).once("DISCARD ALL", []))
    assert await everything(db) == ["a", "aa", "aa"]
    (limit,) = await db.read(lambda tx: wire_of(tx).execute("SHOW lock_timeout").one())
    assert limit == "15s"


async def test_a_name_that_somebody_else_prepared_on_the_connection_is_in_nobodys_way(db: PostgresDatabase) -> None:
    def taken(tx: Tx) -> None:
        for number in range(9):
            wire_of(tx).once(f"PREPARE onboard_{number + 2} AS SELECT 1", [])

    await db.read(taken)
    assert await db.read(lambda tx: wire_of(tx).execute("SELECT k FROM t").one()) == (1,)


async def test_a_statement_that_the_server_cannot_do_is_said_at_once(db: PostgresDatabase) -> None:
    began = time.monotonic()
    with pytest.raises(Exception, match="FOR UPDATE"):
        await db.read(lambda tx: wire_of(tx).execute("SELECT count(*) FROM t FOR UPDATE").one())
    assert time.monotonic() - began < 2
