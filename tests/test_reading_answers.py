"""Later answers and corrections override; two sources of the same standing that disagree are a conflict."""

import datetime
from typing import Any

import pytest

from onboarding.reading.assemble import assemble
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Standing
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.submission import Part, Submission

AS_OF = datetime.date(2026, 11, 23)
BASE = {
    "legal_name": "Moss & Fern Ltd",
    "country": "GB",
    "company_number": "99000001",
    "email": "old@moss.example.com",
    "expected_annual_volume": {"amount": "1000", "currency": "GBP"},
    "persons": [
        {"name": "Isla Reid", "ownership_pct": 60, "roles": ["director"]},
        {"name": "Callum Reid", "dob": "1985-05-08", "ownership_pct": 40},
    ],
}


def answered(*parts: tuple[str, dict[str, Any]], base: Any = BASE) -> Reading:
    first = Part(source="input", kind="application", format="json", content=base)
    later = [
        Part(source=f"{kind}-{number}", kind=kind, format="json", content=content)  # type: ignore[arg-type]
        for number, (kind, content) in enumerate(parts, start=2)
    ]
    return read(Submission(version=len(parts) + 1, parts=[first, *later]), as_of=AS_OF)


def test_an_answer_fills_what_was_missing_and_names_its_source() -> None:
    reading = answered(
        ("answers", {"persons[0].dob": "12 April 1987", "persons[0].nationality": "British", "address.city": "LEEDS"})
    )
    flat = reading.application.flat()
    assert (flat["persons[0].dob"], flat["persons[0].nationality"], flat["address.city"]) == (
        "1987-04-12",
        "GB",
        "Leeds",
    )
    assert reading.provenance["persons[0].dob"].source == "answers-2"
    assert reading.provenance["address.city"].source == "answers-2"
    assert reading.findings == []


def test_a_correction_overrides_an_answer_and_the_application() -> None:
    reading = answered(
        ("answers", {"contact.email": "a@moss.example.com"}), ("corrections", {"contact.email": "b@moss.example.com"})
    )
    assert reading.application.contact.email == "b@moss.example.com"
    assert reading.provenance["contact.email"].source == "corrections-3"
    assert reading.findings == []


def test_a_corrected_share_changes_the_roles() -> None:
    reading = answered(("corrections", {"persons[1].ownership_pct": 0, "persons[0].ownership_pct": "100 %"}))
    assert [p.roles for p in reading.application.persons] == [["owner", "director", "control_person"], []]


def test_a_correction_to_nothing_clears_the_field() -> None:
    assert answered(("corrections", {"contact.email": None})).application.contact.email is None


@pytest.mark.parametrize("path", ["incorporation_date", "persons[1].dob", "persons[0].ownership_pct", "contact.email"])
def test_an_answer_of_which_nothing_can_be_made_is_kept_for_a_person_to_read(path: str) -> None:
    base = BASE | {"incorporation_date": "2015-03-04"}
    reading = answered(("answers", {path: "none that I know"}), base=base)
    assert reading.application.extra.get(path, reading.application.flat().get(path)) == "none that I know"
    later = answered(("answers", {path: "none that I know"}), ("answers", {"website": "moss.example.com"}), base=base)
    assert later.application.extra == reading.application.extra


def test_an_answer_that_a_later_one_replaced_is_not_kept_aside() -> None:
    reading = answered(
        ("answers", {"contact.email": "a@moss.example.com"}), ("answers", {"contact.email": "b@m.example"})
    )
    assert "a@moss.example.com" not in str(reading.application.extra)


def test_an_address_in_an_answer_may_come_in_parts() -> None:
    reading = answered(("answers", {"address": {"line1": "3 Dock Lane", "city": "Hull", "postal_code": "HU1 1AA"}}))
    assert (reading.application.address.line1, reading.application.address.city) == ("3 Dock Lane", "Hull")


def test_an_answer_about_the_account_is_an_iban_or_an_account_number() -> None:
    assert (
        answered(("answers", {"bank.account": "GB33 BUKB 2020 1555 5555 55"})).application.bank.iban
        == "GB33BUKB20201555555555"
    )
    assert answered(("answers", {"bank.account": "000 123456"})).application.bank.account_number == "000123456"


def test_an_answer_about_owners_adds_people() -> None:
    reading = answered(("answers", {"persons.owners": "Jane Doe 60%, John Roe 40%"}), base={"legal_name": "A Ltd"})
    assert [(p.name, p.ownership_pct, p.roles) for p in reading.application.persons] == [
        ("Jane Doe", 60, ["owner"]),
        ("John Roe", 40, ["owner"]),
    ]


