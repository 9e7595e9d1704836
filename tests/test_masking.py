"""Card numbers never get past the door; other numbers are left alone (policy 8.5)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.masking import mask_cards, mask_personal

ACCEPTANCE = [json.loads(line) for line in (Path(__file__).parent / "data/acceptance.jsonl").read_text().splitlines()]

CARDS = [
    "my card 4111 1111 1111 1111 exp 12/29 cvv 123",
    "4111111111111111",
    "amex 3782 822463 10005",
    "4111 1111 1111 1111 12/29 123",
    "４１１１１１１１１１１１１１１１",
    "Karte: 5555-5555-5555-4444",
    "MC5105105105105100",
    "IBAN GB33BUKB20201555555555 4111111111111111",
    "Konto 000123456789, Karte 4111111111111111",
    "6011\u00a00009\u00a09013\u00a09424",
]
OTHERS = [
    "IBAN DE89 3704 0044 0532 0130 00",
    "FR14 2004 1010 0505 0001 3M02 607",
    "SIRET du siège 356 000 000 00048",
    "Account number ........ 4111111111111111",
    "<siret>35600000000048</siret>",
    "IMEI 490154203237518",
    "order no 4111111111111111",
    "call 0113 496 0123, 0113 496 0124",
    "4111111111111112",
    "0000000000000000",
    "£12,000,000 a year, 450.00 average",
]


@pytest.mark.parametrize("text", CARDS)
def test_a_card_number_is_masked_but_for_its_last_four_digits(text):
    masked, places = mask_cards(text)
    assert places == ["line 1"]
    digits = sum(char.isdigit() for char in text)
    assert sum(char.isdigit() for char in masked) <= digits - 11
    assert mask_cards(masked) == (masked, [])


@pytest.mark.parametrize("text", OTHERS)
def test_a_number_that_is_labelled_or_shaped_as_something_else_is_left_alone(text):
    assert mask_cards(text) == (text, [])


LABELS = [
    "SIRET",
    "Kontonummer",
    "CLABE interbancaria",
    "numer konta",
    "A/C",
    "口座番号",
    "계좌번호",
    "trade licence",
    "VATNumber",
]


@pytest.mark.parametrize("label", [*LABELS, "Emirates ID", "IMEI", "tracking number", "WhatsApp", "utbetalningskonto"])
def test_a_labelled_identifier_is_no_card_in_any_form(label):
    number = "35600000000048" if label == "SIRET" else "4111111111111111"
    for document in (f"{label}: {number}", {label: number}, [[label, number]], f"{label},b\n{number},1\n"):
        assert mask_cards(document) == (document, [])


@pytest.mark.parametrize(
    "label", ["card", "Kreditkarte", "numéro de carte", "notes", "cc", "karta", "contact", "ideas"]
)
def test_a_label_that_names_no_other_number_protects_none(label):
    for document in (f"{label}: 4111111111111111", {label: "4111111111111111"}, f"{label},b\n4111111111111111,1\n"):
        assert mask_cards(document)[1]


def test_the_security_code_beside_a_card_goes_too():
    assert "123" not in str(mask_cards("4111 1111 1111 1111 cvv: 123")[0])


def test_json_is_masked_by_what_its_labels_say_and_the_places_are_paths():
    document = {
        "bank": {"account_number": "4111111111111111"},
        "cardNumber": 4111111111111111,
        "questions": [
            {"question": "Bank account", "answer": "4111111111111111"},
            {"question": "Card", "answer": "4111111111111111"},
        ],
        "rows": [["Account no", "4111111111111111"], ["notes", "pay 4111111111111111"]],
        "4111111111111111": 1,
    }
    masked, places = mask_cards(document)
    assert places == ["cardNumber", "questions[1].answer", "rows[1][1]", "************1111 (key)"]
    assert masked["bank"]["account_number"] == "4111111111111111"
    assert masked["cardNumber"] == "************1111"


def test_a_csv_cell_stands_under_its_header():
    text = 'notes;konto\n"pay 5555555555554444";4111111111111111\n'
    masked, places = mask_cards(text)
    assert places == ["row 1, column notes"]
    assert masked == 'notes;konto\n"pay ************4444";4111111111111111\n'


def test_a_card_hidden_in_a_mail_s_encoding_is_found():
    mail = (
        "From: a@b.example.com\nSubject: hi\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: base64\n\nbXkgY2FyZCA0MTExIDExMTEgMTExMSAxMTEx\n"
    )
    masked, places = mask_cards(mail)
    assert places
    assert "**** **** **** 1111" in masked
    assert "bXkgY2FyZCA0" not in masked


def test_of_the_acceptance_set_only_the_real_card_is_masked():
    assert {row["id"]: mask_cards(row["payload"])[1] for row in ACCEPTANCE if mask_cards(row["payload"])[1]} == {
        "app-20": ["row 1, column notes"]
    }


def test_what_goes_into_logs_and_prompts_carries_no_personal_detail():
    text = (
        "Jane, jane@shop.example.com, born 1984-06-11, IBAN GB33 BUKB 2020 1555 5555 55, tel +44 113 496 0123, "
        "CPF 999.000.111-12, sells 1200 breads"
    )
    masked = mask_personal(text)
    assert masked == (
        "Jane, [email], born [date], IBAN [account …55], tel [number …23], CPF [number …12], sells 1200 breads"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_masking_never_raises_and_masking_twice_changes_nothing(document):
    masked, places = mask_cards(document)
    again, more = mask_cards(masked)
    assert again == masked
    assert more == []
    assert (masked == document) or places


@given(st.text(alphabet="0123456789 -,.abIBAN:\n", max_size=80))
def test_masking_text_is_stable_and_keeps_its_length(text):
    masked, _ = mask_cards(text)
    assert len(masked) == len(text)
    assert mask_cards(masked)[0] == masked
