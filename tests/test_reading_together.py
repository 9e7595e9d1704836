"""Several things under one label: as many values as it asks for, and a heading that speaks of everybody below it."""

import datetime

import pytest

from onboarding.reading.composites import apart
from onboarding.reading.people import says_both
from onboarding.reading.read import read
from onboarding.submission import Part, Submission


@pytest.mark.parametrize(
    ("label", "value", "values"),
    [
        ("Card turnover and average sale", "£300,000 and £95", ["£300,000", "£95"]),
        ("Company name and number", "Bread and Roses Ltd, 99001122", ["Bread and Roses Ltd", "99001122"]),
        ("Email / website", "a@b.example.com, https://b.example.com", ["a@b.example.com", "https://b.example.com"]),
        ("Card turnover and average sale", "between 10k and 20k", []),
        ("Card turnover and average sale", "£300,000", []),
        ("Products and services", "cakes and pies", []),
    ],
)
def test_one_answer_is_cut_only_into_as_many_values_as_the_label_asks_for(
    label: str, value: str, values: list[str]
) -> None:
    assert [told for _, told in apart((label,), value)] == values


@pytest.mark.parametrize(
    ("label", "both"),
    [
        ("Directors and shareholders", True),
        ("Gérante et associée", True),
        ("Owners / directors", False),
        ("Owners or directors", False),
        ("Directors", False),
    ],
)
def test_only_a_heading_that_joins_both_offices_says_both(label: str, both: bool) -> None:
    assert says_both(label) is both


def test_an_office_stated_for_one_of_them_is_not_everybodys() -> None:
    text = "Company: Acme Ltd\nDirectors and shareholders: Ann Lee (60%, director), Bob Ray (40%)\n"
    part = Part(source="input", kind="application", format="text", content=text)
    flat = read(Submission(version=1, parts=[part]), as_of=datetime.date(2026, 11, 23)).application.flat()
    assert flat["persons[0].roles"] == ["owner", "director", "control_person"]
    assert flat["persons[1].roles"] == ["owner"]
