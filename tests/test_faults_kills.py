"""kill -9 again and again at random moments while two hundred cases go through: all end where they should."""

import os
from pathlib import Path

import pytest
from harness.invariants import check
from harness.story import Desk, Killer, stories
from harness.world import World

PLANS = ("approve", "approve", "reject", "ask", "correct", "withdraw", "approve", "retry", "give_up", "approve")
WAVES, KILLS = 5, 15


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_cases_survive_a_product_that_is_killed_all_the_time(tmp_path: Path) -> None:
    seed = int(os.environ.get("HARNESS_SEED", "20261123"))
    with World(tmp_path, service_deadline_seconds=5, max_attempts=6) as world:
        told = []
        for wave in range(WAVES):
            new = stories(f"kills-{seed}-{wave}", *PLANS * 4)
            for story in new:
                if story.plan in ("retry", "give_up"):
                    world.refuse("svc2", story.plan, story.application["legal_name"])
            told += new
            killer = Killer(world, seed + wave, KILLS)
            killer.start()
            Desk(world, hands=8).play(new, seconds=100)
            killer.stop()
        world.rest(seconds=60)
        check(world, told)
        assert len(told) == 200
        assert world.deaths >= WAVES * KILLS // 2, f"killed {world.deaths} times only"
