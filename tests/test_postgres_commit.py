"""A connection that breaks at COMMIT: the server is asked, so nothing is lost and nothing is done twice."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from harness.cutting_proxy import Cut, CuttingProxy
from langgraph.checkpoint.conformance.test_utils import generate_checkpoint, generate_config, generate_metadata

from checkpoints.database import PostgresDatabase, Tx
from checkpoints.postgres_pool import noticing
from checkpoints.saver import open_saver
from checkpoints.saver_schema import metadata
from checkpoints.transaction import wire_of
from onboarding.errors import Conflict, StorageUnavailable

_SILENCE = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
CUTS: tuple[Cut, ...] = ("before it arrives", "before it is answered")


@pytest.fixture
async def cut_off(postgres_url: str) -> AsyncIterator[tuple[PostgresDatabase, CuttingProxy]]:
    proxy = CuttingProxy(postgres_url)
    db = PostgresDatabase(proxy.url, pool=2, patience=10)

    def create(tx: Tx) -> None:
        metadata.create_all(tx.conn)
        tx.conn.exec_driver_sql("CREATE TABLE total (n INT)")
        tx.conn.exec_driver_sql("INSERT INTO total VALUES (0)")

    await db.write(create)
    yield db, proxy
    await db.close()
    proxy.close()


def add(tx: Tx) -> str:
    tx.conn.exec_driver_sql("UPDATE total SET n = n + 1")
    tx.touched.add("case-1")
    return "added"


def total(tx: Tx) -> Any:
    return tx.conn.exec_driver_sql("SELECT n FROM total").scalar_one()


@pytest.mark.parametrize("when", CUTS)
async def test_a_write_cut_at_commit_takes_effect_once(
    cut_off: tuple[PostgresDatabase, CuttingProxy], when: Cut
) -> None:
    db, proxy = cut_off
    told: list[set[str]] = []
    db.watch(told.append)
    for number in range(1, 6):
        proxy.arm(b"COMMIT", when)
        assert await db.write(add) == "added"
        assert proxy.cuts == number
        assert await db.read(total) == number
    assert told == [{"case-1"}] * 5


@pytest.mark.parametrize("when", CUTS)
async def test_a_checkpoint_cut_on_its_way_is_stored_once(
    cut_off: tuple[PostgresDatabase, CuttingProxy], when: Cut
) -> None:
    db, proxy = cut_off
    saver = open_saver(db)
    parent: Any = generate_config("t1")
    for number in range(5):
        checkpoint = generate_checkpoint(channel_values={"k": f"value-{number}"}, channel_versions={"k": number + 1})
        proxy.arm(checkpoint["id"].encode(), when)
        parent = await saver.aput(parent, checkpoint, generate_metadata(step=number), {"k": number + 1})
        assert proxy.cuts == number + 1
    steps = [found.metadata["step"] async for found in saver.alist(generate_config("t1"))]
    assert steps == [4, 3, 2, 1, 0]


async def test_two_writes_that_lock_each_other_out_both_take_effect(
    cut_off: tuple[PostgresDatabase, CuttingProxy],
) -> None:
    db, _ = cut_off
    await db.write(lambda tx: tx.conn.exec_driver_sql("CREATE TABLE pair (k INT PRIMARY KEY, n INT)"))
    await db.write(lambda tx: tx.conn.exec_driver_sql("INSERT INTO pair VALUES (1, 0), (2, 0)"))

    def in_order(first: int, second: int) -> Any:
        def work(tx: Tx) -> None:
            for key in (first, second):
                tx.conn.exec_driver_sql(f"UPDATE pair SET n = n + 1 WHERE k = {key}")
                tx.conn.exec_driver_sql("SELECT pg_sleep(0.1)")

        return work

    await asyncio.gather(db.write(in_order(1, 2)), db.write(in_order(2, 1)))
    assert await db.read(lambda tx: tx.conn.exec_driver_sql("SELECT sum(n) FROM pair").scalar_one()) == 4


async def test_a_host_that_is_gone_without_a_word_is_noticed_in_seconds_not_hours(
    cut_off: tuple[PostgresDatabase, CuttingProxy],
) -> None:
    """By the kernel's own rules it takes a quarter of an hour where something was sent, else two hours."""
    db, _ = cut_off

    def options(tx: Tx) -> tuple[int, int]:
        raw: Any = tx.conn.connection.dbapi_connection
        with socket.socket(fileno=os.dup(raw.fileno())) as ours:
            ask = [ours.getsockopt(socket.IPPROTO_TCP, name) for name in _SILENCE]
        assert all(ask), ask
        return ask[0] // 1000, ask[1] + ask[2] * ask[3]

    unacknowledged, silent = await db.read(options)
    assert 5 <= unacknowledged <= 15
    assert 5 <= silent <= 20
    assert "tcp_user_timeout" not in noticing("postgresql://h/d?tcp_user_timeout=90000"), (
        "the operator's word goes first"
    )


async def test_a_server_that_stays_away_is_said_so(postgres_url: str) -> None:
    proxy = CuttingProxy(postgres_url)
    db = PostgresDatabase(proxy.url, pool=2, patience=0.3)
    await db.write(lambda tx: metadata.create_all(tx.conn))
    saver = open_saver(db)
    proxy.close()
    dead = PostgresDatabase(proxy.url, pool=2, patience=0.3)
    with pytest.raises(StorageUnavailable):
        await dead.write(total)
    with pytest.raises(StorageUnavailable):
        await open_saver(dead).aget_tuple(generate_config("t1"))
    await dead.close()
    assert await saver.aget_tuple(generate_config("t1")) is None
    await db.close()


async def test_what_the_work_raises_is_raised_and_never_tried_again(
    cut_off: tuple[PostgresDatabase, CuttingProxy],
) -> None:
    db, _ = cut_off
    tries = 0

    def refuse(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        add(tx)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await db.write(refuse)
    assert (tries, await db.read(total)) == (1, 0)


@pytest.mark.parametrize("through", ["the wire", "SQLAlchemy"])
async def test_a_server_that_takes_no_writes_for_a_while_is_waited_for_by_new_connections(
    cut_off: tuple[PostgresDatabase, CuttingProxy], postgres_server: Any, through: str
) -> None:
    """A standby before it is promoted, a managed server that is out of room: another server may answer by then."""
    db, _ = cut_off

    def work(tx: Tx) -> str:
        if through == "the wire":
            wire_of(tx).execute("UPDATE total SET n = n + 1")
            return "added"
        return add(tx)

    name = await db.read(lambda tx: tx.conn.exec_driver_sql("SELECT current_database()").scalar_one())
    reads_only = f'ALTER DATABASE "{name}" SET default_transaction_read_only = '
    postgres_server.psql(f"{reads_only} on")
    hasty = PostgresDatabase(postgres_server.get_uri(database=name), pool=2, patience=0.2)
    with pytest.raises(StorageUnavailable):
        await hasty.write(work)
    patient = PostgresDatabase(postgres_server.get_uri(database=name), pool=2, patience=10)
    waits = asyncio.create_task(patient.write(work))
    await asyncio.sleep(0.2)
    postgres_server.psql(f"{reads_only} off")
    assert await waits == "added"
    assert await db.read(total) == 1
    await asyncio.gather(hasty.close(), patient.close())
