"""The disk full, the database locked: refused with 503, nothing half-written, and on it goes once there is room."""

import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from harness.invariants import check
from harness.merchants import merchant
from harness.story import Desk, Story, stories
from harness.world import FIRST, World

PLENTY = 1 << 40


def refused(answer: httpx.Response) -> bool:
    """Whether the answer is the one and only way to say that nothing was stored."""
    if answer.status_code == 202:
        return False
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "storage_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    return True


def test_a_full_disk_refuses_submissions_and_decisions_and_loses_nothing(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        assert world.app is not None
        before = stories("before", "leave", "leave", "leave")
        Desk(world).play(before)
        world.rest()
        known = len(world.cases())
        world.app.limit_files(8192)
        refusals = [refused(world.submit(merchant(f"full-{n}"), f"full-{n}")) for n in range(10)]
        assert all(refusals)
        for story in before:
            assert world.decide(world.case(story.id or ""), "approve").status_code == 503
        assert world.call("GET", f"/v1/cases/{before[0].id}/bundle", FIRST).status_code == 503, "it cannot be noted"
        assert len(world.cases()) == known, "reading goes on, and nothing was half-written"
        world.app.limit_files(PLENTY)
        after = [Story(f"full-{n}", "approve") for n in range(10)]
        for story in before:
            story.plan, story.over = "approve", None
        Desk(world).play([*before, *after])
        world.rest()
        check(world, [*before, *after])
        assert len(world.cases()) == known + 10
        assert world.deaths == 0, "it needed no restart"


@pytest.mark.slow
def test_a_disk_that_is_full_again_and_again_delays_cases_and_nothing_else(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        told = stories("flicker", *["approve", "reject", "ask", "correct"] * 5)
        desk = Desk(world)
        with flickering(world):
            desk.play(told, seconds=60)
        world.rest(seconds=60)
        check(world, told)
        assert desk.refusals, "the disk was never full when it mattered"
        assert world.deaths == 0


@contextmanager
def flickering(world: World) -> Iterator[None]:
    """Full for a third of the time."""
    over = threading.Event()

    def run() -> None:
        assert world.app is not None
        while not over.wait(0.4):
            world.app.limit_files(8192)
            over.wait(0.2)
            world.app.limit_files(PLENTY)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of twenty-four megabytes; skipped where we may not mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a tmpfs needs root; the limit on file sizes is tested above")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_really_full_disk_refuses_and_goes_on_once_space_is_freed(small_disk: Path, tmp_path: Path) -> None:
    with World(tmp_path / "world") as world:
        world.stop()
        world.move(small_disk)
        world.start()
        told = stories("room", "approve")
        Desk(world).play(told)
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        answers = [refused(world.submit(merchant(f"really-{n}"), f"really-{n}")) for n in range(20)]
        assert any(answers)
        assert world.http.get("/readyz").status_code == 503
        ballast.unlink()
        told += [Story(f"really-{n}", "approve") for n in range(20)]
        Desk(world).play(told)
        world.rest()
        check(world, told)
        assert world.deaths == 0


@pytest.mark.slow
def test_a_database_that_somebody_else_has_locked_answers_503_and_then_goes_on(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        told = stories("locked", "leave")
        Desk(world).play(told)
        world.rest()
        lock = sqlite3.connect(world.data / "onboard.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert refused(world.submit(merchant("locked-out"), "locked-out"))
        assert time.monotonic() - started < 25
        lock.execute("ROLLBACK")
        lock.close()
        told[0].plan, told[0].over = "approve", None
        told.append(Story("locked-out", "approve"))
        Desk(world).play(told)
        world.rest()
        check(world, told)


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_a_ledger_that_is_put_in_the_place_of_the_open_one_takes_nothing_that_would_be_lost(
    tmp_path: Path, how: str
) -> None:
    """What is written to a file that has lost its name is gone at the next start: it must not be answered with 202."""
    with World(tmp_path) as world:
        assert world.app is not None
        told = stories("stands", "leave")
        Desk(world).play(told)
        world.rest()
        path, copy = world.data / "onboard.db", tmp_path / "copy.db"
        with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        (copy.replace if how == "replaced" else path.rename)(path if how == "replaced" else copy.with_suffix(".old"))
        assert refused(world.submit(merchant("into-nowhere"), "into-nowhere"))
        assert world.decide(world.case(told[0].id or ""), "approve").status_code == 503
        assert world.http.get("/readyz").status_code == 503
        assert "was replaced" in world.app.said()
        if how == "removed":
            copy.with_suffix(".old").rename(path)  # and it goes on
        else:
            assert world.stop() == 0
            world.look_anew()
            world.start()
        told[0].plan, told[0].over = "approve", None
        told.append(Story("into-nowhere", "approve"))
        Desk(world).play(told)
        world.rest()
        check(world, told)
