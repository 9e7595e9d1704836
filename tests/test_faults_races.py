"""Many at once: the same submission fifty times, two reviewers on one review. One case, one decision, the rest told."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from harness.invariants import check
from harness.merchants import merchant
from harness.story import Desk, Story, stories
from harness.world import FIRST, SECOND, SHOP, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("races")) as found:
        yield found


def at_once(count: int, do: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """``do(0)``, ``do(1)``, … in threads that start together, each on a connection of its own."""
    start = Barrier(count)

    def one(number: int) -> httpx.Response:
        start.wait(10)
        return do(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def alone(world: World, method: str, path: str, actor: str, **request: Any) -> httpx.Response:
    """A call on a new connection."""
    headers = {"Authorization": f"Bearer {world.tokens[actor]}"} | request.pop("headers", {})
    with httpx.Client(base_url=world.url, timeout=30, trust_env=False, verify=False) as client:
        return client.request(method, path, headers=headers, **request)


def waiting(world: World, name: str) -> dict[str, Any]:
    """A case that waits for its review."""
    story = Story(name, "leave")
    Desk(world).play([story])
    return world.case(story.id or "")


def test_fifty_submissions_at_once_with_one_key_make_one_case(world: World) -> None:
    body, headers = merchant("fifty"), {"Idempotency-Key": "fifty"}
    answers = at_once(50, lambda _: alone(world, "POST", "/v1/cases", SHOP, json=body, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 49}
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = [case for case in world.cases().values() if case["application"]["legal_name"] == body["legal_name"]]
    assert len(found) <= 1


def test_one_key_with_another_body_is_refused_however_close_the_race(world: World) -> None:
    headers = {"Idempotency-Key": "two-bodies"}
    answers = at_once(
        10,
        lambda n: alone(world, "POST", "/v1/cases", SHOP, json=merchant(f"two-bodies-{n % 2}"), headers=headers),
    )
    counted = Counter(answer.status_code for answer in answers)
    assert counted == {202: 1, 200: 4, 422: 5}
    assert {a.json()["code"] for a in answers if a.status_code == 422} == {"idempotency_key_reused"}


def test_two_reviewers_at_once_one_decision_stands_and_the_other_is_told_which(world: World) -> None:
    for turn in range(5):
        case = waiting(world, f"two-reviewers-{turn}")
        path, review = f"/v1/cases/{case['id']}/decision", case["review"]["id"]
        plans = [("approve", FIRST), ("reject", SECOND), ("approve", SECOND), ("reject", FIRST)]

        def press(number: int, plans: Any = plans, path: str = path, review: str = review) -> httpx.Response:
            action, actor = plans[number % 4]
            return alone(world, "POST", path, actor, json={"action": action, "review_id": review})

        answers = at_once(12, press)
        won = {plans[number % 4] for number, answer in enumerate(answers) if answer.status_code == 200}
        assert len(won) == 1, "exactly one decision stands"
        ((action, actor),) = won
        for number, answer in enumerate(answers):
            if plans[number % 4] == (action, actor):
                assert answer.status_code == 200, "the same by the same person again is no error"
            else:
                assert answer.status_code == 409
                assert answer.json()["code"] == "already_decided"
                standing = answer.json()["decision"]
                assert (standing["action"], standing["actor"]) == (action, actor)
        story = Story(case["id"], "approve" if action == "approve" else "reject", id=case["id"], born=0)
        story.taken[review] = (action, actor)
        Desk(world).play([story])
    world.rest()
    check(world)


def test_an_answer_and_an_approval_at_once_one_of_them_is_told_that_the_case_changed(world: World) -> None:
    case = waiting(world, "amended")
    path, review = f"/v1/cases/{case['id']}", case["review"]["id"]
    answers = {"answers": {"business_description": "Something else altogether, sold by post."}}

    def press(number: int) -> httpx.Response:
        if number:
            return alone(world, "POST", f"{path}/information", SHOP, json=answers)
        return alone(world, "POST", f"{path}/decision", FIRST, json={"action": "approve", "review_id": review})

    decided, informed = at_once(2, press)
    if decided.status_code == 200:
        assert informed.status_code == 409
    else:
        assert (decided.status_code, decided.json()["code"]) == (409, "case_changed")
        assert informed.status_code == 200
    world.rest()
    check(world)


def test_a_case_submitted_decided_and_killed_at_the_same_time_keeps_its_decision(world: World) -> None:
    told = stories("mixed", *["approve", "reject"] * 5)
    desk = Desk(world)
    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(desk.play, told)
        world.restart()
        world.restart()
        playing.result()
    world.rest()
    check(world, told)
