"""What real merchants send: promises instead of values, units in labels, limits, corrections, others' numbers.

An honest "missing" is better than a wrong value, and what contradicts itself is shown and never settled in silence.
"""

import datetime

import pytest

from onboarding.reading.read import read
from onboarding.submission import Part, Submission

AS_OF = datetime.date(2026, 11, 23)
HIS = "GB33BUKB20201555555555"
OTHER = "GB82WEST12345698765432"


def reading_of(content, format_="text"):
    part = Part(source="input", kind="application", format=format_, content=content)
    return read(Submission(version=1, parts=[part]), as_of=AS_OF)


def fields(content, format_="text"):
    return reading_of(content, format_).application.flat()


def codes(reading):
    return {finding.code for finding in reading.findings}


@pytest.mark.parametrize(
    ("label", "promise"),
    [
        ("IBAN", "will send later"), ("IBAN", "wird nachgereicht"), ("VAT number", "to follow"),
        ("Website", "under construction"), ("Website", "no"), ("Phone", "see signature"), ("Phone", "0"),
        ("Company number", "applied for"), ("Téléphone", "voir ci-dessous"), ("IBAN", "GB33 BUKB **** **** 5555 55"),
        ("IBAN", "my wife has it"),
    ],
)  # fmt: skip
def test_a_promise_is_no_value(label, promise):
    for content, format_ in ((f"Company: Blue Fern Ltd\n{label}: {promise}\n", "text"), ({label: promise}, "json")):
        got = fields(content, format_)
        assert got.keys() <= {"legal_name", "entity_type", "country"}, got


@pytest.mark.parametrize(
    ("label", "value", "amount"),
    [
        ("Annual turnover (£k)", "120", "120000.00"), ("annualVolumeInThousandsGBP", 120, "120000.00"),
        ("Turnover £000s", "120", "120000.00"), ("Jahresumsatz in TEUR", "1.250,5", "1250500.00"),
        ("annual volume (EUR m)", "1.5 mio", "1500000.00"), ("annualVolumePence", 12000000, "120000.00"),
        ("Annual turnover (£k)", "£120,000", "120000.00"), ("Annual turnover (£k)", "120k", "120000.00"),
    ],
)  # fmt: skip
def test_an_amount_is_counted_in_the_unit_of_its_label(label, value, amount):
    assert fields({"name": "Blue Fern Ltd", label: value}, "json")["expected_annual_volume.amount"] == amount


@pytest.mark.parametrize("limit", ["more than 25% but not more than 50%", "75% or more", "25-50%", ">25%", "über 50 %"])
def test_a_limit_of_a_share_is_kept_beside_the_owner_and_is_no_share(limit):
    application = reading_of({"owners": [{"name": "Piet Vos", "ownership": limit}]}, "json").application
    assert [(person.name, person.ownership_pct) for person in application.persons] == [("Piet Vos", None)]
    assert limit in application.extra.values()


def test_an_example_in_a_label_is_no_value():
    got = fields("Company name (e.g. Acme Ltd): Blue Fern Ltd\nPhone (e.g. 020 7946 0000): 01223 456 111\n")
    assert got["legal_name"] == "Blue Fern Ltd"
    assert got["contact.phone"] == "01223456111"


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("Co. Reg. No", "registration_number"),
        ("Incorp. No.", "registration_number"),
        ("T/O", "expected_annual_volume.amount"),
    ],
)
def test_short_headers_are_known(header, path):
    assert path in fields(f"Company,{header}\nBlue Fern Ltd,09876543\n", "csv")
