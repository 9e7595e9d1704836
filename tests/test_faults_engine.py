"""No engine when it mattered, a wake-up that was lost, a decision that came too early: found again, acted on, once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from harness.merchants import merchant

from checkpoints import reviews
from graph.service import Actor, Service
from graph.wiring import Product, open_product, running
from onboarding.case import CaseView
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.settings import Settings

ANN, SHOP = Actor("ann@desk.example.com", "reviewer"), Actor("shop", "backend")
APPROVE, REJECT = Decision(action="approve"), Decision(action="reject")


@pytest.fixture
def opened(tmp_path: Path, services: str) -> Callable[..., Any]:
    """Opens the product on one and the same data folder; nothing runs until told to."""

    @asynccontextmanager
    async def open_(**more: Any) -> AsyncIterator[Product]:
        settings = Settings(
            data_dir=tmp_path / "data",
            svc1_url=f"{services}/svc1",
            svc2_url=f"{services}/svc2",
            sweep_seconds=0.1,
            rule_processes=0,
        )
        async with open_product(settings, self_url=services, **more) as product:
            yield product

    return open_


async def submitted(product: Product, name: str) -> str:
    found, _ = await product.service.submit(SHOP, [[make_part(merchant(name), "json")]], key=None)
    return found[0].id


async def until(product: Product, case_id: str, *statuses: str) -> CaseView:
    async with asyncio.timeout(20):
        while (case := await product.service.get(case_id)).status not in statuses:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return case


async def test_submitted_and_decided_while_no_engine_runs_the_next_one_finds_both(opened: Callable[..., Any]) -> None:
    async with opened() as product:
        case_id = await submitted(product, "no-engine")
        assert (await product.service.get(case_id)).status == "received"
    async with opened() as product:
        async with running(product):
            await until(product, case_id, "in_review")
        await product.service.decide(ANN, case_id, APPROVE, review_id=None, channel="api")
        await asyncio.sleep(0.3)
        assert (await product.service.get(case_id)).status == "processing"
    async with opened() as product, running(product):
        case = await until(product, case_id, "active")
        assert [made.action for made in case.decisions] == ["approve"]


async def test_a_wake_up_that_is_lost_is_made_good_by_the_sweeper(opened: Callable[..., Any]) -> None:
    async with opened() as product, running(product):
        deaf = Service(product.context, lambda case_id: None)
        found, _ = await deaf.submit(SHOP, [[make_part(merchant("deaf"), "json")]], key=None)
        await until(product, found[0].id, "in_review")
        await deaf.decide(ANN, found[0].id, REJECT, review_id=None, channel="api")
        await until(product, found[0].id, "rejected")


class StopsAfter:
    """An observer that asks the runner to drain when ``step`` has ended, as SIGTERM would."""

    def __init__(self, step: str) -> None:
        self.last, self.drain = step, lambda: None

    def step(self, name: str, seconds: float, outcome: str) -> None:
        if name == self.last:
            self.drain()


@pytest.mark.parametrize("decision, ends", [(APPROVE, "active"), (REJECT, "rejected")])
async def test_a_decision_made_before_the_run_came_to_wait_for_it_is_acted_on(
    opened: Callable[..., Any], decision: Decision, ends: str
) -> None:
    stops = StopsAfter("present")
    async with opened(observer=stops) as product:
        stops.drain = product.runner.drain
        case_id = await submitted(product, f"early-{ends}")
        await product.runner.advance(case_id)
        case = await product.service.get(case_id)
        assert (case.status, case.review is not None) == ("in_review", True)
        await product.service.decide(ANN, case_id, decision, review_id=None, channel="api")
    async with opened() as product, running(product):
        await until(product, case_id, ends)


async def test_a_node_that_runs_again_after_its_review_was_decided_opens_no_second_one(
    opened: Callable[..., Any],
) -> None:
    """As after a crash between the review's row and the checkpoint of the step that wrote it."""
    async with opened() as product:
        case_id = await submitted(product, "again")
        await product.runner.advance(case_id)
        await product.service.decide(ANN, case_id, APPROVE, review_id=None, channel="api")
        db = product.context.db
        first = (await db.read(lambda tx: reviews.decisions_of(tx, case_id)))[0]
        shown = {"anything": "else"}
        for stage in ("review", "second_review", "information"):
            opened_, new = await db.write(
                lambda tx, stage=stage: reviews.open_wait(tx, case_id, stage, version=1, shown=shown)
            )
            assert (new, opened_ == first.review_id) == ((False, True) if stage == "review" else (True, False))
            if stage != "review":
                row = await db.read(lambda tx, id_=opened_: reviews.find(tx, id_))
                await db.write(lambda tx, row=row: reviews.decide(tx, row, "reject", actor="b", channel="api", body={}))
                again = await db.write(
                    lambda tx, stage=stage: reviews.open_wait(tx, case_id, stage, version=1, shown=shown)
                )
                assert again == (opened_, False)


async def test_the_same_case_advanced_by_many_at_once_is_run_by_one(opened: Callable[..., Any]) -> None:
    async with opened() as product:
        case_id = await submitted(product, "many-runners")
        await asyncio.gather(*(product.runner.advance(case_id) for _ in range(20)))
        await product.service.decide(ANN, case_id, APPROVE, review_id=None, channel="api")
        await asyncio.gather(*(product.runner.advance(case_id) for _ in range(20)))
        assert (await product.service.get(case_id)).status == "active"
        told = [event["data"]["step"] for event in await product.service.events(case_id) if "step" in event["data"]]
        assert len(told) == len(set(told)), told


async def test_a_suspect_gets_its_turn_alone_on_a_day_that_is_never_idle(opened: Callable[..., Any]) -> None:
    async with opened() as product:
        places, order = product.engine.dispatcher.places, []

        async def one(name: str, alone: bool) -> None:
            async with places.place(alone=alone):
                order.append(name)
                await asyncio.sleep(0.01)
                order.append(name)

        async def busy(lane: int) -> None:
            for turn in range(10):
                await one(f"{lane}.{turn}", False)

        async def suspect() -> None:
            await asyncio.sleep(0.02)
            await one("suspect", True)

        await asyncio.gather(busy(1), busy(2), busy(3), suspect())
        first = order.index("suspect")
        assert order[first + 1] == "suspect", "nobody else began or ended while it ran"
        assert first < len(order) - 20, f"it had to wait for the end of the day: {first} of {len(order)}"
