"""One runner per case among processes: by a lease in the database whose token every later write must bear."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from harness.replicas import ANN, approved, misbehave, seen_of, submitted
from sqlalchemy import insert

from checkpoints import audit, cases, leases, schema, submissions
from checkpoints.database import Database, Tx
from checkpoints.postgres import PostgresDatabase
from onboarding.case import CaseView
from onboarding.decision import Decision
from onboarding.errors import LeaseLost
from onboarding.submission import Submission


@pytest.fixture
async def db(ledger_url: str) -> AsyncIterator[PostgresDatabase]:
    """A migrated ledger with one case, ``c1``, that has work due."""
    opened = PostgresDatabase(ledger_url)
    await opened.write(
        lambda tx: submissions.accept(
            tx, "c1", Submission(version=1, parts=[]), client="shop", external_ref=None, graph="1"
        )
    )
    yield opened
    await opened.close()


async def take(db: Database, owner: str, seconds: float = 60, case_id: str = "c1") -> int | None:
    return await db.write(lambda tx: leases.take(tx, case_id, owner, seconds))


async def over(db: Database) -> None:
    """The lease has run out."""
    await db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE leases SET until = 1, seen = 1") and None)


async def test_a_case_is_one_owners_until_the_lease_is_over_and_each_taking_has_a_higher_token(db: Database) -> None:
    first = await take(db, "a")
    assert first is not None
    assert await take(db, "b") is None
    again = await take(db, "a")
    assert again is not None
    assert again > first
    await over(db)
    taken = await take(db, "b")
    assert taken is not None
    assert taken > again
    assert await take(db, "a") is None


async def test_of_twenty_who_ask_at_once_one_gets_the_case(db: Database) -> None:
    for _ in range(5):
        await over(db)
        tokens = await asyncio.gather(*(take(db, f"owner-{n}") for n in range(20)))
        assert sum(token is not None for token in tokens) == 1


async def test_only_a_case_with_work_due_is_taken(db: Database) -> None:
    assert await take(db, "a", case_id="nobody") is None
    await db.write(lambda tx: cases.finish(tx, "c1", 1) and None)
    assert await take(db, "a") is None


async def test_a_renewal_holds_what_is_still_held_and_names_what_is_lost(db: Database) -> None:
    old = await take(db, "a", 0)
    assert await db.write(lambda tx: leases.renew(tx, {"c1": old or 0, "c2": 1}, 60)) == {"c1"}
    assert await take(db, "b") is None, "it was renewed"
    await over(db)
    assert await take(db, "b") is not None
    assert await db.write(lambda tx: leases.renew(tx, {"c1": old or 0}, 60)) == set()


async def test_what_is_given_back_is_free_but_not_by_who_lost_it(db: Database) -> None:
    old = await take(db, "a") or 0
    await db.write(lambda tx: leases.release(tx, "c1", old))
    new = await take(db, "b") or 0
    await db.write(lambda tx: leases.release(tx, "c1", old))
    assert await take(db, "c") is None
    assert new > old


async def test_no_write_under_an_old_token_is_committed(db: Database) -> None:
    old = leases.Fenced(db, "c1", await take(db, "a") or 0)
    await old.write(lambda tx: cases.postpone(tx, "c1", tx.now, "before"))
    await over(db)
    new = leases.Fenced(db, "c1", await take(db, "b") or 0)
    with pytest.raises(LeaseLost):
        await old.write(lambda tx: cases.quarantine(tx, "c1", "after"))
    old.post(lambda tx: cases.quarantine(tx, "c1", "after") and None)
    await new.write(lambda tx: cases.postpone(tx, "c1", tx.now, "new"))
    row = await db.read(lambda tx: cases.get(tx, "c1"))
    assert row.status == "received"


async def test_a_takeover_waits_for_what_is_being_written_and_nothing_falls_between(db: Database) -> None:
    token = await take(db, "a", 0) or 0
    inside, go = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        inside.set()
        assert go.wait(10)
        cases.postpone(tx, "c1", tx.now, "slow")

    writing = asyncio.create_task(leases.Fenced(db, "c1", token).write(slow))
    await asyncio.to_thread(inside.wait, 10)
    taking = asyncio.create_task(take(db, "b"))
    await asyncio.wait([taking], timeout=0.3)
    assert not taking.done(), "the old owner is still writing"
    go.set()
    await writing
    assert await taking is not None


async def test_who_hangs_in_a_transaction_is_cut_off_and_finds_its_work_refused(ledger_url: str, db: Database) -> None:
    hanging = PostgresDatabase(ledger_url, standstill=0.3)
    token = await take(db, "a", 0) or 0
    stops, runs = threading.Event(), []

    def work(tx: Tx) -> None:
        runs.append(tx.now)
        if len(runs) == 1:
            stops.wait(10)
        cases.quarantine(tx, "c1", "too late")

    writing = asyncio.create_task(leases.Fenced(hanging, "c1", token).write(work))
    started = time.monotonic()
    while not runs:  # noqa: ASYNC110 - set from a thread
        await asyncio.sleep(0.01)
    assert await take(db, "b") is not None
    assert time.monotonic() - started < 5
    stops.set()
    with pytest.raises(LeaseLost):
        await writing
    assert (await db.read(lambda tx: cases.get(tx, "c1"))).status == "received"
    await hanging.close()


async def test_an_owner_whose_connections_are_gone_is_not_waited_for(ledger_url: str, db: Database) -> None:
    dead = PostgresDatabase(ledger_url)
    assert await take(dead, dead.owner or "") is not None

    async def bury() -> int:
        return await db.write(lambda tx: leases.bury(tx, 1.0))

    await asyncio.sleep(0.25)
    assert await bury() == 0, "it hangs perhaps, and has its time"
    assert await take(db, "b") is None
    await dead.close()
    async with asyncio.timeout(5):
        while await bury() == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert await take(db, "b") is not None


# whole products on one ledger


@pytest.mark.parametrize("manner", ["late", "slow"])
async def test_a_run_that_lost_its_case_stops_and_the_other_finishes_it_once(
    replicas: Any, services: str, manner: str
) -> None:
    """``late``: SVC1 has done its work and keeps the answer to itself; ``slow``: the call is still on its way."""
    old, new = await replicas("old"), await replicas("new")
    case_id = await approved(old, "taken-over")
    misbehave(services, service="svc1", kind=manner, seconds=6, times=1)
    running = asyncio.create_task(old.runner.advance(case_id))
    async with asyncio.timeout(10):
        while "svc1" not in await asyncio.to_thread(seen_of, services, case_id, "calls"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(2.2)
    await new.runner.advance(case_id)
    assert (await new.service.get(case_id)).status == "activating", "it is renewed while it runs"
    await over(new.context.db)
    started = time.monotonic()
    await new.runner.advance(case_id)
    await running
    assert time.monotonic() - started < 4, "the old one did not wait for its answer"
    case = await new.service.get(case_id)
    assert (case.status, len(case.decisions)) == ("active", 1)
    assert seen_of(services, case_id) == ["svc1", "svc2"]


async def test_twenty_advances_from_three_replicas_at_once_run_the_case_once(replicas: Any, services: str) -> None:
    products = [await replicas(f"r{n}") for n in range(3)]
    case_id = await submitted(products[0], "twenty")
    for _ in range(2):
        await asyncio.gather(*(products[n % 3].runner.advance(case_id) for n in range(20)))
        case = await products[1].service.get(case_id)
        if case.status == "in_review":
            await products[2].service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
    assert case.status == "active"
    assert seen_of(services, case_id) == ["svc1", "svc2"]
    steps = [
        event["data"]["step"] for event in await products[0].service.events(case_id) if event["type"] == "step.ended"
    ]
    assert sorted(steps) == sorted(set(steps)), "no step ran twice"


async def test_a_drained_replica_gives_its_case_to_the_next_at_once(replicas: Any) -> None:
    old, new = await replicas("old"), await replicas("new")
    case_id = await submitted(old, "drained")
    running = asyncio.create_task(old.runner.advance(case_id))
    await asyncio.sleep(0)
    old.runner.drain()
    await running
    await new.runner.advance(case_id)
    case: CaseView = await new.service.get(case_id)
    assert case.status == "in_review"


async def test_two_steps_of_one_case_that_write_at_once_take_turns_and_never_deadlock(db: Database) -> None:
    both, runs = threading.Barrier(2), []

    def intent(service: str, tx: Tx) -> None:
        at = {"created_at": tx.now, "updated_at": tx.now, "status": "intent", "request_hash": "hash"}
        place = {"key": service, "case_id": "c1", "service": service, "version": 1, "round": 1}
        tx.conn.execute(insert(schema.effects), place | at)
        runs.append(service)
        if len(runs) <= 2:  # not when one of them has to begin again
            both.wait(10)
        audit.append(tx, "c1", "onboarding", "activation.intended", {"service": service})

    await asyncio.gather(*(db.write(partial(intent, service)) for service in ("svc1", "svc2")))
    assert sorted(runs) == ["svc1", "svc2"], "neither was undone by the other"
    assert len(await db.read(lambda tx: audit.trail(tx, "c1"))) == 3
