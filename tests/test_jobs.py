"""Procrastinate as the engine: queued once, run anywhere, taken over from the dead, and never the truth."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from harness.fleet import Fleet
from harness.merchants import merchant
from procrastinate.schema import SchemaManager

from checkpoints import jobs
from checkpoints.database import open_database
from checkpoints.migrate import migrate
from graph.service import Actor
from graph.wiring import Product, open_product, running
from onboarding.door import make_part
from onboarding.settings import BadSettings, Settings
from tools.sandbox import sandbox
from tools.sandbox_server import running as served

SHOP = Actor("shop", "backend")
ALL = "SELECT * FROM procrastinate_jobs"
TAKEOVER = 60.0
"""Seconds within which a dead worker's case goes on."""


@pytest.fixture(scope="module")
def services():
    with served(sandbox()) as url:
        yield url


@asynccontextmanager
async def product(tmp_path, url, services, role="worker", **changes):
    given = {"data_dir": tmp_path, "database_url": url, "engine": "procrastinate", "sweep_seconds": 60}
    given |= {"rule_processes": 0} | changes
    urls = {f"svc{number}_url": f"{services}/svc{number}" for number in (1, 2)}
    async with open_product(Settings(**given, **urls), self_url="http://127.0.0.1:9", role=role) as built:
        yield built


async def submit(built: Product, name: str) -> str:
    (case,), _ = await built.service.submit(SHOP, [[make_part(merchant(name), "json")]], key=None)
    return case.id


async def soon(look: Callable[[], Awaitable[Any]]) -> Any:
    """What ``look`` finds as soon as it finds something."""
    async with asyncio.timeout(30):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.02)


async def until(built: Product, case_id: str, status: str) -> None:
    async def there() -> bool:
        return await built.service.status(case_id) == status

    await soon(there)


async def rows(built: Product, query: str) -> list:
    return await built.context.db.read(lambda tx: tx.conn.exec_driver_sql(query).all())


async def gone(built: Product) -> bool:
    return not await rows(built, ALL)


async def twenty(built: Product) -> list[Any]:
    found = await rows(built, ALL)
    return found if len(found) >= 20 else []


async def test_a_nudge_of_a_replica_reaches_a_worker_at_once_and_leaves_no_row(tmp_path, postgres_url, services):
    async with (
        product(tmp_path, postgres_url, services, "api") as replica,
        running(replica),
        product(tmp_path, postgres_url, services) as worker,
        running(worker),
    ):
        started = time.monotonic()
        case_id = await submit(replica, "jobs-1")
        await until(replica, case_id, "in_review")
        assert time.monotonic() - started < 10, "no sweep was needed: they are a minute apart"
        await soon(lambda: gone(replica))


async def test_a_case_is_queued_once_however_often_it_is_nudged(tmp_path, postgres_url, services):
    async with product(tmp_path, postgres_url, services, "api") as replica:
        case_id = await submit(replica, "jobs-2")
        await asyncio.gather(*(replica.engine.dispatcher.defer(case_id) for _ in range(20)))
        assert len(await rows(replica, ALL)) == 1
        assert await replica.context.db.read(lambda tx: jobs.live(tx, [case_id, "other"])) == {case_id}


async def test_a_sweep_of_many_queues_only_what_is_not_queued(tmp_path, postgres_url, services):
    async with product(tmp_path, postgres_url, services, "api") as replica:
        ids = [await submit(replica, f"jobs-3-{number}") for number in range(20)]
        for case_id in ids[:5]:
            await replica.engine.dispatcher.defer(case_id)
        before = {row.id for row in await rows(replica, ALL)}
        await replica.engine.dispatcher.start()
        await replica.housekeeping.sweep()
        found = await soon(lambda: twenty(replica))
        await replica.engine.dispatcher.stop()
    assert sorted(row.lock for row in found) == sorted(ids)
    assert before <= {row.id for row in found}


async def test_a_queue_that_was_wiped_loses_no_case(tmp_path, postgres_url, services):
    async with product(tmp_path, postgres_url, services, "api") as replica, running(replica):
        case_id = await submit(replica, "jobs-4")
        await soon(lambda: rows(replica, ALL))
        await replica.context.db.write(lambda tx: tx.conn.exec_driver_sql("TRUNCATE procrastinate_jobs CASCADE"))
        async with product(tmp_path, postgres_url, services) as worker, running(worker):
            await until(replica, case_id, "in_review")


async def test_many_processes_starting_at_once_make_the_tables_once(tmp_path, postgres_url):
    migrate(postgres_url)
    databases = [open_database(postgres_url) for _ in range(4)]
    schema = SchemaManager.get_schema()
    made = await asyncio.gather(*(db.write(lambda tx: jobs.install(tx, schema)) for db in databases))
    await asyncio.gather(*(db.close() for db in databases))
    assert sorted(made) == [False, False, False, True]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["validate.before:1", "svc1.after_call:1"])
def test_a_killed_workers_case_goes_on_elsewhere_within_a_minute(tmp_path, postgres_url, fault):
    with Fleet(tmp_path, postgres_url, workers=0, engine="procrastinate") as fleet, fleet.api() as api:
        first = fleet.worker(fault=fault)
        case_id = api.post("/v1/cases", json=merchant(f"jobs-{fault}")).json()["id"]
        if fault.startswith("svc1"):
            fleet.rest(api, case_id, "in_review")
            assert api.post(f"/v1/cases/{case_id}/decision", json={"action": "approve"}).status_code == 200
        assert first.wait(30) == -9
        died = time.monotonic()
        fleet.workers.append(fleet.worker())
        case = fleet.rest(api, case_id, "in_review", "active", seconds=TAKEOVER)
        assert time.monotonic() - died < TAKEOVER
        if case["status"] == "active":
            assert fleet.effects() == {f"{case_id}:svc1": 1, f"{case_id}:svc2": 1}


async def test_without_postgresql_or_the_extra_it_says_what_is_wrong(tmp_path, postgres_url, services, monkeypatch):
    with pytest.raises(BadSettings, match="ONBOARD_DATABASE_URL"):
        async with product(tmp_path / "sqlite", None, services, "all"):
            pass
    monkeypatch.setitem(sys.modules, "graph.jobs", None)
    with pytest.raises(BadSettings, match="extra `procrastinate`"):
        async with product(tmp_path, postgres_url, services):
            pass
