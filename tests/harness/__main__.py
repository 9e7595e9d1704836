"""``PYTHONPATH=tests python -m harness``: the random campaign alone, as long and as often as wanted."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from harness.invariants import check
from harness.story import Desk, Killer, Story, stories
from harness.world import World

PLANS = ("approve", "approve", "reject", "ask", "correct", "withdraw", "approve", "retry", "give_up", "approve")


def campaign(folder: Path, seed: int, waves: int, of: int, kills: int) -> tuple[list[Story], int]:
    """``waves`` times ``of`` cases, each wave under ``kills`` random kills; returns the cases and the deaths.

    Raises AssertionError naming every breach.
    """
    told: list[Story] = []
    with World(folder, service_deadline_seconds=5, max_attempts=6) as world:
        for wave in range(waves):
            plans = [PLANS[number % len(PLANS)] for number in range(of)]
            new = stories(f"kills-{seed}-{wave}", *plans)
            for story in new:
                if story.plan in ("retry", "give_up"):
                    world.refuse("svc2", story.plan, story.application["legal_name"])
            told += new
            killer = Killer(world, seed + wave, kills)
            killer.start()
            Desk(world, hands=8).play(new, seconds=100)
            killer.stop()
        world.rest(seconds=60)
        check(world, told)
        return told, world.deaths


def main() -> int:
    """Returns 0 when every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m harness", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--waves", type=int, default=5, help="of 40 cases each")
    parser.add_argument("--kills", type=int, default=15, help="a wave")
    asked = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told, deaths = campaign(Path(folder), asked.seed, asked.waves, 40, asked.kills)
    print(f"seed {asked.seed}: {len(told)} cases, {deaths} kills, every invariant held", end=" ")
    print(f"({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
