"""Honest merchants of every country pass; one broken value gives exactly its finding (policy 2 to 7)."""

import json
import re
from datetime import date
from pathlib import Path

import pytest

from onboarding.application import Application
from onboarding.assess import assess
from onboarding.catalogue import CATALOGUE, SEVERITIES
from onboarding.checks.run import check
from onboarding.finding import SEVERITY_OF
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

HERE = Path(__file__).parent
TODAY = date(2026, 11, 23)
WATCHLIST = Watchlist.load(HERE.parent / "examples/watchlist.jsonl")
CLEAN = [json.loads(line) for line in (HERE / "data/clean_applications.jsonl").read_text("utf-8").splitlines()]
BROKEN = [(row, broken) for row in CLEAN for broken in row["breaks"]]


def document_of(flat):
    """The nested document of flat paths; a path set to None is left out."""
    document = {}
    for path, value in flat.items():
        here = document
        *parents, last = path.split(".")
        for step in parents:
            if match := re.fullmatch(r"persons\[(\d+)\]", step):
                people = here.setdefault("persons", [])
                people += [{} for _ in range(int(match[1]) + 1 - len(people))]
                here = people[int(match[1])]
            else:
                here = here.setdefault(step, {})
        if value is not None:
            here[last] = value
    return document


def judged(flat, content=None):
    document = document_of(flat)
    reading = Reading(application=Application.from_json(document))
    part = Part(source="input", kind="application", format="json", content=content or document)
    submission = Submission(version=1, parts=[part])
    policy = Policy.default()
    validation = check(reading, submission, priors=[], watchlist=WATCHLIST, policy=policy, as_of=TODAY)
    return validation, assess(reading, validation, policy=policy)


def codes(validation):
    return sorted({found.code for found in validation.findings})


@pytest.mark.parametrize("row", CLEAN, ids=lambda row: row["id"])
def test_an_honest_merchant_passes_without_a_finding(row):
    validation, assessment = judged(row["application"])
    assert codes(validation) == []
    assert validation.missing == []
    assert assessment.recommendation.action == "approve"
    assert assessment.risk.score == 0
    assert assessment.requirements == []


@pytest.mark.parametrize("row, broken", BROKEN, ids=lambda x: json.dumps(x.get("set", x.get("id")), ensure_ascii=False))
def test_one_broken_value_gives_exactly_the_right_finding(row, broken):
    validation, assessment = judged({**row["application"], **broken["set"]})
    assert codes(validation) == sorted(broken["findings"])
    assert validation.missing == broken.get("missing", [])
    blocking = [found for found in validation.findings if found.severity != "info"]
    critical = [found for found in validation.findings if found.severity == "critical"]
    expected = "reject" if critical else "review" if blocking or validation.missing else "approve"
    assert assessment.recommendation.action == expected


def test_an_empty_application_misses_everything_and_is_never_rejected():
    validation, assessment = judged({}, content={"a": ""})
    assert "legal_name" in validation.missing
    assert {"persons.owners", "persons.control_person", "bank.account"} <= set(validation.missing)
    assert codes(validation) == []
    assert assessment.recommendation.action == "review"
    assert [asked.path for asked in assessment.requirements] == validation.missing


def test_findings_are_sorted_worst_first_and_the_same_every_time():
    row = CLEAN[0]["application"]
    bad = {**row, "mcc": "7995", "bank.iban": "GB34BUKB20201555555555", "contact.email": "x", "trading_name": "=1"}
    first, _ = judged(bad)
    second, _ = judged(bad)
    assert first == second
    ranks = ["critical", "high", "warning", "info"]
    assert [ranks.index(found.severity) for found in first.findings] == sorted(
        ranks.index(found.severity) for found in first.findings
    )


def test_the_summary_can_be_read_in_a_minute():
    row = CLEAN[0]["application"]
    _, assessment = judged({**row, "persons[0].dob": None, "contact.email": "heron@gmail.com"})
    assert assessment.summary == (
        "Heron Quay Books Ltd: private company in GB, since 2016-04-12.\n"
        "Second-hand and new books, with a small reading room. Customers pay at the till or in our web shop. "
        "MCC 5942; expects 210000.00 GBP a year; average ticket 18.40.\n"
        "Owners and officers: Moira Tansley 100 % (director, control person).\n"
        "What stands out: The e-mail address belongs to a free mail provider, not to the business.\n"
        "Still missing: full date of birth of person 1.\n"
        "Recommended: review, because what was found has to be weighed and something is missing. "
        "Risk low (7 of 100)."
    )


