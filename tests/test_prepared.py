"""Prepared statements say what Core says, on SQLite and on PostgreSQL, wherever they run."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import bindparam, insert, select, update

from checkpoints.database import open_database
from checkpoints.migrate import migrate
from checkpoints.prepared import Prepared
from checkpoints.schema import effects, reviews

ADD = Prepared(insert(reviews), *reviews.c.keys())
BY_STATUS = Prepared(select(reviews).where(reviews.c.status == "waiting", reviews.c.id == bindparam("of_review")))
DUE = Prepared(update(reviews).where(reviews.c.id == bindparam("of_review")).returning(reviews.c.round), "due_at")
CASE = (
    "INSERT INTO cases (id, client, status, submitted_at, updated_at, graph_version) VALUES ('c','s','r','t','t','1')"
)


def row(id_: str, round_: int, **more) -> dict:
    sealed = {"shown": b"\x00\xff", "shown_hash": "h", "second_required": True, "opened_at": "t", "due_at": None}
    return (
        {"id": id_, "case_id": "c", "stage": "review", "version": 1, "status": "waiting", "round": round_}
        | sealed
        | more
    )


@pytest.fixture(params=("sqlite", "postgresql"))
async def db(request, tmp_path) -> AsyncIterator:
    url = (
        f"sqlite:///{tmp_path / 'ledger.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    migrate(url)
    database = open_database(url)
    await database.write(lambda tx: tx.conn.exec_driver_sql(CASE))
    yield database
    await database.close()


async def test_a_row_reads_back_as_core_reads_it(db):
    await db.write(lambda tx: ADD.run(tx, **row("one", 1)))
    for way in (db.write, db.read, db.scan):
        found = await way(lambda tx: BY_STATUS.first(tx, of_review="one"))
        known = await way(lambda tx: tx.conn.execute(select(reviews).where(reviews.c.id == "one")).first())
        assert found._asdict() == dict(known._mapping)
        assert found.second_required is True
        assert found.shown == b"\x00\xff"
        assert await way(lambda tx: BY_STATUS.first(tx, of_review="none")) is None


async def test_many_rows_and_how_many_were_touched(db):
    await db.write(lambda tx: ADD.many(tx, [row("a", 1, status="decided"), row("b", 2)]))
    await db.write(lambda tx: ADD.many(tx, []))
    assert [found.id for found in await db.read(lambda tx: BY_STATUS.all(tx, of_review="b"))] == ["b"]
    assert await db.write(lambda tx: DUE.scalar(tx, of_review="b", due_at="later")) == 2
    assert await db.write(lambda tx: DUE.scalar(tx, of_review="none", due_at="later")) is None
    renamed = Prepared(update(reviews).where(reviews.c.case_id == "c"), "stage")
    with pytest.raises(KeyError):
        await db.write(lambda tx: renamed.run(tx))
    with pytest.raises(KeyError, match="due_at"):
        await db.write(lambda tx: renamed.run(tx, stage="x", due_at="y"))
    hash_ = Prepared(update(reviews).where(reviews.c.round == bindparam("of_round")), "shown_hash")
    assert await db.write(lambda tx: hash_.run(tx, of_round=2, shown_hash="x")) == 1
    assert await db.write(lambda tx: hash_.run(tx, of_round=3, shown_hash="x")) == 0


async def test_what_cannot_be_prepared_says_so(db):
    listed = Prepared(select(effects).where(effects.c.key.in_(["a", "b"])))
    with pytest.raises(ValueError, match="list of values"):
        await db.read(lambda tx: listed.all(tx))