def test_an_answer_about_the_control_person_meets_the_person_already_named() -> None:
    reading = answered(("answers", {"persons.control_person": "Callum Reid"}))
    assert [p.name for p in reading.application.persons] == ["Isla Reid", "Callum Reid"]
    assert reading.application.persons[1].roles == ["owner", "control_person"]


@pytest.mark.parametrize("said", ["me, Callum Reid", "Me - Callum Reid", "Callum Reid, me", "Callum Reid (me)"])
def test_who_answers_for_themselves_is_neither_another_person_nor_from_montenegro(said: str) -> None:
    people = answered(("answers", {"persons.control_person": said})).application.persons
    assert [p.name for p in people] == ["Isla Reid", "Callum Reid"]
    assert people[1].roles == ["owner", "control_person"]
    assert people[1].nationality is None


def test_a_code_of_two_letters_is_a_nationality_in_capitals_only() -> None:
    people = answered(("answers", {"persons.control_person": "Jane Doe, ME"})).application.persons
    assert (people[2].name, people[2].nationality) == ("Jane Doe", "ME")


def test_a_corrected_amount_keeps_the_stated_currency() -> None:
    reading = answered(("corrections", {"expected_annual_volume.amount": "2,500.50"}))
    assert (reading.application.expected_annual_volume.amount, reading.application.expected_annual_volume.currency) == (
        "2500.50",
        "GBP",
    )


def test_an_answer_in_words_of_the_merchant_is_read_by_its_label() -> None:
    assert answered(("answers", {"Telefon": "+44 113 496 0123"})).application.contact.phone == "+441134960123"


def test_two_sources_of_the_same_standing_that_disagree_are_a_conflict_naming_both() -> None:
    document = Part(
        source="document:form.csv",
        kind="document",
        format="csv",
        content="legal_name,company_number\nMoss Ltd,99000002\n",
    )
    first = Part(source="input", kind="application", format="json", content=BASE)
    reading = read(Submission(version=1, parts=[first, document]), as_of=AS_OF)
    conflicts = {f.path: [e.source for e in f.evidence] for f in reading.findings if f.code == "FIELD_CONFLICT"}
    assert conflicts == {
        "legal_name": ["input", "document:form.csv"],
        "registration_number": ["input", "document:form.csv"],
    }
    assert reading.application.legal_name == "Moss & Fern Ltd"


def test_two_sources_that_agree_after_normalising_are_no_conflict() -> None:
    document = Part(
        source="document:form.csv",
        kind="document",
        format="csv",
        content="company_number;country\n99 000 001;United Kingdom\n",
    )
    first = Part(source="input", kind="application", format="json", content=BASE)
    assert read(Submission(version=1, parts=[first, document]), as_of=AS_OF).findings == []


def test_a_name_completed_from_a_relative_is_an_inference() -> None:
    found = [
        Standing(
            Candidate(
                path="persons[0].name", raw="Dana Castellow", source="input", label="relative of Randy Castellow"
            ),
            0,
        ),
        Standing(Candidate(path="persons[0].ownership_pct", raw="half", source="input"), 0),
    ]
    reading = assemble(found, as_of=AS_OF)
    assert [f.code for f in reading.findings] == ["VALUE_INFERRED"]
    assert reading.application.persons[0].ownership_pct == 50


def test_proof_of_day_first_in_one_value_settles_every_date_of_the_payload() -> None:
    us = {"legal_name": "A LLC", "country": "US", "formed": "03/04/2019"}
    assert [f.code for f in answered(base=us).findings] == ["DATE_AMBIGUOUS"]
    proven = answered(base={**us, "notes": "signed 25/12/2020"})
    assert (proven.findings, proven.application.incorporation_date) == ([], "2019-04-03")


def test_a_start_without_a_day_is_kept_aside_and_not_filled_in() -> None:
    reading = answered(base={"legal_name": "A Ltd", "established": "March 2019"})
    assert reading.application.incorporation_date is None
    assert list(reading.application.extra.values()) == ["March 2019"]


def test_a_second_value_of_a_field_that_takes_one_is_kept_aside() -> None:
    application = answered(
        base={"legal_name": "A Ltd", "contact": {"email": "a@x.example.com"}, "billing_email": "b@x.example.com"}
    ).application
    assert application.contact.email == "a@x.example.com"
    assert application.extra == {"$.billing_email": "b@x.example.com"}


def test_advisers_and_mere_contacts_are_no_officers() -> None:
    people = [{"name": "Jane Doe", "role": "director"}, {"name": "Tom Tax", "role": "accountant"}]
    application = answered(base={"legal_name": "A Ltd", "persons": people}).application
    assert [p.name for p in application.persons] == ["Jane Doe"]
    assert "Tom Tax" in application.extra.values()
