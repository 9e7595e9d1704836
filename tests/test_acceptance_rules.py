"""Findings, missing and recommendation of the acceptance set, given what a correct reading hands on."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from onboarding.application import Application
from onboarding.assess import assess
from onboarding.assessment import Prior
from onboarding.checks.run import check
from onboarding.finding import finding
from onboarding.masking import mask_cards
from onboarding.matching import match_keys
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

HERE = Path(__file__).parent
LINES = [json.loads(line) for line in (HERE / "data/acceptance.jsonl").read_text("utf-8").splitlines()]
WATCHLIST = Watchlist.load(HERE.parent / "examples/watchlist.jsonl")
READING_CODES = {"DATE_AMBIGUOUS", "VALUE_INFERRED", "FIELDS_SWAPPED", "FIELD_CONFLICT"}


def nested(flat):
    """A flat path-to-value mapping as the Application it came from."""
    document = {}
    for path, value in flat.items():
        *parents, last = path.split(".")
        here = document
        for step in parents:
            if match := re.fullmatch(r"persons\[(\d+)\]", step):
                people = here.setdefault("persons", [])
                while len(people) <= int(match[1]):
                    people.append({})
                here = people[int(match[1])]
            else:
                here = here.setdefault(step, {})
        here[last] = value
    return Application.from_json(document)


def submission_of(line):
    content, places = mask_cards(line["payload"])
    part = Part(source="input", kind="application", format=line["format"], content=content, masked_cards=places)
    return Submission(version=1, parts=[part])


def run_all():
    seen: list[Prior] = []
    for line in LINES:
        app = nested(line["expect"]["normalised"])
        raised = [
            finding(code, "read", raised_by="rule:reading@1")
            for code in READING_CODES & set(line["expect"]["findings"])
        ]
        reading = Reading(application=app, findings=raised)
        priors = [prior for prior in seen if match_keys(prior.application) & match_keys(app)]
        policy = Policy.default()
        as_of = date.fromisoformat(line["as_of"])
        validation = check(reading, submission_of(line), priors=priors, watchlist=WATCHLIST, policy=policy, as_of=as_of)
        yield line, validation, assess(reading, validation, policy=policy)
        seen.append(Prior(case_id=line["id"], application=app))


RESULTS = {line["id"]: (line, validation, assessment) for line, validation, assessment in run_all()}


@pytest.mark.parametrize("case", RESULTS)
def test_findings_missing_and_recommendation_are_exact(case):
    line, validation, assessment = RESULTS[case]
    assert sorted({found.code for found in validation.findings}) == line["expect"]["findings"]
    assert validation.missing == line["expect"]["missing"]
    assert assessment.recommendation.action == line["expect"]["recommendation"]


@pytest.mark.parametrize("case", RESULTS)
def test_every_finding_can_be_explained_and_stored(case):
    _, validation, assessment = RESULTS[case]
    assert type(validation).from_json(json.loads(json.dumps(validation.to_json()))) == validation
    for found in validation.findings:
        assert re.fullmatch(r"rule:[a-z_.]+@\d+", found.raised_by)
        assert found.message
    assert len(assessment.summary.splitlines()) <= 20
    for asked in assessment.requirements:
        assert not re.search(
            r"(?i)sanction|watchlist|screening|suspic|fraud|injection|duplicate", f"{asked.why} {asked.cure}"
        )


def test_the_casino_is_rejected_in_words_a_reviewer_can_check():
    _, validation, assessment = RESULTS["app-12"]
    [found] = [f for f in validation.findings if f.code == "PROHIBITED_BUSINESS"]
    assert "winnings" in found.evidence[0].quote or "reels" in found.evidence[0].quote
    assert assessment.recommendation.reasons[0] == "PROHIBITED_BUSINESS"
    assert assessment.risk.level == "high"


def test_the_duplicate_names_its_prior():
    _, validation, _ = RESULTS["app-13"]
    evidence = {found.code: found.evidence[0].source for found in validation.findings if found.evidence}
    assert evidence["DUPLICATE_MERCHANT_SUSPECTED"] == "case:app-01"
    assert evidence["RELATED_MERCHANT_SHARED_BANK"] == "case:app-01"


def test_screening_hits_are_kept_with_their_list():
    _, validation, _ = RESULTS["app-10"]
    assert {hit.entry_id for hit in validation.screening} == {"wl-001", "wl-002"}
    assert {hit.list_version for hit in validation.screening} == {WATCHLIST.version}
