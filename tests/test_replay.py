"""Replay: the same again, byte for byte; what changed, step by step; and nothing outside ever touched."""

import asyncio
import hashlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checkpoints.casefile import CaseFile, collect
from graph.archive import case_file
from graph.difference import difference
from graph.replay import Player
from graph.what_if import fork, substituted
from onboarding.policy import Policy
from onboarding.screening import Watchlist
from onboarding.settings import Settings

LIST = Path(__file__).parents[1] / "examples" / "watchlist.jsonl"


@pytest.fixture(scope="module")
def home(open_product_house) -> Iterator[Any]:
    with open_product_house(reviewers="ann@reviewers.example, sue@reviewers.example", watchlist=LIST) as house:
        yield house


def settings_of(house, **changes) -> Settings:
    return Settings.model_validate({"data_dir": house.data_dir, "watchlist": LIST} | changes)


def recorded(house, case) -> CaseFile:
    return case_file(settings_of(house), case if isinstance(case, str) else case["id"])


def still(house, case_id: str) -> dict:
    """The case once nobody works on it: its last checkpoint is written."""
    query = "SELECT work_asked > work_done AS due FROM cases WHERE id = ?"
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        case = house.rest(case_id)
        if not house.rows(query, case_id)[0]["due"]:
            return case
        time.sleep(0.02)
    raise AssertionError(f"case {case_id} does not come to rest")


def play(file: CaseFile, policy: Policy | None = None, watchlist: Watchlist | None = None):
    player = Player(Settings(), policy or Policy.default(), watchlist or Watchlist.load(LIST))
    return difference(file, asyncio.run(player.play(file)))


def approved(house, **changes) -> dict:
    case = house.case(**changes)
    assert case["status"] == "in_review", case
    assert house.decide("ann", case, "approve").status_code == 200
    case = still(house, case["id"])
    if case["review"] and case["review"]["stage"] == "second_review":
        assert house.decide("sue", case, "approve").status_code == 200
        case = still(house, case["id"])
    assert case["status"] == "active", case
    return case


def test_a_replayed_case_gives_the_same_findings_byte_for_byte_and_the_same_state_at_every_step(home):
    case = approved(home, contact={"email": "someone@gmail.com", "name": "Someone", "phone": "0113 496 0123"})
    found = play(recorded(home, case))
    assert found.first is None, found.first.to_json()
    assert found.findings["same_bytes"]
    assert found.findings["recorded"] != []
    assert found.identical, found.to_json()
    assert found.status == {"recorded": "active", "replayed": "active"}
    assert len(found.steps) >= 9
