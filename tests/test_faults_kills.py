"""kill -9 again and again at random moments while two hundred cases go through: all end where they should."""

import os
from pathlib import Path

import pytest
from harness.__main__ import campaign

WAVES, OF, KILLS = 5, 40, 10


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_cases_survive_a_product_that_is_killed_all_the_time(tmp_path: Path) -> None:
    seed = int(os.environ.get("HARNESS_SEED", "20261123"))
    told, deaths = campaign(tmp_path, seed, WAVES, OF, KILLS)
    assert len(told) == 200
    assert deaths >= WAVES * KILLS // 2, f"killed {deaths} times only"
