"""What a merchant answers is called unreadable at once, by the reader that will read it; a path is ours or named."""

import datetime
from typing import Any

import pytest

from onboarding.answers import LONGEST, is_nobody, strangers, unread
from onboarding.application import Application
from onboarding.letters.fields import LABELS
from onboarding.policy import Policy

BAKERY = Application.model_validate({"country": "GB", "entity_type": "private_company", "legal_name": "Moss Ltd"})


def ours(path: str, value: Any) -> bool:
    return not strangers([(path, value)]) and not is_nobody(path, value, people=1)


def said(path: str, text: str) -> str:
    told = unread(BAKERY, {path: text}, policy=Policy.default(), as_of=datetime.date(2026, 11, 26))
    assert set(told) <= {path}
    return told.get(path, "")


@pytest.mark.parametrize(
    "path, text, words",
    [
        ("incorporation_date", "sometime in spring", "as a full date"),
        ("incorporation_date", "2 March 2055", "lies in the future"),
        ("persons[3].dob", "1987", "as a full date"),
        ("persons[1].ownership_pct", "most of it", "as a share in percent"),
        ("persons[0].nationality", "Martian", "as a country"),
        ("expected_annual_volume.amount", "a lot", "as an amount"),
        ("transactions_per_month", "many", "as a number"),
        ("contact.email", "none", "as an e-mail address"),
        ("contact.phone", "call me", "cannot be dialled"),
        ("website", "we have none", "cannot be opened"),
        ("bank.iban", "GB33BUKB20201555555556", "typing errors"),
        ("vat_number", "pending", "as such a number"),
        ("persons[0].roles", "the boss's nephew", "as what somebody does"),
        ("incorporation_date", "1 " * LONGEST, "as a full date"),
    ],
)
def test_what_is_no_value_of_its_field_is_said_and_what_the_field_takes(path, text, words):
    assert words in said(path, text)


@pytest.mark.parametrize(
    "path, text",
    [
        ("incorporation_date", "4 March 2015"),
        ("persons[3].dob", "12.04.1987"),
        ("persons[1].ownership_pct", "half"),
        ("expected_annual_volume.amount", "about 300k EUR"),
        ("contact.email", "bo@gmail.com"),
        ("contact.phone", "0113 496 0999"),
        ("website", "shop.example.com"),
        ("bank.account", "GB33BUKB20201555555555"),
        ("persons[0].roles", "managing director"),
        ("persons.owners", "my brother and I"),
        ("business_description", "We bake."),
        ("legal_name", "?"),
        ("of our own making", "whatever"),
    ],
)
def test_what_is_read_or_taken_as_it_is_goes_through(path, text):
    assert said(path, text) == ""


@pytest.mark.parametrize("path", [*LABELS, "persons[0].dob", "persons[5]", "Company name", "registration_court"])
def test_fields_and_labels_that_are_read_are_ours(path):
    assert ours(path, "Jane Doe")


@pytest.mark.parametrize(
    "path, value",
    [
        ("nonsense.path", "x"),
        ("persons[0].shoe_size", "43"),
        ("persons[0]", {"name": "Jo", "shoe_size": 43}),
        ("persons[40].name", "Jo"),
        ("incorporation_dat", "2015-03-04"),
        ("foo", {"bar": 1}),
        ("", "x"),
    ],
)
def test_what_nobody_would_read_is_not(path: str, value: Any):
    assert not ours(path, value)
