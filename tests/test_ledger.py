"""The ledger's promises, on SQLite and on PostgreSQL with the same queries."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, update

import checkpoints.saver_schema  # noqa: F401 - its tables are on the same metadata
from checkpoints import access, audit, cases, effects, gate, matches, outbox, reviews, submissions, views
from checkpoints.database import open_database
from checkpoints.migrate import migrate
from checkpoints.schema import metadata
from checkpoints.schema import reviews as review_rows
from onboarding.application import Application
from onboarding.assessment import Recommendation, Risk
from onboarding.case import CaseRecord
from onboarding.errors import (
    AlreadyDecided,
    CaseChanged,
    CaseNotFound,
    FourEyes,
    IdempotencyKeyReused,
    NotWaiting,
    ReviewTampered,
)
from onboarding.submission import Part, Submission

BOTH = ("sqlite", "postgresql")
SUBMISSION = Submission(version=1, parts=[Part(source="input", kind="application", format="json", content={"a": 1})])
RECORD = CaseRecord(
    version=1,
    application=Application(legal_name="Blue Kite Ltd", country="GB"),
    recommendation=Recommendation(action="approve"),
    risk=Risk(score=0, level="low"),
    summary="Nothing found.",
    policy_version="1",
)
SHOWN = RECORD.to_json()


@pytest.fixture(params=BOTH)
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("ledger_url")


@pytest.fixture
async def db(url) -> AsyncIterator:
    migrate(url)
    database = open_database(url)
    await database.write(
        lambda tx: submissions.accept(tx, "c1", SUBMISSION, client="shop", external_ref="r1", graph="1")
    )
    yield database
    await database.close()


def opened(tx, stage="review", **more):
    id_, _ = reviews.open_wait(tx, "c1", stage, version=1, shown=SHOWN, **more)
    return reviews.find(tx, id_)


def approve(tx, review, actor="ann", body=None):
    return reviews.decide(tx, review, "approve", actor=actor, channel="api", body=body or {"action": "approve"})


def test_the_migrations_make_exactly_the_schema_that_the_code_uses(url):
    migrate(url)
    migrate(url)  # a second start changes nothing
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []
    engine.dispose()


async def test_an_idempotency_key_remembers_its_answer_and_refuses_another_body(db):
    await db.write(lambda tx: submissions.remember(tx, "shop", "k", "h1", ["c1"]))
    assert await db.read(lambda tx: submissions.remembered(tx, "shop", "k", "h1")) == ["c1"]
    assert await db.read(lambda tx: submissions.remembered(tx, "other", "k", "h2")) is None
    with pytest.raises(IdempotencyKeyReused):
        await db.read(lambda tx: submissions.remembered(tx, "shop", "k", "h2"))


async def test_a_submission_is_read_back_as_it_was_accepted(db):
    assert await db.read(lambda tx: submissions.get(tx, "c1", 1)) == SUBMISSION
    with pytest.raises(CaseNotFound):
        await db.read(lambda tx: submissions.get(tx, "c1", 2))


async def test_a_node_that_runs_twice_opens_one_review(db):
    first = await db.write(lambda tx: reviews.open_wait(tx, "c1", "review", version=1, shown=SHOWN))
    again = await db.write(lambda tx: reviews.open_wait(tx, "c1", "review", version=1, shown=SHOWN))
    assert (first[1], again[1]) == (True, False)
    assert first[0] == again[0]


async def test_of_many_decisions_at_once_exactly_one_stands(db):
    review = await db.write(opened)

    async def decide(number):
        action = "approve" if number % 2 else "reject"
        work = lambda tx: reviews.decide(  # noqa: E731
            tx, review, action, actor=f"reviewer-{number}", channel="api", body={"action": action}
        )
        try:
            return await db.write(work)
        except AlreadyDecided as error:
            return error.extra["decision"]["actor"]

    answers = await asyncio.gather(*(decide(number) for number in range(20)))
    (standing,) = await db.read(lambda tx: reviews.decisions_of(tx, "c1"))
    assert answers.count(True) == 1
    assert set(answers) == {True, standing.actor}


async def test_the_same_decision_by_the_same_person_again_changes_nothing(db):
    review = await db.write(opened)
    assert await db.write(lambda tx: approve(tx, review))
    events = await db.read(lambda tx: audit.trail(tx, "c1"))
    assert not await db.write(lambda tx: approve(tx, review))
    assert await db.read(lambda tx: audit.trail(tx, "c1")) == events


async def test_a_review_that_is_not_what_was_shown_takes_a_withdrawal_and_no_decision(db):
    def swapped(tx):
        row = opened(tx)
        body = tx.codec.dump({**SHOWN, "summary": "All is well."}, f"review:{row.id}")
        tx.conn.execute(update(review_rows).where(review_rows.c.id == row.id), {"shown": body})
        return reviews.find(tx, row.id)

    review = await db.write(swapped)
    for action in ("approve", "reject", "request_information", "amended", "expired"):
        with pytest.raises(ReviewTampered) as refused:
            await db.write(
                lambda tx, action=action: reviews.decide(tx, review, action, actor="a", channel="api", body={})
            )
        assert refused.value.extra == {"case_id": "c1", "review_id": review.id}
        assert await db.read(lambda tx: (reviews.decisions_of(tx, "c1"), reviews.waiting(tx, "c1").id)) == (
            [],
            review.id,
        )
    assert await db.write(lambda tx: reviews.decide(tx, review, "withdrawn", actor="shop", channel="api", body={}))


async def test_a_review_that_was_overtaken_by_a_change_says_so(db):
    review = await db.write(opened)
    await db.write(lambda tx: reviews.decide(tx, review, "amended", actor="shop", channel="api", body={"version": 2}))
    with pytest.raises(CaseChanged):
        await db.write(lambda tx: approve(tx, review))


async def test_the_first_approver_cannot_be_the_second_even_at_once(db):
    first = await db.write(lambda tx: opened(tx, second_required=True))
    await db.write(lambda tx: approve(tx, first, "ann"))
    second = await db.write(lambda tx: opened(tx, "second_review", second_required=True))
    with pytest.raises(FourEyes):
        await db.write(lambda tx: approve(tx, second, "ann"))
    assert await db.write(lambda tx: approve(tx, second, "sue"))


async def test_the_gate_opens_only_for_the_approvals_the_review_demanded(db):
    open_for = lambda: db.read(lambda tx: gate.approved_record(tx, "c1", 1))  # noqa: E731
    assert await open_for() is None
    first = await db.write(lambda tx: opened(tx, second_required=True))
    await db.write(lambda tx: approve(tx, first, "ann"))
    assert await open_for() is None, "one of two"
    second = await db.write(lambda tx: opened(tx, "second_review", second_required=True))
    assert await open_for() is None
    await db.write(lambda tx: approve(tx, second, "sue"))
    record, _ = await open_for()
    assert record == RECORD


async def test_an_approval_with_corrections_opens_no_gate(db):
    review = await db.write(opened)
    work = lambda tx: reviews.decide(tx, review, "correct", actor="ann", channel="api", body={"version": 2})  # noqa: E731
    await db.write(work)
    assert await db.read(lambda tx: gate.approved_record(tx, "c1", 1)) is None


async def test_deciding_what_does_not_wait_any_more_is_refused(db):
    review = await db.write(opened)
    await db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE reviews SET status = 'decided'"))
    stale = review
    with pytest.raises(NotWaiting):
        await db.write(lambda tx: approve(tx, reviews.find(tx, stale.id)))


async def test_an_effect_keeps_its_key_until_it_is_known_to_be_undone(db):
    first = await db.write(lambda tx: effects.intend(tx, "c1", "svc1", 1, 1, "h"))
    assert (await db.write(lambda tx: effects.intend(tx, "c1", "svc1", 1, 1, "h")))["key"] == first["key"]
    await db.write(lambda tx: effects.settle(tx, first["key"], "unavailable", detail="no answer"))
    taken_up = await db.write(lambda tx: effects.intend(tx, "c1", "svc1", 1, 2, "h"))
    assert (taken_up["key"], taken_up["status"], taken_up["round"]) == (first["key"], "intent", 2)
    await db.write(lambda tx: effects.settle(tx, first["key"], "cancelled", reference="x"))
    assert (await db.write(lambda tx: effects.intend(tx, "c1", "svc1", 1, 3, "h")))["key"] != first["key"]


async def test_a_letter_is_queued_once_per_case_kind_round_and_recipient(db):
    queue = lambda tx, to: outbox.queue(tx, "c1", "welcome", 1, to, {"subject": "s", "text": "t", "html": "h"})  # noqa: E731
    assert await db.write(lambda tx: queue(tx, "a@x.example"))
    assert not await db.write(lambda tx: queue(tx, "A@X.example"))
    assert await db.write(lambda tx: queue(tx, "b@x.example"))
    taken = await db.write(outbox.take)
    assert len(taken) == 2
    assert await db.write(outbox.take) == [], "taken for a while"


async def test_of_two_that_look_alike_the_later_is_told_and_always_the_same(db):
    await db.write(lambda tx: submissions.accept(tx, "c2", SUBMISSION, client="shop", external_ref=None, graph="1"))
    assert await db.write(lambda tx: matches.earlier_matches(tx, "c1", ["k"])) == []
    assert [row.id for row in await db.write(lambda tx: matches.earlier_matches(tx, "c2", ["k"]))] == ["c1"]
    assert await db.write(lambda tx: matches.earlier_matches(tx, "c1", ["k"])) == [], "running again tells nothing new"


async def test_work_asked_during_a_run_is_not_lost(db):
    row = await db.read(lambda tx: cases.get(tx, "c1"))
    await db.write(lambda tx: cases.begin(tx, row, row.graph_version))
    await db.write(lambda tx: cases.ask(tx, "c1"))
    assert await db.write(lambda tx: cases.finish(tx, "c1", row.work_asked)), "more was asked meanwhile"
    assert [id_ for id_, _ in await db.read(cases.due)] == ["c1"]


async def test_a_changed_event_breaks_the_chain_where_it_was_changed(db):
    await db.write(lambda tx: cases.set_status(tx, "c1", "processing"))
    assert await db.read(lambda tx: list(audit.broken_links(tx))) == []
    await db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE audit SET actor = 'nobody' WHERE case_seq = 1"))
    (problem,) = await db.read(lambda tx: list(audit.broken_links(tx)))
    assert "c1: event 1" in problem


async def test_a_link_and_a_token_are_known_by_their_hash_alone(db):
    review = await db.write(opened)
    later = datetime.now(UTC) + timedelta(hours=1)
    make = lambda tx: access.create_link(  # noqa: E731
        tx, "lnk_x", review_id=review.id, action="approve", reviewer="ann", expires_at=later
    )
    await db.write(make)
    token = await db.write(lambda tx: access.create_token(tx, "shop", "backend"))
    assert (await db.read(lambda tx: access.link(tx, "lnk_x"))).action == "approve"
    assert (await db.read(lambda tx: access.bearer(tx, token))).role == "backend"
    assert await db.read(lambda tx: access.bearer(tx, token + "x")) is None
    assert await db.write(lambda tx: access.revoke(tx, "shop")) == 1
    assert await db.read(lambda tx: access.bearer(tx, token)) is None


async def test_the_public_case_is_what_the_ledger_says(db):
    def tell(tx):
        cases.record(tx, "c1", RECORD)
        opened(tx)
        return views.view(tx, cases.get(tx, "c1"))

    case = await db.write(tell)
    assert (case.status, case.application, case.review.stage) == ("in_review", RECORD.application, "review")
    assert case.external_ref == "r1"
    assert case.review.allowed_actions == ["approve", "reject", "request_information"]


async def test_what_was_submitted_keeps_the_order_it_was_written_in(db):
    content = {"zeta": 1, "alpha": {"y": 2, "b": 3}, "mid": [{"q": 1, "a": 2}]}
    sent = Submission(version=2, parts=[Part(source="input", kind="application", format="json", content=content)])
    await db.write(lambda tx: submissions.store(tx, "c1", sent, "shop"))
    stored = await db.read(lambda tx: submissions.get(tx, "c1", 2))
    assert str(stored.parts[0].content) == str(content)


async def test_a_crowded_postcode_never_pushes_out_the_one_that_shares_the_number(db):
    def crowd(tx):
        for number in range(6):
            submissions.accept(tx, f"n{number}", SUBMISSION, client="shop", external_ref=None, graph="1")
            matches.earlier_matches(tx, f"n{number}", ["postcode", "number"] if number == 5 else ["postcode"])
        return [row.id for row in matches.earlier_matches(tx, "c1", ["postcode", "number"], limit=2)]

    assert await db.write(crowd) == ["n0", "n5"]
