"""Applications written from the policy alone, by somebody who had seen neither the readers nor the vocabularies.

Half of them are honest and clean: any finding on those is as wrong as a missed one on the others.
"""

import importlib.util
import json
from datetime import date
from pathlib import Path

import pytest

from onboarding.assess import assess
from onboarding.assessment import Prior
from onboarding.checks.run import check
from onboarding.masking import mask_cards
from onboarding.matching import match_keys
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

HERE = Path(__file__).parent
LINES = [json.loads(line) for line in (HERE / "data/unseen.jsonl").read_text("utf-8").splitlines()]
WATCHLIST = Watchlist.load(HERE.parent / "examples/watchlist.jsonl")
SPEC = importlib.util.spec_from_file_location("compare", HERE / "data/compare.py")
COMPARE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(COMPARE)


def outcome_of(line, seen):
    content, places = mask_cards(line["payload"])
    part = Part(source="input", kind="application", format=line["format"], content=content, masked_cards=places)
    submission = Submission(version=1, parts=[part])
    policy, as_of = Policy.default(), date.fromisoformat(line["as_of"])
    reading = read(submission, as_of=as_of)
    app = reading.application
    priors = [prior for prior in seen if match_keys(prior.application) & match_keys(app)]
    validation = check(reading, submission, priors=priors, watchlist=WATCHLIST, policy=policy, as_of=as_of)
    seen.append(Prior(case_id=line["id"], application=app))
    return {
        "normalised": app.flat(),
        "findings": [found.code for found in validation.findings],
        "missing": validation.missing,
        "recommendation": assess(reading, validation, policy=policy).recommendation.action,
    }


@pytest.fixture(scope="module")
def outcomes():
    seen = []
    return {line["id"]: outcome_of(line, seen) for line in LINES}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["id"])
def test_an_application_nobody_had_seen_is_read_and_judged_by_the_policy(line, outcomes):
    assert COMPARE.compare(line, outcomes[line["id"]]) == []


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(inner) for key, inner in reversed(value.items())}
    return value


@pytest.mark.parametrize("case", ["u-01", "u-15", "u-35", "u-37", "u-42"])
def test_the_order_of_keys_says_nothing(case, outcomes):
    line = next(line for line in LINES if line["id"] == case)
    turned = outcome_of({**line, "payload": reversed_keys(line["payload"])}, [])
    assert COMPARE.compare(line, turned) == []
    assert turned["missing"] == outcomes[case]["missing"]
