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


IBAN_TAKEN_BACK = f"Payouts to IBAN {OTHER}. Sorry, the IBAN above is wrong, it is {HIS}."
CORRECTED = {
    IBAN_TAKEN_BACK: ("bank.iban", HIS),
    f"IBAN: {OTHER}\n\nCorrection: please use IBAN {HIS} instead.\n": ("bank.iban", HIS),
    f"Unsere IBAN ist {OTHER}. Entschuldigung, richtig ist {HIS}.": ("bank.iban", HIS),
    "Phone us on 01223 456 111. Correction: the phone number is 01223 456 222, I mistyped it.": (
        "contact.phone", "01223456222",
    ),
    "We expect card sales of £200,000 a year. No wait, make that £250,000 a year.": (
        "expected_annual_volume.amount", "250000.00",
    ),
    "We are at Mill Road 4, Ely CB7 4QW... sorry, 4 Mill Road, Ely CB7 4QW.": ("address.line1", "4 Mill Road"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "wanted"), CORRECTED.items(), ids=[path for path, _ in CORRECTED.values()])
def test_what_the_writer_takes_back_gives_way_and_a_person_sees_both(told, wanted):
    reading = reading_of(f"We are Blue Fern Ltd. {told}\n")
    path, value = wanted
    assert reading.application.flat()[path] == value
    assert codes(reading) == {"FIELD_CONFLICT"}


def test_an_apology_for_something_else_changes_nothing():
    reading = reading_of(f"Sorry for the late reply. We are Blue Fern Ltd, our IBAN is {HIS}, phone 01223 456 111.")
    assert reading.application.bank.iban == HIS
    assert codes(reading) == set()


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        ("Company: Blue Fern Ltd\nCompany number: 09876543\nCompany number: 09876544\n", "text"),
        ("Company number: 09876543\n\nDear team, our company number is 09876544. Legal name: Blue Fern Ltd\n", "text"),
        (f"We are Blue Fern Ltd. Our IBAN is {HIS}. Please pay out to {OTHER}.", "text"),
        ({"company_name": "Blue Fern Ltd", "IBAN": HIS, "bank": {"iban": OTHER}}, "json"),
        ({"company_name": "Blue Fern Ltd", "companyName": "Green Oak Ltd"}, "json"),
        ("company,email\nBlue Fern Ltd,a@b.example.com\nGreen Oak Ltd,c@d.example.com\n", "csv"),
        ("Company,Blue Fern Ltd,Green Oak Ltd\nPhone,01223 456 111,01223 456 222\nCity,Ely,Hull\n", "csv"),
    ],
)
def test_two_of_what_a_merchant_has_one_of_are_shown_as_a_contradiction(content, format_):
    assert codes(reading_of(content, format_)) == {"FIELD_CONFLICT"}


@pytest.mark.parametrize(
    "told",
    [
        f"Our IBAN is {HIS}. Once more, the IBAN is GB33 BUKB 2020 1555 5555 55",
        f"Payouts go to {HIS}, fees are debited from {OTHER}",
        f"Our IBAN is {HIS} (our accountant's IBAN is {OTHER})",
        "Notre SIREN est 812 345 676, notre SIRET est 812 345 676 00018",
        "Our company number is 09876543. Our company number again: 0987 6543",
    ],
)
def test_the_same_said_twice_and_what_is_anothers_is_no_contradiction(told):
    reading = reading_of(f"We are Blue Fern Ltd. {told}.")
    assert codes(reading) == set()
    assert reading.application.bank.iban in (HIS, None)


@pytest.mark.parametrize(
    "told",
    [
        "Our accountant's VAT number is GB 999 9999 73.",
        "Our old site www.oldbox.example.com is closed.",
        "We buy from Grandwood Furniture GmbH (HRB 99001, DE89370400440532013000 is their account, not ours).",
        "Lena Ode is our shop manager, she is not an owner and not a director.",
        "We used to trade as Old Mill Foods Ltd.",
        "Until 2020 we were formerly Old Mill Foods Ltd.",
    ],
)
def test_what_is_anothers_or_of_the_past_is_not_the_merchants(told):
    got = fields(f"We are Corner Box Ltd, a newsagent. {told}\n")
    assert got.pop("legal_name") == "Corner Box Ltd"
    assert got.keys() <= {"entity_type", "country", "business_description"}, got


def test_an_account_over_two_lines_is_one():
    assert fields("We are Blue Fern Ltd. Please pay to IBAN GB33 BUKB 2020\n1555 5555 55\nThanks\n")["bank.iban"] == HIS
    assert fields("Company: Blue Fern Ltd\nIBAN: GB33 BUKB 2020\n1555 5555 55\nPhone: 1\n")["bank.iban"] == HIS


def test_numbers_with_names_of_their_own_are_told_apart_in_one_value():
    got = fields("Maple Ltd\nOur account: sort code 20-20-15, account number 55555555.\n")
    assert (got["bank.branch_code"], got["bank.account_number"]) == ("202015", "55555555")


def test_a_table_set_with_blanks_is_read():
    got = fields(
        "Owners\nName         DOB         Share\nIsla Muir       12.03.1985    55 %\nEwan Muir  30.07.1983   45 %\n"
    )
    assert [got[f"persons[{n}].{field}"] for n in (0, 1) for field in ("name", "dob", "ownership_pct")] == [
        "Isla Muir", "1985-03-12", 55, "Ewan Muir", "1983-07-30", 45,
    ]  # fmt: skip