def test_the_summary_names_what_weighs_most_counts_the_rest_and_repeats_no_finding():
    row = CLEAN[0]["application"]
    bad = {"mcc": "7995", "bank.iban": "GB34BUKB20201555555555", "contact.email": "x", "website": "y"}
    gaps = dict.fromkeys(("persons[0].dob", "address.city", "business_description", "contact.phone"))
    validation, assessment = judged({**row, **bad, **gaps})
    lines = assessment.summary.splitlines()
    assert len(lines) <= 6
    out = next(line for line in lines if line.startswith("What stands out: "))
    ranks = {found.code: SEVERITIES.index(SEVERITY_OF[found.code]) for found in validation.findings}
    worst = [code for code, rank in ranks.items() if rank == max(ranks.values())]
    assert any(CATALOGUE[code].meaning in out for code in worst)
    assert "And more findings: " in out
    assert "and 1 more." in next(line for line in lines if line.startswith("Still missing: "))
    assert not [found.message for found in validation.findings if found.message in assessment.summary]


def test_the_summary_of_a_clean_case_says_why_it_may_be_approved():
    _, assessment = judged(CLEAN[0]["application"])
    assert assessment.summary.endswith(
        "Recommended: approve, because all required fields are there and nothing speaks against it. "
        "Risk low (0 of 100)."
    )


OWNED = [
    {"owner": "Hold BV", "owner_type": "entity", "owns": "Heron Quay Books Ltd", "pct": 60},
    {"owner": "Moira Tansley", "owner_type": "person", "owns": "Heron Quay Books Ltd", "pct": 40},
]


@pytest.mark.parametrize(
    "further, expected, missing",
    [
        ([{"owner": "Moira Tansley", "owner_type": "person", "owns": "Hold BV", "pct": 100}], [], []),
        ([{"owner": "Moira Tansley", "owner_type": "person", "owns": "Hold BV", "pct": 60}], [], []),
        (
            [{"owner": "Moira Tansley", "owner_type": "person", "owns": "Hold BV", "pct": 58}],
            ["UBO_NOT_RESOLVED"],
            ["persons.owners"],
        ),
        ([], ["UBO_NOT_RESOLVED"], ["persons.owners"]),
        (
            [
                {"owner": "Hold BV", "owner_type": "entity", "owns": "Hold BV", "pct": 10},
                {"owner": "Moira Tansley", "owner_type": "person", "owns": "Hold BV", "pct": 90},
            ],
            ["OWNERSHIP_CYCLE"],
            [],
        ),
    ],
)
def test_ownership_through_a_holding(further, expected, missing):
    flat = {**CLEAN[0]["application"], "ownership": OWNED + further}
    validation, _ = judged(flat)
    assert codes(validation) == expected
    assert validation.missing == missing


def test_a_sole_trader_named_like_the_owner_is_screened_as_that_person_only():
    flat = {
        **CLEAN[1]["application"],
        "legal_name": "Arkady Voronzhev",
        "persons[0].name": "Arkady Voronzhev",
        "persons[0].dob": "1994-08-12",
    }
    validation, assessment = judged(flat)
    assert codes(validation) == ["SCREENING_HIT_DISCOUNTED"]
    assert assessment.recommendation.action == "approve"


def test_a_possible_pep_is_told_apart_from_a_sanction():
    flat = {**CLEAN[0]["application"], "persons[0].name": "Lindiwe Mokoena-Strand", "persons[0].nationality": "ZA"}
    assert codes(judged({**flat, "persons[0].dob": "1979-07-30"})[0]) == ["PEP_POSSIBLE_MATCH"]
    assert codes(judged({**flat, "persons[0].dob": "1962-07-30"})[0]) == ["SCREENING_HIT_DISCOUNTED"]


def test_a_sanctioned_holding_in_between_is_found():
    links = [
        {"owner": "Ostmark Shipping & Trading LLC", "owner_type": "entity", "owns": "Heron Quay Books Ltd", "pct": 10}
    ]
    links.append({"owner": "Moira Tansley", "owner_type": "person", "owns": "Heron Quay Books Ltd", "pct": 90})
    validation, _ = judged({**CLEAN[0]["application"], "ownership": links})
    assert codes(validation) == ["SANCTIONS_POSSIBLE_MATCH"]
