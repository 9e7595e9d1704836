"""SVC1 and SVC2 at their worst: down, slow, busy, refusing, cutting the line. One effect each, or a person is asked."""

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from harness.invariants import check, read
from harness.story import Desk, Story, stories
from harness.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("services")
    with World(folder, service_deadline_seconds=1, activation_patience_minutes=0.1) as found:
        yield found


@pytest.fixture(autouse=True)
def _well_behaved(world: World) -> Iterator[None]:
    yield
    world.behave()


def one(plan: str, name: str) -> Story:
    return stories(name, plan)[0]


def calls(world: World, story: Story, service: str, operation: str = "activate") -> list[dict[str, Any]]:
    """What ``service`` remembers of this case; a cancellation names only the reference."""
    log = world.services_log()
    mine = {row["reference"] for row in log["effects"] if row["case_id"] == story.id}
    return [
        call
        for call in log["calls"]
        if (call["service"], call["operation"]) == (service, operation)
        and (call["case_id"] == story.id or call["reference"] in mine)
    ]


def finish(world: World, *told: Story, seconds: float = 30) -> None:
    Desk(world).play(told, seconds)
    world.rest()
    check(world, told)


def test_both_services_down_for_a_while_delay_the_case_and_nothing_else(world: World) -> None:
    told = stories("down", "approve", "approve", "approve")
    assert world.services is not None
    world.services.kill()
    desk = Desk(world)
    for story in told:
        desk.play([waiting := Story(story.key, "leave")])
        story.id, story.born = waiting.id, waiting.born
        assert world.decide(world.case(story.id or ""), "approve").status_code == 200
    time.sleep(2)
    assert {world.case(story.id or "")["status"] for story in told} <= {"activating", "processing"}
    world.services_back()
    finish(world, *told)


@pytest.mark.parametrize("kind", ["drop", "late", "garbage"])
def test_an_answer_that_never_came_is_asked_for_by_key_and_not_repeated(world: World, kind: str) -> None:
    story = one("approve", f"unknown-{kind}")
    for service in ("svc1", "svc2"):
        world.misbehave(service, kind, seconds=1, match=story.application["legal_name"])
    finish(world, story)
    assert [len(calls(world, story, service)) for service in ("svc1", "svc2")] == [1, 1]


def test_a_slow_service_is_waited_for_and_asked_once(world: World) -> None:
    story = one("approve", "slow")
    world.misbehave("svc1", "slow", seconds=1, match=story.application["legal_name"])
    finish(world, story)
    assert len(calls(world, story, "svc1")) == 1


def test_429_is_repeated_no_sooner_than_the_service_asked(world: World) -> None:
    story = one("approve", "busy")
    world.misbehave("svc2", "status", status=429, retry_after="1", match=story.application["legal_name"])
    finish(world, story)
    first, second = (datetime.fromisoformat(call["at"]) for call in calls(world, story, "svc2"))
    assert (second - first).total_seconds() >= 1


@pytest.mark.parametrize("plan, ends", [("retry", "active"), ("give_up", "activation_failed")])
def test_one_service_refuses_for_good_the_other_is_undone_once_and_a_person_decides(
    world: World, plan: str, ends: str
) -> None:
    story = one(plan, f"refused-{plan}")
    world.misbehave("svc2", "status", status=400, match=story.application["legal_name"])
    finish(world, story)
    assert world.case(story.id or "")["status"] == ends
    done = [row for row in world.services_log()["effects"] if row["case_id"] == story.id]
    assert sorted(row["status"] for row in done if row["key"].endswith(":r1")) in (["cancelled"], [])
    assert len(calls(world, story, "svc1", "cancel")) == sum(row["status"] == "cancelled" for row in done)
    letters = [row for row in read(world).letters.values() if row["case_id"] == story.id]
    assert {row["kind"] for row in letters} >= {"activation_problem"}, "nobody was told"


def test_undoing_is_refused_too_and_then_an_operator_is_asked_without_a_loop(world: World) -> None:
    story = one("give_up", "stuck")
    name = story.application["legal_name"]
    world.misbehave("svc1", "slow", seconds=0.3, match=name)
    world.misbehave("svc2", "status", status=400, match=name)
    world.misbehave("svc1", "status", status=422, operation="cancel", times=None)
    finish(world, story)
    assert len(calls(world, story, "svc1", "cancel")) == 1
    shown = {row["service"]: row["status"] for row in world.case(story.id or "")["activations"]}
    assert shown["svc1"] == "cancel_refused", "what may still be active is told"


def test_undoing_is_not_possible_for_long_and_then_an_operator_is_asked_without_a_loop(world: World) -> None:
    story = one("give_up", "unreachable")
    name = story.application["legal_name"]
    world.misbehave("svc2", "status", status=400, match=name)
    world.misbehave("svc1", "status", status=503, operation="cancel", times=None)
    finish(world, story)
    made = len(calls(world, story, "svc1", "cancel"))
    assert 2 <= made < 40
    time.sleep(1)
    assert len(calls(world, story, "svc1", "cancel")) == made, "it still tries after the person gave up"


def test_a_service_that_stays_away_ends_at_a_person_and_a_retry_works(world: World) -> None:
    story = one("retry", "away")
    world.misbehave("svc1", "status", status=503, times=None, match=story.application["legal_name"])
    Desk(world).play([waiting := Story(story.key, "leave")])
    story.id, story.born = waiting.id, waiting.born
    assert world.decide(world.case(story.id or ""), "approve").status_code == 200
    shown = world.until(story.id or "", "in_review", seconds=30)
    assert shown["review"]["stage"] == "activation"
    world.behave()
    finish(world, story)
