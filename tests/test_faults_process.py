"""The process itself: stopped politely at every point, started twice, flooded, and poisoned by one case."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from harness.invariants import check
from harness.processes import Child
from harness.story import Desk, Story, stories
from harness.world import FIRST, World, wait_for

from onboarding import faults

POLITE = tuple(
    point
    for point in faults.POINTS
    if not point.startswith(("commit.", "submit.", "pause.", "cancel.", "compensate.", "escalate."))
    and not point.endswith(".after")
)
PLANS = ("approve", "correct", "ask", "reject", "withdraw")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_sigterm_at_any_point_drains_and_the_next_start_goes_on(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        told: list[Story] = []
        for point in POLITE:
            new = stories(f"polite-{point}", *PLANS)
            world.kill()
            world.start(f"{point}:1/TERM")
            desk = Desk(world, end=0)
            desk.play(new)
            world.rest()
            assert world.polite_ends, f"{point} was never passed"
            world.polite_ends = 0
            told += new
        check(world, told)


def test_sigterm_while_letters_are_on_the_wire_waits_for_them_and_sends_none_twice(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.mail_manner("slow")
        told = stories("on-the-wire", "leave")
        Desk(world).play(told)
        wait_for(lambda: world.count("letters WHERE attempts > 0") == 2, 10, "two letters that were taken")
        time.sleep(0.3)
        assert world.stop() == 0
        assert len(world.mail_log()) == 2, "both were on the wire, and both arrived"
        world.start()
        world.rest()
        check(world, told)


def test_sigterm_while_a_service_is_slow_waits_for_its_answer(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        story = stories("slow-stop", "approve")[0]
        world.misbehave("svc1", "slow", seconds=1.5)
        Desk(world).play([waiting := Story(story.key, "leave")])
        world.rest()
        story.id, story.born = waiting.id, waiting.born
        world.decide(world.case(story.id or ""), "approve")
        wait_for(lambda: world.services_log()["calls"], 10, "the first call")
        assert world.stop() == 0
        assert all(row["status"] == "active" for row in world.services_log()["effects"])
        world.start()
        Desk(world).play([story])
        world.rest()
        check(world, [story])
        assert len(world.services_log()["calls"]) == 2, "what was drained was not asked for again"


def test_a_second_serve_on_the_same_data_folder_refuses_to_start(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        env = {"ONBOARD_DATA_DIR": str(world.data), "COLUMNS": "200"}
        second = Child("api.cli:main", ["serve", "--port", "0"], env, tmp_path / "second.log")
        assert second.wait(20) == 1
        assert f"Another process owns {world.data}" in second.said()
        assert "Traceback" not in second.said()
        told = stories("first", "approve")
        Desk(world).play(told)
        world.rest()
        check(world, told)


def test_after_a_kill_the_data_folder_is_free_at_once(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.restart()
        assert world.call("GET", "/readyz").status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_two_hundred_waiting_cases_approved_at_once_all_end_and_memory_stays_flat(tmp_path: Path) -> None:
    with World(tmp_path, mail=False, reviewers="") as world:
        assert world.app is not None
        process = psutil.Process(world.app.pid)
        sizes, took = [], []
        told: list[Story] = []
        for wave in range(2):
            new = stories(f"flood-{wave}", *["approve"] * 200)
            waiting = [Story(story.key, "leave") for story in new]
            Desk(world, hands=8).play(waiting, seconds=120)
            for story, before in zip(new, waiting, strict=True):
                story.id, story.born = before.id, before.born
            seen = world.cases()
            started = time.monotonic()
            with ThreadPoolExecutor(16) as pool:
                answers = list(pool.map(lambda story, seen=seen: world.decide(seen[story.id], "approve"), new))
            took.append(time.monotonic() - started)
            assert {answer.status_code for answer in answers} == {200}
            Desk(world).play(new, seconds=120)
            world.rest()
            sizes.append(process.memory_info().rss)
            told += new
        check(world, told)
        print(f"200 decisions in {took} s; resident {[size >> 20 for size in sizes]} MB")
        assert sizes[1] - sizes[0] < 40 << 20, f"memory grew from {sizes[0] >> 20} to {sizes[1] >> 20} MB"


@pytest.fixture
def poisoned(tmp_path: Path) -> Iterator[tuple[World, Story, list[Story]]]:
    """A product with one case that kills it at its gate, and others that wait for their approval."""
    with World(tmp_path) as world:
        poison, *others = stories("poison", *["leave"] * 6)
        Desk(world).play([poison, *others])
        world.rest()
        yield world, poison, others


def test_a_case_that_kills_every_process_is_set_aside_and_the_others_go_on(
    poisoned: tuple[World, Story, list[Story]],
) -> None:
    world, poison, others = poisoned
    fault = f"authorise.before:1@{poison.id}"
    world.restart(fault)
    before = world.deaths
    desk = Desk(world, fault=fault)
    for story in (poison, *others):
        story.plan, story.over = "approve", None
    for story in (*others, poison):
        desk.press(story)
    desk.play(others)

    def aside() -> bool:
        world.revive(fault)
        return world.alive() and world.case(poison.id or "")["status"] == "quarantined"

    wait_for(aside, 20, "quarantine")
    world.rest()
    case = world.case(poison.id or "")
    assert world.deaths == before + 3
    assert "3 times" in case["problem"]
    books = check(world, others)
    told = [row for row in books.letters.values() if row["kind"] == "case_quarantined"]
    assert len(told) == 2, "every reviewer is told, once"
    assert all(row["status"] == "sent" for row in told)

    world.restart()
    admin = (world.data / "admin-token").read_text()
    answer = world.http.post(f"/v1/cases/{poison.id}/release", headers={"Authorization": f"Bearer {admin}"})
    assert answer.status_code == 200
    Desk(world).play([poison])
    world.rest()
    check(world, [poison, *others])
    events = world.call("GET", f"/v1/cases/{poison.id}/events", FIRST).json()["items"]
    assert [e["type"] for e in events].count("run.resumed") >= 2, "the trail tells of the attempts"