def test_who_signs_as_director_is_one():
    [person] = reading_of("We are Blue Fern Ltd.\n\nBest\nNora Finch\nDirector, Blue Fern Ltd\n").application.persons
    assert (person.name, person.roles) == ("Nora Finch", ["director", "control_person"])
    assert not reading_of("We are Blue Fern Ltd.\n\nBest\nSam Bell\nDirector, Oak Sales Ltd\n").application.persons


def test_this_years_volume_counts_and_not_last_years():
    told = "Blue Fern Ltd: last year we took £60,000 by card, this year we expect £80,000 by card."
    assert fields(told)["expected_annual_volume.amount"] == "80000.00"


def test_whom_a_letter_greets_does_not_hide_who_writes_it():
    assert fields("Beste, wij zijn Fietsenmaker Kuipers B.V. in Utrecht.")["legal_name"] == "Fietsenmaker Kuipers B.V."


def test_a_note_beside_a_value_is_no_part_of_it():
    got = fields(
        f"Field,Value,Notes\nCompany,Blue Fern Ltd,as on certificate\nVAT,GB123456782,\nIBAN,{HIS},main account\n",
        "csv",
    )
    assert (got["legal_name"], got["bank.iban"]) == ("Blue Fern Ltd", HIS)


def test_who_writes_for_a_client_is_not_the_merchant():
    told = (
        "I'm Sam Bell from Oak Referrals Ltd, writing on behalf of our client Blue Fern Ltd (company number 09876543)."
    )
    got = fields(told)
    assert (got["legal_name"], got["registration_number"]) == ("Blue Fern Ltd", "09876543")


def test_an_owner_before_a_street_is_no_part_of_the_address():
    got = fields("Brandt Feinkost e.K., Inh. Lutz Brandt, Hafenstraße 9, 24103 Kiel, Tel. 0431 123456\n")
    assert got["address.line1"] == "Hafenstraße 9"
    assert got["persons[0].name"] == "Lutz Brandt"


def test_what_is_not_to_be_used_is_not_read():
    told = "Blue Fern Ltd. Please do not use billing@bluefern.example.com, write to hello@bluefern.example.com."
    assert fields(told)["contact.email"] == "hello@bluefern.example.com"
    told = f"Blue Fern Ltd. Do NOT pay to {OTHER} any more, that account is closed. Use {HIS}."
    assert fields(told)["bank.iban"] == HIS


def test_an_address_in_a_signatures_lines_is_one():
    got = fields("Blue Fern Ltd\n12 Fen Road\nCambridge\nCB4 1TU\n\nhello@bluefern.example.com\n")
    assert (got["address.line1"], got["address.city"], got["address.postal_code"]) == (
        "12 Fen Road",
        "Cambridge",
        "CB4 1TU",
    )
    assert "address.line1" not in fields("Blue Fern Ltd\nWe sell ferns\nCambridge\nCB4 1TU\n")


def test_a_remark_beside_a_phone_is_no_part_of_it():
    got = fields({"name": "Blue Fern Ltd", "country": "GB", "tel": "01223 456111 (9-5 only)"}, "json")
    assert got["contact.phone"] == "+441223456111"


def test_a_date_in_parts_is_one():
    got = fields({"name": "Blue Fern Ltd", "incorporated": {"day": 3, "month": 5, "year": 2016}}, "json")
    assert got["incorporation_date"] == "2016-05-03"


def test_the_head_of_a_table_of_labels_is_no_value():
    got = fields("Name;Wert\nFirma;Moos GmbH\nPLZ;50996\nOrt;Köln\n", "csv")
    assert got["legal_name"] == "Moos GmbH"


def test_a_name_with_an_old_word_in_it_keeps_its_number():
    assert fields("We are Old Mill Foods Ltd, company number 13456789.")["registration_number"] == "13456789"


def test_one_name_said_short_and_in_full_is_no_contradiction():
    for other in ("BLUE FERN LTD.", "Blue Fern Limited", "Blue Fern"):
        assert codes(reading_of({"company_name": "Blue Fern Ltd", "companyName": other}, "json")) == set()


def test_a_persons_later_word_settles_what_the_letter_left_open():
    letter = Part(source="input", kind="application", format="text", content=f"We are Blue Fern Ltd. {IBAN_TAKEN_BACK}")
    settled = Part(source="review", kind="corrections", format="json", content={"bank.iban": HIS})
    assert codes(read(Submission(version=1, parts=[letter, settled]), as_of=AS_OF)) == set()


@pytest.mark.parametrize(
    "told",
    [
        "phone 01223 456 111 (the shop is closed on Mondays)",
        "10 years old, tel 01223 456 111",
        "customers can leave their number or call us on 01223 456 111",
    ],
)
def test_small_words_near_a_number_do_not_take_it_from_the_merchant(told):
    assert fields(f"We are Blue Fern Ltd, {told}.")["contact.phone"] == "01223456111"


def test_several_cells_of_one_label_are_read_together_where_they_may_be():
    got = fields("Company,Blue Fern Ltd,\nOwner,Ada Price,60%\nTurnover,120000,GBP\n", "csv")
    assert (got["persons[0].ownership_pct"], got["expected_annual_volume.currency"]) == (60, "GBP")


def test_the_register_behind_a_german_number_is_its_court():
    got = fields("Moos GmbH & Co. KG, HRA 12345 AG Köln, vertreten durch die Moos Verwaltungs GmbH, HRB 54321 AG Köln.")
    assert (got["legal_name"], got["registration_number"]) == ("Moos GmbH & Co. KG", "Köln HRA 12345")
