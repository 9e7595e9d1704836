"""Several processes on one PostgreSQL: what they must agree on, and what they tell each other."""

import asyncio
import base64
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from harness.replicas import ANN, approved, misbehave, submitted
from sqlalchemy import create_engine

from api.doctor import examine
from checkpoints import access, audit, cases, leases, outbox, reviews
from checkpoints.migrate import migrate
from checkpoints.postgres import PostgresDatabase
from graph import clock, links
from graph.wiring import Product
from onboarding.decision import Decision
from onboarding.errors import LinkExpired, NewerLedger, OtherInstallation, StorageUnavailable
from onboarding.settings import BadSettings


async def test_a_replica_with_another_secret_or_key_is_refused_and_told_which(replicas: Any) -> None:
    key = "one1:" + base64.b64encode(b"k" * 32).decode()
    await replicas("first", encryption_key=key)
    await replicas("second", encryption_key=f"new1:{base64.b64encode(b'n' * 32).decode()},{key}")
    with pytest.raises(OtherInstallation, match="ONBOARD_SECRET_KEY"):
        await replicas("third", encryption_key=key, secret_key="another")
    for other in (None, "two2:" + base64.b64encode(b"x" * 32).decode()):
        with pytest.raises(OtherInstallation, match="ONBOARD_ENCRYPTION_KEY"):
            await replicas("fourth", encryption_key=other)


