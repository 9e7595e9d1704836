"""Prompt injection, prohibited business, delivery and MCC: disguises are seen, honest look-alikes are left alone."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.application import Application
from onboarding.checks.delivery import delay_days
from onboarding.checks.injection import steering
from onboarding.checks.mcc import contradicts, is_listed
from onboarding.checks.prohibited import categories, prohibited_in
from onboarding.checks.run import check
from onboarding.policy import Policy
from onboarding.reading.result import FieldSource, Reading
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

TEXTS = json.loads((Path(__file__).parent / "data/texts.json").read_text("utf-8"))
PROHIBITED = [(entry["category"], entry["text"]) for entry in TEXTS["prohibited"]]


@pytest.mark.parametrize("text", TEXTS["injections"])
def test_a_text_that_steers_the_reviewing_machine_is_seen(text):
    assert steering(text)


@pytest.mark.parametrize("text", TEXTS["no_injections"] + TEXTS["honest"])
def test_ordinary_business_text_is_no_injection(text):
    assert steering(text) is None


@pytest.mark.parametrize("text", TEXTS["injections"][:24:4])
def test_an_injection_is_seen_wherever_it_hides(text):
    padded = f"We sell bread and cakes.\n\n{'Fresh every day. ' * 40}\n<!-- {text} -->\n{'Open daily. ' * 40}"
    assert steering(padded)
    assert steering(text.upper())


@pytest.mark.parametrize("category, text", PROHIBITED)
def test_a_prohibited_business_is_recognised_in_its_disguise(category, text):
    found = prohibited_in(text)
    assert found is not None
    assert found.category.name == category


@pytest.mark.parametrize("text", TEXTS["honest"])
def test_an_honest_business_is_not_mistaken_for_a_prohibited_one(text):
    assert prohibited_in(text) is None


@pytest.mark.parametrize("letter", TEXTS["letters"])
def test_ordinary_letters_forms_and_disclaimers_raise_nothing(letter):
    assert steering(letter) is None
    assert prohibited_in(letter) is None
    assert delay_days(letter) is None


def test_every_category_says_what_it_is():
    assert {category.name for category in categories()} == {category for category, _ in PROHIBITED}
    assert all(category.what for category in categories())


def judged(description, mcc=None, *, part="json", content=None):
    app = Application(business_description=description, mcc=mcc)
    submission = Submission(
        version=1,
        parts=[Part(source="input", kind="application", format=part, content=content or {"what": description})],
    )
    found = check(
        Reading(application=app),
        submission,
        priors=[],
        watchlist=Watchlist.empty(),
        policy=Policy.default(),
        as_of=date(2026, 11, 23),
    ).findings
    return {item.code: item for item in found}


CASINO = "Members buy credits, spin the reels and cash out their winnings."


def test_a_disguised_business_under_a_harmless_code_is_also_a_mismatch():
    found = judged(CASINO, "5815")
    assert {"PROHIBITED_BUSINESS", "MCC_DESCRIPTION_MISMATCH"} <= set(found)
    assert "reels" in found["PROHIBITED_BUSINESS"].evidence[0].quote
    assert "MCC_DESCRIPTION_MISMATCH" not in judged(CASINO, "7995")
    assert "MCC_DESCRIPTION_MISMATCH" not in judged(CASINO)
    assert "MCC_DESCRIPTION_MISMATCH" not in judged(CASINO, "0000")


def test_a_prohibited_code_is_enough():
    assert set(judged("Bread and cakes.", "7995")) == {"PROHIBITED_BUSINESS"}


def test_what_a_letter_says_beside_the_description_counts():
    letter = (
        "Dear team, we are Blue Ltd and sell cakes.\n\nOur members also buy tokens, spin reels and cash out winnings."
    )
    assert "PROHIBITED_BUSINESS" in judged("Sells cakes", part="text", content=letter)


def test_what_the_reader_cut_from_a_description_is_still_judged():
    raw = f"Bread and cakes. {'Fresh every day. ' * 30}{CASINO}"
    source = FieldSource(raw=raw, source="input", where="what")
    reading = Reading(
        application=Application(business_description="Bread and cakes."), provenance={"business_description": source}
    )
    part = Part(source="input", kind="application", format="json", content={"what": raw})
    found = check(
        reading,
        Submission(version=1, parts=[part]),
        priors=[],
        watchlist=Watchlist.empty(),
        policy=Policy.default(),
        as_of=date(2026, 11, 23),
    ).findings
    assert "PROHIBITED_BUSINESS" in {item.code for item in found}


DELAYS = [
    ("Phones and tablets, pre-orders 90 days ahead", 90),
    ("Custom sofas, full payment with the order, delivered in 10-12 weeks.", 84),
    ("Möbel nach Maß, Anzahlung bei Bestellung, Lieferzeit 3 Monate", 90),
    ("Meubles sur mesure, acompte à la commande, livraison sous 8 semaines", 56),
    ("Muebles a medida; pago por adelantado, entrega en 45 días", 45),
    ("予約販売、3か月後に発送", 90),
    ("선결제 후 60일 이내 배송", 60),
    ("Biżuteria na zamówienie, przedpłata, wysyłka po 6 tygodniach", 42),
    ("Möbler på beställning, betalas i förskott, leverans 10 veckor", 70),
    ("Kitchens to measure; a deposit is taken on order and delivery is two months later", 60),
    ("Web shop, paid in advance, delivery within 5 days, 24 months warranty", 5),
    ("Sofas, delivered in 10 weeks, payment on delivery", None),
    ("Shop for shoes. 60 days return policy, pay in advance", None),
    ("Sofas, delivered in 10 weeks", None),
    ("Coffee subscription for 12 months, paid in advance", None),
    ("Bread and cakes.", None),
]


@pytest.mark.parametrize("text, days", DELAYS + [(entry["text"], entry["days"]) for entry in TEXTS["delays"]])
def test_the_delay_between_paying_and_receiving(text, days):
    assert delay_days(text) == days
    assert ("DELIVERY_DELAY_RISK" in judged(text)) == (days is not None and days > 30)


CONTRADICTIONS = [
    ("5462", "Car repairs, tyres and motorcycles serviced in our garage.", "vehicles"),
    ("7538", "Bakery with bread, cakes and coffee.", "bakery_and_food"),
    ("8021", "Fahrräder und Bikes: Verkauf und Reparatur.", "bicycles"),
]
AGREEMENTS = [
    ("5462", "Neighbourhood bakery selling bread, cakes and coffee."),
    ("5999", "Car repairs, tyres and motorcycles."),
    ("5942", "Café with books, coffee and cakes."),
    ("5815", "Computer games and software."),
    ("5941", "Bikes and bicycles, surf boards."),
    ("7221", "Fotografia ślubna i portretowa."),
    ("5411", "Flowers"),
    ("7996", "Amusement park with restaurants: pizza, coffee"),
    ("7392", "Consultants for restaurants, bakery and coffee chains"),
    ("7311", "Advertising agency for car dealers, cars and tyres brands"),
    ("5719", "Pans, knives for bread and cakes, coffee pots"),
    ("5813", "Bar with concerts, bowling"),
    ("7011", "Hotel with restaurant and wine bar, bread baked daily, pizza"),
    ("7372", "Software for restaurants and hotels"),
    ("5712", "Restaurant furniture: tables for cafes and restaurants"),
]


@pytest.mark.parametrize("mcc, text, group", CONTRADICTIONS)
def test_a_flat_contradiction_between_code_and_description_is_seen(mcc, text, group):
    assert contradicts(mcc, text) == group
    assert set(judged(text, mcc)) == {"MCC_DESCRIPTION_MISMATCH"}


@pytest.mark.parametrize("mcc, text", AGREEMENTS)
def test_in_doubt_the_code_agrees_with_the_description(mcc, text):
    assert is_listed(mcc)
    assert contradicts(mcc, text) is None


@given(st.text(max_size=400))
def test_any_text_can_be_judged(text):
    steering(text)
    prohibited_in(text)
    delay_days(text)
    contradicts("5462", text)
