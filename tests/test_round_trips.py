"""PostgreSQL is asked little: what a case costs in round trips is bounded, and who waits for work is told of it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from harness.replicas import ANN, submitted
from harness.replicas import replicas as opened

from checkpoints import audit, cases
from checkpoints.database import PostgresDatabase
from checkpoints.transaction import Tx
from graph.service import Actor
from graph.wiring import open_product, running
from onboarding.decision import Decision
from onboarding.settings import Settings
from tools.sandbox import sandbox
from tools.sandbox_server import running as served

WHOLE = 270
"""Round trips of one whole case alone, from its submission to both activations; of many at once each takes fewer."""
A_READ = 6
"""Round trips of showing a case: the row, its review, its decisions, its effects, its marks."""


@pytest.fixture(scope="module")
def services() -> Any:
    with served(sandbox()) as url:
        yield url


async def test_a_whole_case_takes_a_bounded_number_of_round_trips(
    tmp_path: Path, postgres_url: str, services: str
) -> None:
    async with opened(tmp_path, postgres_url, services) as one_more:
        product = await one_more("only")
        db: PostgresDatabase = product.context.db
        await whole(product, "the-first")
        before = db.round_trips
        case_id = await whole(product, "measured")
        took = db.round_trips - before
        assert 50 < took <= WHOLE, took
        assert 0 < min([await reading(product, case_id) for _ in range(3)]) <= A_READ
        trail = await db.read(lambda tx: audit.trail(tx, case_id))
        assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1))
        assert list(await db.read(lambda tx: list(audit.broken_links(tx)))) == []


async def reading(product: Any, case_id: str) -> int:
    """Round trips of showing the case, and of what a letter that leaves just now makes besides."""
    before: int = product.context.db.round_trips
    assert (await product.service.get(case_id)).status == "active"
    took: int = product.context.db.round_trips - before
    return took


async def whole(product: Any, name: str) -> str:
    case_id = await submitted(product, name)
    await product.runner.advance(case_id)
    await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
    await product.runner.advance(case_id)
    return case_id


async def test_a_worker_of_the_local_engine_is_told_of_work_and_does_not_wait_for_its_sweep(
    tmp_path: Path, postgres_url: str, services: str
) -> None:
    given: dict[str, Any] = {"database_url": postgres_url, "secret_key": "one", "rule_processes": 0}
    given |= {"svc1_url": f"{services}/svc1", "svc2_url": f"{services}/svc2", "sweep_seconds": 60}
    api, worker = Settings(data_dir=tmp_path / "api", **given), Settings(data_dir=tmp_path / "worker", **given)
    async with (
        open_product(worker, self_url=services, role="worker") as works,
        running(works),
        open_product(api, self_url=services, role="api") as serves,
    ):
        await asyncio.sleep(0.3)  # its ear is up
        started = time.monotonic()
        case_id = await submitted(serves, "heard")
        await until(serves, case_id, "in_review")
        admin = Actor("admin", "admin")
        await serves.service.decide(admin, case_id, Decision(action="approve"), review_id=None, channel="api")
        await until(serves, case_id, "active")
        assert time.monotonic() - started < 30, "it waited for the sweep"


async def until(product: Any, case_id: str, status: str) -> None:
    async with asyncio.timeout(45):
        while await product.service.status(case_id) != status:  # noqa: ASYNC110 - as a client without `wait`
            await asyncio.sleep(0.02)


async def test_what_is_posted_under_a_lost_lease_is_refused_and_what_came_with_it_stands(
    tmp_path: Path, postgres_url: str, services: str
) -> None:
    """Many posts share a transaction; one that may not be written takes none of the others with it."""
    async with opened(tmp_path, postgres_url, services) as one_more:
        product = await one_more("only")
        db: PostgresDatabase = product.context.db
        held = {}
        for name in ("kept", "lost"):
            case_id = await submitted(product, name)
            held[name] = await db.write(lambda tx, case_id=case_id: product.runner._leases.take(tx, case_id))
        taken_over = "UPDATE leases SET fence = fence + 1, owner = 'another' WHERE case_id = %s"
        lost = held["lost"].case_id
        await db.write(lambda tx: tx.conn.exec_driver_sql(taken_over, (lost,)) and None)

        def tell(case_id: str) -> Any:
            return lambda tx: audit.append(tx, case_id, "onboarding", "step.ended", {"step": "told"})

        jobs = [lease.context.db.post(tell(lease.case_id)) for lease in held.values()]
        await held["kept"].context.db.write(lambda tx: None)
        for job in jobs:
            await job.settled()
        assert [type(job.error).__name__ for job in jobs] == ["NoneType", "LeaseLost"]
        assert [await told(db, lease.case_id) for lease in held.values()] == [1, 0]


async def told(db: PostgresDatabase, case_id: str) -> int:
    def look(tx: Tx) -> int:
        cases.get(tx, case_id)
        return sum(event["type"] == "step.ended" for event in audit.trail(tx, case_id))

    return await db.read(look)