async def test_clocks_an_hour_apart_change_nothing(replicas: Any, services: str) -> None:
    """Row 12: every time in the ledger is the database's, and what is due is due for all."""
    early = await replicas("early", service_deadline_seconds=0.5, clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    late = await replicas("late", service_deadline_seconds=0.5, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    case_id = await approved(early, "clocks")
    misbehave(services, service="svc1", kind="status", status=503, times=None)
    await late.runner.advance(case_id)
    misbehave(services, service="svc1", kind="status", status=503, times=None)
    for product in (late, early):
        assert abs(product.context.clock() - datetime.now(UTC)) < timedelta(seconds=5)
        assert await clock.expire(product.context) == 0, "the pause is not over for anybody"
    rows = await early.context.db.read(lambda tx: reviews.parked(tx))
    assert [row[1] for row in rows] == ["service"]
    events = await late.service.events(case_id)
    times = [datetime.fromisoformat(event["at"]) for event in events]
    assert all(later - earlier > -timedelta(seconds=5) for earlier, later in pairwise(times)), (
        "begun at once, not hours apart"
    )
    assert max(times) - min(times) < timedelta(minutes=5)
    await early.runner._failed(await held(early, case_id), 1, ValueError())
    row = await late.context.db.read(lambda tx: cases.get(tx, case_id))
    assert abs(datetime.fromisoformat(row.work_after) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_expired_link_stays_expired_however_far_back_the_clock_of_the_host_is_set(replicas: Any) -> None:
    early = await replicas("early", clock=lambda: datetime.now(UTC) - timedelta(hours=1))
    late = await replicas("late", clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    case_id = await submitted(early, "expiry")
    await early.runner.advance(case_id)
    review = await early.context.db.read(lambda tx: reviews.waiting(tx, case_id))
    lives = {"lnk_over": timedelta(seconds=-1), "lnk_live": timedelta(minutes=5)}

    def make(tx: Any) -> None:
        for token, left in lives.items():
            ends = datetime.now(UTC) + left
            access.create_link(tx, token, review_id=review.id, action="approve", reviewer=ANN.name, expires_at=ends)

    await early.context.db.write(make)
    for product in (early, late):
        assert (await links.look(product.service, "lnk_live")).case.id == case_id
        for verb in (links.look(product.service, "lnk_over"), press(product, "lnk_over")):
            with pytest.raises(LinkExpired):
                await verb


async def press(product: Product, token: str) -> Any:
    return await links.use(product.service, token, reason_codes=[], comment=None)


async def held(product: Product, case_id: str) -> Any:
    return await product.context.db.write(lambda tx: product.runner._leases.take(tx, case_id, due=False))


async def test_whoever_follows_a_case_hears_of_what_another_replica_did(replicas: Any) -> None:
    one, two = await replicas("one"), await replicas("two")
    heard: dict[str, float] = {}
    two.context.db.watch(lambda touched: heard.update(dict.fromkeys(touched, time.monotonic())))
    await asyncio.sleep(0.3)
    case_id = await submitted(one, "followed")
    done = time.monotonic()
    async with asyncio.timeout(5):
        while case_id not in heard:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert heard[case_id] - done < 1


async def test_a_case_of_newer_code_is_left_to_it_and_shown(replicas: Any) -> None:
    """Row 16, side by side: no quarantine, no attempt, no sweep that finds it again and again."""
    old = await replicas("old")
    case_id = await submitted(old, "of-the-future")
    await old.context.db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET graph_version = '2'") and None)
    await old.runner.advance(case_id)
    row = await old.context.db.read(lambda tx: cases.get(tx, case_id))
    assert (row.status, row.attempts) == ("received", 0)
    assert await clock.due(old.context) == []
    assert await old.context.db.write(lambda tx: leases.take(tx, case_id, "newer", 60)) is not None, "nothing holds it"
    told = {line["check"]: line for line in await examine(old.settings, audit=False)}
    assert "left to newer code: {'2': 1}" in told["graph versions"]["detail"]


async def test_letters_that_a_dead_process_had_taken_are_free_at_once(replicas: Any) -> None:
    alive = await replicas("alive")
    await alive.runner.advance(await submitted(alive, "letters"))
    dead = PostgresDatabase(alive.settings.database)
    taken = await dead.write(lambda tx: outbox.take(tx, dead.owner))
    assert taken
    assert await alive.context.db.write(lambda tx: outbox.take(tx, "me")) == []
    await dead.close()
    async with asyncio.timeout(5):
        while True:
            await clock.due(alive.context)
            again = await alive.context.db.write(lambda tx: outbox.take(tx, "me"))
            if again:
                break
    assert [row.message_id for row in again] == [row.message_id for row in taken]
    for row in taken:
        assert not await alive.context.db.read(lambda tx, row=row: outbox.still_taken(tx, row)), "it is another's now"


async def test_of_two_who_prune_at_once_one_sheds_a_cases_checkpoints(replicas: Any) -> None:
    """What both have seen is written down once."""
    one, two = [await replicas(name, checkpoint_days=1e-9) for name in ("one", "two")]
    ids = [await approved(one, f"pruned-{number}") for number in range(3)]
    for case_id in ids:
        await one.runner.advance(case_id)
    assert sum(await asyncio.gather(one.housekeeping.prune(), two.housekeeping.prune())) == 3
    for case_id in ids:
        events = [event["type"] for event in await two.service.events(case_id)]
        assert events.count("case.pruned") == 1
    assert await two.housekeeping.prune() == 0


async def test_pools_that_do_not_fit_the_server_are_told_with_the_figure_and_the_knob(
    replicas: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One alone is refused; together they are warned of, at the start and by ``onboard doctor``."""
    with pytest.raises(
        BadSettings, match=r"ONBOARD_DATABASE_POOL: 400 makes 405 connections, and the server gives \d+"
    ):
        await replicas("too-large", database_pool=400)
    await replicas("one", database_pool=2)
    assert "lower ONBOARD_DATABASE_POOL" not in caplog.text
    two = await replicas("two", database_pool=60)
    assert "2 processes of 65 connections" in caplog.text
    assert "lower ONBOARD_DATABASE_POOL" in caplog.text
    told = {line["check"]: line for line in await examine(two.settings, audit=False)}
    assert not told["connections"]["ok"]
    assert "lower ONBOARD_DATABASE_POOL" in told["connections"]["detail"]
    told = {
        line["check"]: line for line in await examine(two.settings.model_copy(update={"database_pool": 5}), audit=False)
    }
    assert told["connections"]["ok"]


async def test_a_pool_whose_every_connection_is_busy_refuses_in_time(postgres_url: str) -> None:
    small, go = PostgresDatabase(postgres_url, pool=2, patience=0.5), threading.Event()
    busy = [asyncio.create_task(small.write(lambda tx: go.wait(10))) for _ in range(2)]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await small.write(lambda tx: None)
    assert time.monotonic() - started < 5
    go.set()
    assert await asyncio.gather(*busy) == [True, True]
    assert await small.read(lambda tx: 1) == 1
    await small.close()


# schemas


def standing(url: str, revision: str | None = None) -> str:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as conn:
        if revision is not None:
            conn.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (revision,))
        found: str = conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    engine.dispose()
    return found


def test_old_code_works_beside_a_newer_schema_that_serves_it_and_refuses_one_that_does_not(postgres_url: str) -> None:
    migrate(postgres_url)
    ours = standing(postgres_url)
    for newer in ("9001", f"9002-from-{ours}"):
        standing(postgres_url, newer)
        migrate(postgres_url)
        assert standing(postgres_url) == newer, "it is left as it is"
    for foreign in ("9003-from-9002", "somebody-else's"):
        standing(postgres_url, foreign)
        with pytest.raises(NewerLedger, match=foreign):
            migrate(postgres_url)


@pytest.mark.slow
def test_of_many_that_start_at_once_one_migrates_and_the_others_wait(postgres_url: str) -> None:
    code = f"from checkpoints.migrate import migrate; migrate({postgres_url!r})"
    started = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ends = [child.communicate(timeout=120)[1] for child in started]
    assert [child.returncode for child in started] == [0] * 3, ends
    assert standing(postgres_url)


async def test_the_same_decision_on_two_replicas_at_once_is_told_200_by_both_without_naming_the_review(
    replicas: Any,
) -> None:
    """The one that comes second reads nothing of the case before the first has decided."""
    one, two = await replicas("one"), await replicas("two")
    case_id = await submitted(one, "same-decision")
    await one.runner.advance(case_id)
    looking = threading.Event()

    def first(tx: Any) -> None:
        """Decide, once the other is held up at what this transaction has locked."""
        audit.hold(tx, case_id)
        tx.conn.exec_driver_sql("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE")
        looking.set()
        ends = time.monotonic() + 10
        while not tx.conn.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar():
            assert time.monotonic() < ends, "nobody else decides"
            time.sleep(0.01)
        body = Decision(action="approve").to_json()
        assert reviews.decide(tx, reviews.waiting(tx, case_id), "approve", actor=ANN.name, channel="api", body=body)

    deciding = asyncio.create_task(one.context.db.write(first))
    assert await asyncio.to_thread(looking.wait, 10)
    told = await two.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
    await deciding
    assert [made.actor for made in told.decisions] == [ANN.name]
