"""Recordings of model calls in the ledger, on both dialects: found by request, summed exactly, sealed."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from checkpoints import audit, recordings, submissions
from checkpoints.database import open_database
from checkpoints.documents import Codec
from checkpoints.migrate import migrate
from checkpoints.schema import recordings as table
from onboarding.errors import TamperedRecord
from onboarding.model_call import ModelCall, Reply, Spent
from onboarding.submission import Part, Submission

SUBMISSION = Submission(version=1, parts=[Part(source="input", kind="application", format="json", content={"a": 1})])
CODEC = Codec({b"k001": b"x" * 32}, b"k001")


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request, tmp_path) -> AsyncIterator:
    url = f"sqlite:///{tmp_path / 'a.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    migrate(url)
    database = open_database(url, CODEC)
    for id_ in ("c1", "c2"):
        await database.write(
            lambda tx, id_=id_: submissions.accept(tx, id_, SUBMISSION, client="shop", external_ref=None, graph="1")
        )
    yield database
    await database.close()


def call(request="r1", outcome="answered", **more):
    answered = outcome in ("answered", "malformed")
    fields = {
        "step": "validate",
        "sequence": 1,
        "request_hash": request,
        "prompt_id": "investigate",
        "prompt_version": "1",
        "prompt_hash": "p" * 64,
        "model": "gpt-4o-mini",
        "parameters": {"temperature": 0},
        "reply": Reply(text='{"Müller": true}', input_tokens=10, output_tokens=5) if answered else None,
        "input_tokens": 10 if answered else 0,
        "output_tokens": 5 if answered else 0,
        "cost": "0.100001" if answered else "0",
        "latency_ms": 1500,
        "outcome": outcome,
    }
    return ModelCall(**fields | more)


async def keep(db, case_id, *calls):
    for one in calls:
        await db.write(lambda tx, one=one: recordings.keep(tx, case_id, 1, one))


async def test_what_is_kept_comes_back_as_it_was_and_stands_in_the_trail_without_content(db):
    kept = [call(), call("r2", "malformed", detail="not JSON"), call("r3", "unavailable", detail="HTTP 500")]
    await keep(db, "c1", *kept)
    assert await db.read(lambda tx: recordings.of_case(tx, "c1")) == kept
    events = [e for e in await db.read(lambda tx: audit.trail(tx, "c1")) if e["type"] == "model.called"]
    assert [event["data"]["outcome"] for event in events] == ["answered", "malformed", "unavailable"]
    assert "Müller" not in str(events)


async def test_an_answer_is_found_by_its_request_on_its_own_case_only(db):
    await keep(db, "c1", call("r1", "unavailable"), call("r1"), call("r9", "timed_out"))
    assert (await db.read(lambda tx: recordings.find(tx, "c1", "r1"))).reply.text == '{"Müller": true}'
    for case_id, request in (("c2", "r1"), ("c1", "r2"), ("c1", "r9")):
        assert await db.read(lambda tx, c=case_id, r=request: recordings.find(tx, c, r)) is None


async def test_a_note_that_nobody_answered_is_found_only_until_somebody_did(db):
    await keep(db, "c1", call("r1", "gave_up", detail="HTTP 500, 2 tries"))
    assert (await db.read(lambda tx: recordings.find(tx, "c1", "r1"))).detail == "HTTP 500, 2 tries"
    await keep(db, "c1", call("r1"))
    assert (await db.read(lambda tx: recordings.find(tx, "c1", "r1"))).outcome == "answered"


async def test_costs_are_summed_exactly_and_a_note_costs_nothing(db):
    await keep(db, "c1", *[call(f"r{n}") for n in range(10)], call("x", "gave_up"), call("y", "timed_out"))
    await keep(db, "c2", call())
    assert await db.read(lambda tx: recordings.spent(tx, "c1")) == Spent(
        calls=11, input_tokens=100, output_tokens=50, cost="1.000010", seconds=16.5
    )
    assert await db.read(lambda tx: recordings.spent(tx, "nobody")) == Spent()
    assert await db.read(lambda tx: (recordings.model_of(tx, "c1"), recordings.model_of(tx, "nobody"))) == (
        "gpt-4o-mini",
        None,
    )


async def test_a_recording_moved_or_damaged_no_longer_opens(db):
    await keep(db, "c1", call())
    await keep(db, "c2", call("r2"))

    def swap(tx):
        body = tx.conn.execute(table.select().where(table.c.case_id == "c2")).one().body
        tx.conn.execute(update(table).where(table.c.case_id == "c1").values(body=body))

    await db.write(swap)
    with pytest.raises(TamperedRecord):
        await db.read(lambda tx: recordings.find(tx, "c1", "r1"))
