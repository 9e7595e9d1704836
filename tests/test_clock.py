"""Chasing and expiry: every letter once, in its time, whatever the clock does and however often it is looked."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.merchants import merchant

from checkpoints import access, cases, desk, outbox, reviews
from graph import clock
from graph.service import Actor
from graph.wiring import Product, open_product
from onboarding.case import CaseView
from onboarding.chasing import steps
from onboarding.decision import Decision, RequestItem
from onboarding.door import make_part
from onboarding.errors import NotWaiting
from onboarding.settings import Settings

SHOP, ANN, ROOT = Actor("shop", "backend"), Actor("ann@desk.example", "reviewer"), Actor("root", "admin")
REVIEWERS = "ann@desk.example, sue@desk.example"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class Desk:
    """A product without an engine, and a clock."""

    def __init__(self, product: Product, hand: Hand) -> None:
        self.product, self.hand, self.db = product, hand, product.context.db

    async def case(self, seed: str, **changes: Any) -> str:
        found, _ = await self.product.service.submit(SHOP, [[make_part(merchant(seed, **changes), "json")]], key=None)
        return await self.advance(found[0].id)

    async def advance(self, case_id: str) -> str:
        await self.product.runner.advance(case_id)
        return case_id

    async def get(self, case_id: str) -> CaseView:
        return await self.product.service.get(case_id)

    async def decide(self, case_id: str, **decision: Any) -> str:
        made = Decision.model_validate(decision)
        await self.product.service.decide(ANN, case_id, made, review_id=None, channel="api")
        return await self.advance(case_id)

    async def asked(self, seed: str) -> str:
        asked = [RequestItem(path="website", text="Which shop page?").to_json()]
        return await self.decide(await self.case(seed), action="request_information", request=asked)

    async def later(self, by: timedelta) -> None:
        """Move the clock and let it do everything, twice."""
        self.hand.at += by
        for _ in range(2):
            await clock.tick(self.product.context)

    async def letters(self, case_id: str) -> list[tuple[str, str]]:
        """``(kind, recipient)`` of everything written, but the approval requests."""

        def read(tx: Any) -> list[tuple[str, str]]:
            rows = outbox.of_case(tx, case_id)
            return [(row.kind, outbox.body_of(tx, row)["recipient"]) for row in rows]

        return sorted(row for row in await self.db.read(read) if not row[0].startswith("approval_request"))

    async def kinds(self, case_id: str) -> Counter[str]:
        return Counter(kind for kind, _ in await self.letters(case_id))


@asynccontextmanager
async def opened(folder: Path, hand: Hand | None = None, **changes: Any) -> AsyncIterator[Desk]:
    hand = hand or Hand()
    settings = Settings.model_validate({"data_dir": folder, "reviewers": REVIEWERS, "rule_processes": 0} | changes)
    async with open_product(settings, self_url="http://127.0.0.1:9", clock=hand) as product:
        yield Desk(product, hand)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path / "data") as found:
        yield found


async def test_a_review_is_chased_before_and_after_its_due_time_each_letter_once(house: Desk) -> None:
    case_id = await house.case("chased")
    await house.later(35 * HOUR)
    assert await house.letters(case_id) == []
    await house.later(HOUR)
    assert await house.kinds(case_id) == {"reminder:review:soon": 2}
    await house.later(12 * HOUR)
    assert await house.kinds(case_id) == {"reminder:review:soon": 2, "reminder:review:overdue": 2}
    await house.later(24 * HOUR)
    told = await house.kinds(case_id)
    assert told["escalation:review"] == 2, "both addresses are trusted as senior"
    assert (await house.get(case_id)).status == "in_review", "late is not decided"
    await house.later(200 * DAY)
    after = await house.kinds(case_id)
    assert after - told == {"still_looking": 1}
    assert (await house.get(case_id)).status == "in_review", "without a policy for it nothing ends a review"


async def test_only_who_has_the_case_is_reminded_and_only_seniors_are_told_of_lateness(house: Desk) -> None:
    case_id = await house.case("assigned")
    await house.db.write(lambda tx: desk.assign(tx, case_id, "sue@desk.example", "root"))
    await house.db.write(lambda tx: access.create_token(tx, "ann@desk.example", "reviewer"))
    await house.db.write(lambda tx: access.create_token(tx, "boss@desk.example", "senior_reviewer"))
    await house.db.write(lambda tx: access.create_token(tx, "root", "admin"))
    await house.later(36 * HOUR)
    await house.later(36 * HOUR)
    assert await house.letters(case_id) == [
        ("escalation:review", "boss@desk.example"),
        ("escalation:review", "sue@desk.example"),
        ("reminder:review:overdue", "sue@desk.example"),
        ("reminder:review:soon", "sue@desk.example"),
    ]


async def test_who_approved_first_is_not_chased_for_the_second_approval(house: Desk) -> None:
    twin = await house.case("two people")
    again = merchant("two people")
    found, _ = await house.product.service.submit(SHOP, [[make_part(again, "json")]], key=None)
    case_id = await house.advance(found[0].id)
    assert twin != case_id
    await house.decide(case_id, action="approve")
    assert (await house.get(case_id)).review.stage == "second_review"
    await house.later(49 * HOUR)
    assert ("reminder:second_review:overdue", "sue@desk.example") in await house.letters(case_id)
    assert not [row for row in await house.letters(case_id) if row[1] == ANN.name and "second" in row[0]]


async def test_a_jump_far_ahead_says_what_is_true_now_and_only_that(house: Desk) -> None:
    case_id = await house.case("jump")
    await house.later(20 * DAY)
    assert await house.kinds(case_id) == {"reminder:review:overdue": 2, "escalation:review": 2}
    house.hand.at -= 19 * DAY + 11 * HOUR  # back to before the due time
    await house.later(timedelta())
    await house.later(40 * DAY)
    assert await house.kinds(case_id) == {
        "reminder:review:overdue": 2,
        "escalation:review": 2,
        "still_looking": 1,
    }, "what was said once is not said again, and no reminder comes after the fact"


async def test_a_clock_set_back_delays_and_loses_nothing(house: Desk) -> None:
    case_id = await house.case("back")
    await house.later(-DAY)
    await house.later(36 * HOUR)
    assert await house.letters(case_id) == []
    await house.later(DAY)
    assert await house.kinds(case_id) == {"reminder:review:soon": 2}


async def test_a_restart_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    hand = Hand()
    async with opened(tmp_path / "data", hand) as one:
        case_id = await one.case("restart")
        await one.later(36 * HOUR)
    hand.at += 40 * HOUR
    async with opened(tmp_path / "data", hand) as two:
        await two.later(timedelta())
        assert await two.kinds(case_id) == {
            "reminder:review:soon": 2,
            "reminder:review:overdue": 2,
            "escalation:review": 2,
        }


async def test_a_decided_review_is_chased_no_more_and_leaves_no_due_row(house: Desk) -> None:
    case_id = await house.case("decided")
    await house.decide(case_id, action="reject")
    await house.later(40 * DAY)
    assert await house.kinds(case_id) == {"rejection": 1}
    assert await house.db.read(lambda tx: tx.conn.exec_driver_sql("SELECT count(*) FROM chases").scalar()) == 0


async def test_a_merchant_is_reminded_once_then_the_application_closes_and_says_so(house: Desk) -> None:
    case_id = await house.asked("silent")
    await house.later(22 * DAY)
    assert await house.kinds(case_id) == {"information_request": 1}
    await house.later(2 * DAY)
    assert (await house.kinds(case_id))["information_reminder"] == 1
    await house.later(7 * DAY)
    await house.advance(case_id)
    case = await house.get(case_id)
    assert case.status == "expired"
    assert await house.kinds(case_id) == {"information_request": 1, "information_reminder": 1, "closed_unanswered": 1}
    assert case.activations == []


async def test_an_answer_to_another_request_than_the_one_that_waits_is_not_taken(house: Desk) -> None:
    case_id = await house.asked("another request")
    answer = make_part({"website": "https://shop.example.com"}, "json", kind="answers")
    with pytest.raises(NotWaiting):
        await house.product.service.inform(SHOP, case_id, [answer], request_id="an older one")
    assert (await house.get(case_id)).application_version == 1


async def test_an_answer_stops_the_clock_for_the_merchant(house: Desk) -> None:
    case_id = await house.asked("answered")
    await house.later(20 * DAY)
    answer = make_part({"website": "https://shop.example.com"}, "json", kind="answers")
    await house.product.service.inform(SHOP, case_id, [answer])
    await house.advance(case_id)
    await house.later(29 * DAY)
    kinds = await house.kinds(case_id)
    assert "information_reminder" not in kinds
    assert "still_looking" not in kinds, "thirty days run from the answer, not from the first application"
    await house.later(2 * DAY)
    assert (await house.kinds(case_id))["still_looking"] == 1
    assert (await house.get(case_id)).status == "in_review"


async def test_a_review_expires_only_where_the_policy_says_so_and_never_into_an_approval(tmp_path: Path) -> None:
    async with opened(tmp_path / "data", review_expiry_days=60) as house:
        case_id = await house.case("undecided")
        await house.later(61 * DAY)
        await house.advance(case_id)
        assert (await house.get(case_id)).status == "in_review"
        await house.later(2 * DAY)
        await house.advance(case_id)
        case = await house.get(case_id)
        assert (case.status, case.activations) == ("expired", [])
        assert (await house.kinds(case_id))["closed_unanswered"] == 1
        ended = await house.db.read(lambda tx: [(row.action, row.actor) for row in reviews.decisions_of(tx, case_id)])
        assert ended == [("expired", "clock")]


async def test_a_case_set_aside_is_neither_chased_nor_ended_until_it_is_back(house: Desk) -> None:
    case_id = await house.asked("aside")
    await house.db.write(lambda tx: cases.quarantine(tx, case_id, "for the test"))
    await house.later(40 * DAY)
    assert (await house.get(case_id)).status == "quarantined"
    assert "information_reminder" not in await house.kinds(case_id)
    await house.product.service.release(ROOT, case_id)
    await house.later(2 * HOUR)
    await house.advance(case_id)
    assert (await house.get(case_id)).status == "expired"


async def test_one_record_that_does_not_open_holds_up_no_other(house: Desk) -> None:
    broken, sound = await house.case("broken"), await house.case("sound")
    await house.db.write(lambda tx: tx.conn.exec_driver_sql(
        "UPDATE cases SET document = x'00' WHERE id = ?", (broken,)))  # fmt: skip
    await house.later(36 * HOUR)
    assert await house.kinds(sound) == {"reminder:review:soon": 2}
    assert await house.letters(broken) == []


async def test_many_sweeps_at_once_write_each_letter_once(house: Desk) -> None:
    ids = [await house.case(f"many {number}") for number in range(6)]
    house.hand.at += 36 * HOUR
    await asyncio.gather(*(clock.chase_reviewers(house.product.context) for _ in range(8)))
    for case_id in ids:
        assert await house.kinds(case_id) == {"reminder:review:soon": 2}


async def test_the_verbs_stand_alone_and_count(house: Desk) -> None:
    await house.case("one")
    asked = await house.asked("two")
    house.hand.at += 36 * HOUR
    assert await clock.chase_merchants(house.product.context) == 0
    assert await clock.chase_reviewers(house.product.context) == 2
    assert await clock.chase_reviewers(house.product.context) == 0
    house.hand.at += 29 * DAY
    assert await clock.chase_merchants(house.product.context) == 1
    assert await clock.expire(house.product.context) == 1
    assert await clock.expire(house.product.context) == 0
    assert (await house.get(asked)).status == "processing"


def test_a_short_wait_is_reminded_of_half_way_not_at_once() -> None:
    at = datetime(2026, 11, 2, tzinfo=UTC)
    settings = Settings(reminder_hours=12, information_reminder_days=7)
    short = steps("review", opened_at=at, due_at=at + 2 * HOUR, complete_at=at, settings=settings)
    assert short["remind"] == at + HOUR
    asked = steps("information", opened_at=at, due_at=at + 4 * DAY, complete_at=at, settings=settings)
    assert asked == {"ask_again": at + 2 * DAY}
    assert steps("service", opened_at=at, due_at=at, complete_at=at, settings=settings) == {}


async def test_the_same_holds_on_postgresql_with_two_processes_at_once(tmp_path: Path, ledger_url: str) -> None:
    same = {"database_url": ledger_url, "secret_key": "one for both"}
    async with opened(tmp_path / "one", reminder_hours=0.0001, review_hours=0.0002, **same) as one:
        ids = [await one.case(f"pg {number}") for number in range(3)]
        await asyncio.sleep(0.8)  # the ledger's own time judges there
        async with opened(tmp_path / "two", **same) as two:
            verbs = [clock.chase_reviewers(house.product.context) for house in (one, two) for _ in range(4)]
            await asyncio.gather(*verbs)
        for case_id in ids:
            assert await one.kinds(case_id) == {"reminder:review:overdue": 2}
