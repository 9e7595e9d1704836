"""Honest merchants in eleven languages, read and checked by every rule: nothing is held against them."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from onboarding.checks.run import check
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.screening import LeanWatchlist
from onboarding.submission import Part, Submission

LINES = (Path(__file__).parent / "data" / "reading_structured.jsonl").read_text(encoding="utf-8").splitlines()
HARMLESS = {"BANK_NOT_IN_REGISTRY", "NEW_BUSINESS"}


@pytest.mark.parametrize("case", [json.loads(line) for line in LINES], ids=lambda case: case["id"])
def test_no_rule_speaks_against_an_honest_merchant(case: dict[str, Any]) -> None:
    as_of = datetime.date.fromisoformat(case["as_of"])
    part = Part(source="input", kind="application", format=case["format"], content=case["payload"])
    submission = Submission(version=1, parts=[part])
    reading = read(submission, as_of=as_of)
    checked = check(
        reading, submission, priors=[], watchlist=LeanWatchlist.empty(), policy=Policy.default(), as_of=as_of
    )
    assert {f.code for f in checked.findings} - HARMLESS == set(case["expect"]["findings"])
