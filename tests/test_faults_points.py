"""kill -9 at every named point and around every commit: restarted, each case ends where it should, and nothing twice.

One installation lives through all of it, so every point also kills a ledger that has been killed before.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from harness.invariants import check, fingerprint
from harness.story import Desk, Story, stories
from harness.world import World

from onboarding import faults

ORDINARY = ("approve", "approve")
SECOND_TIME = {name: 2 for name in faults.POINTS if not name.startswith("cancel.")}
PLANS = {
    "present_second": ("correct", "correct"),
    "request_information": ("ask", "ask"),
    "pause": ("approve", "approve"),
    "compensate": ("retry", "give_up"),
    "escalate": ("retry", "give_up"),
    "cancel": ("retry", "give_up"),
    "decline": ("reject", "reject"),
    "close": ("withdraw", "withdraw"),
}
"""What has to happen for a point to be passed at all; by the point's first word."""


class Site:
    """The installation that all points share; a test that fails leaves a ruin behind, and the next starts anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.numbers = folder, itertools.count()
        self.world: World | None = None
        self.told: list[Story] = []

    @contextmanager
    def lent(self) -> Iterator[World]:
        if self.world is None:
            self.world, self.told = World(self.folder / str(next(self.numbers)), service_deadline_seconds=1), []
            self.world.__enter__()
        try:
            yield self.world
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.world is not None:
            self.world.__exit__()
        self.world = None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(tmp_path_factory.mktemp("points"))
    yield found
    found.close()


def prepare(world: World, point: str, told: list[Story]) -> None:
    """Let the services fail as this point needs it."""
    for story in told:
        name = story.application["legal_name"]
        if story.plan in ("retry", "give_up"):
            world.refuse("svc2", story.plan, name)
        elif point == "pause":
            world.misbehave("svc1", "status", status=503, retry_after="2", match=name)


@pytest.mark.parametrize("point", faults.POINTS)
def test_killed_at_this_point_nothing_is_lost_and_nothing_happens_twice(site: Site, point: str) -> None:
    if point.startswith("commit."):
        pytest.skip("every commit has a test of its own below")
    with site.lent() as world:
        untouched = {story.id: fingerprint(world, story.id) for story in site.told[-3:] if story.id}
        step = point.split(".")[0]
        told = stories(point, *PLANS.get(step, ORDINARY))
        world.behave()
        prepare(world, step, told)
        world.restart(f"{point}:{SECOND_TIME.get(point, 1)}")
        before = world.deaths
        Desk(world).play(told)
        world.rest()
        assert world.deaths == before + 1, f"{point} was never passed, or passed again after the restart"
        site.told += told
        check(world, site.told)
        assert untouched == {id_: fingerprint(world, id_) for id_ in untouched}, "I7: a closed case was changed"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_around_every_single_commit_of_a_case(tmp_path: Path) -> None:
    """The first commit after a start, the second, and so on until a whole case fits in between; in turn before the

    commit, and after it but before anybody was told. (After one is before the next, but for what is told and sent.)
    """
    told: list[Story] = []
    with World(tmp_path) as world:
        for n in itertools.count(1):
            new = stories(f"commit-{n}", "approve")
            world.restart(f"commit.{'before' if n % 2 else 'after'}:{n}")
            before = world.deaths
            Desk(world).play(new)
            world.rest()
            told += new
            if world.deaths == before:
                break
        check(world, told)
    assert n > 15, f"only {n} commits: the walk did not go through a case"
