"""The clock jumps an hour on, an hour back, five minutes back between starts: order, waits and decisions hold."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from harness.merchants import merchant
from langgraph.checkpoint.base import id as checkpoint_ids

from checkpoints import audit, reviews
from graph.service import Actor
from graph.wiring import Product, open_product, running
from onboarding.case import CaseView
from onboarding.decision import Decision, RequestItem
from onboarding.door import make_part
from onboarding.settings import Settings
from tools.sandbox import sandbox
from tools.sandbox_faults import Fault
from tools.sandbox_server import running as serving

ANN, SHOP = Actor("ann@desk.example.com", "reviewer"), Actor("shop", "backend")
HOUR, FIVE_MINUTES = timedelta(hours=1), timedelta(minutes=5)


class Jumpy:
    """A wall clock that can be set; LangGraph's own ids follow it, as they would on a host whose clock was set."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def time_ns(self) -> int:
        return time.time_ns() + int(self.offset.total_seconds() * 1e9)

    def jump(self, by: timedelta) -> None:
        self.offset += by


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Jumpy:
    found = Jumpy()
    monkeypatch.setattr(checkpoint_ids, "time", SimpleNamespace(time_ns=found.time_ns))
    return found


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Any]:
    app = sandbox(tmp_path / "services.db")
    with serving(app) as url:
        yield SimpleNamespace(url=url, store=app.state.store)


class Host:
    """One installation that is stopped and started while its clock is set."""

    def __init__(self, folder: Path, url: str, clock: Jumpy) -> None:
        self.clock, self.url = clock, url
        self.settings = Settings(
            data_dir=folder,
            svc1_url=f"{url}/svc1",
            svc2_url=f"{url}/svc2",
            sweep_seconds=0.05,
            rule_processes=0,
            service_deadline_seconds=1,
        )

    def open(self) -> Any:
        checkpoint_ids._last_v6_timestamp = None  # a new process knows nothing of the ids of the last one
        return open_product(self.settings, self_url=self.url, clock=self.clock)


async def submitted(product: Product, name: str) -> str:
    found, _ = await product.service.submit(SHOP, [[make_part(merchant(name), "json")]], key=None)
    return found[0].id


async def until(product: Product, case_id: str, *statuses: str) -> CaseView:
    async with asyncio.timeout(20):
        while (case := await product.service.get(case_id)).status not in statuses:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return case


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -FIVE_MINUTES], ids=["hour-on", "hour-back", "five-minutes-back"])
async def test_a_case_goes_on_whatever_happens_to_the_clock_between_its_steps(
    tmp_path: Path, services: Any, clock: Jumpy, jump: timedelta
) -> None:
    host = Host(tmp_path / "data", services.url, clock)
    async with host.open() as product, running(product):
        case_id = await submitted(product, f"jump-{jump}")
        await until(product, case_id, "in_review")
    clock.jump(jump)
    async with host.open() as product, running(product):
        asked = Decision(action="request_information", request=[RequestItem(path="website", text="Which?")])
        await product.service.decide(ANN, case_id, asked, review_id=None, channel="api")
        await until(product, case_id, "awaiting_information")
    clock.jump(jump)
    async with host.open() as product, running(product):
        answer = make_part({"website": "https://another.example.com"}, "json", kind="answers")
        await product.service.inform(SHOP, case_id, [answer])
        case = await until(product, case_id, "in_review")
        assert case.application_version == 2
    clock.jump(jump)
    async with host.open() as product, running(product):
        await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
        await until(product, case_id, "active")
        events = await product.service.events(case_id)
        assert list(await product.context.db.read(lambda tx: list(audit.broken_links(tx)))) == []
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    kinds = [e["data"].get("status") for e in events if e["type"] == "case.status"]
    assert kinds == ["in_review", "awaiting_information", "in_review", "activating", "active"]
    assert {row["status"] for row in services.store.log()["effects"]} == {"active"}
    assert len(services.store.log()["effects"]) == 2


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -FIVE_MINUTES], ids=["hour-on", "hour-back", "five-minutes-back"])
async def test_a_wait_for_a_service_survives_a_jump(
    tmp_path: Path, services: Any, clock: Jumpy, jump: timedelta
) -> None:
    """Backwards, the wait would last until the old clock is caught up with: it is never longer than it was meant."""
    services.store.add(Fault(service="svc1", kind="status", status=503, times=4))
    host = Host(tmp_path / "data", services.url, clock)
    async with host.open() as product, running(product):
        case_id = await submitted(product, f"wait-{jump}")
        await until(product, case_id, "in_review")
        await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
        async with asyncio.timeout(10):
            while await product.context.db.read(lambda tx: reviews.waiting(tx, case_id)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        clock.jump(jump)
        case = await until(product, case_id, "active", "in_review")
        if case.status == "in_review":  # an hour on, the patience is over and a person is asked: that is right as well
            assert jump > timedelta()
            assert case.review is not None
            assert case.review.stage == "activation"
            await product.service.decide(ANN, case_id, Decision(action="retry"), review_id=None, channel="api")
            await until(product, case_id, "active")
    standing = [row for row in services.store.log()["effects"] if row["status"] == "active"]
    assert sorted(row["service"] for row in standing) == ["svc1", "svc2"]


async def test_letters_leave_although_the_clock_was_set_back(tmp_path: Path, services: Any, clock: Jumpy) -> None:
    host = Host(tmp_path / "data", services.url, clock)
    async with host.open() as product:
        case_id = await submitted(product, "letters")
        await product.runner.advance(case_id)
        await product.service.decide(ANN, case_id, Decision(action="reject"), review_id=None, channel="api")
        await product.runner.advance(case_id)
    clock.jump(-HOUR)
    async with host.open() as product, running(product):
        async with asyncio.timeout(5):
            while _queued(tmp_path / "data" / "onboard.db"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert list((tmp_path / "data" / "outbox").glob("*.eml"))


def _queued(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM letters WHERE status = 'queued'").fetchone()[0])
    finally:
        db.close()
