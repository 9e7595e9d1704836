"""Duplicates and shared accounts (policy 2.1): nothing the policy names is missed, strangers share no keys."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onboarding.application import Address, Application, Bank, Contact, Person
from onboarding.assessment import Prior
from onboarding.matching import compare, match_keys, name_similarity

BAKERY = Application(
    legal_name="Blue Kite Bakery Ltd",
    country="GB",
    registration_number="99000001",
    vat_number="GB999999973",
    address=Address(line1="14 Mill Lane", city="Leeds", postal_code="LS1 4AP", country="GB"),
    contact=Contact(email="ops@bluekite.example.com", phone="+441134960123"),
    website="https://bluekite.example.com",
    bank=Bank(iban="GB33BUKB20201555555555"),
    persons=[Person(name="Jane Averell", dob="1984-06-11", nationality="GB", ownership_pct=100)],
)
STRANGER = Application(
    legal_name="Harbour Cycles Ltd",
    country="GB",
    registration_number="99000002",
    address=Address(postal_code="HU1 1AA"),
    contact=Contact(phone="+441482555012"),
    website="https://harbourcycles.example.org",
    bank=Bank(iban="GB82WEST12345698765432"),
    persons=[Person(name="Tom Breck", dob="1981-01-30", nationality="GB", ownership_pct=100)],
)


def codes(app, prior=BAKERY):
    found = compare(app, [Prior(case_id="case-1", application=prior)])
    if found:
        assert match_keys(app) & match_keys(prior), "what compare reports must be found by the ledger's look-up"
    return sorted(finding.code for finding in found)


def changed(base=STRANGER, **fields):
    return base.model_copy(update=fields)


def test_a_stranger_is_no_duplicate_and_shares_no_key():
    assert codes(STRANGER) == []
    assert not match_keys(STRANGER) & match_keys(BAKERY)


@pytest.mark.parametrize("field", ["registration_number", "vat_number"])
def test_an_equal_number_is_a_duplicate_however_it_is_written(field):
    value = getattr(BAKERY, field)
    assert codes(changed(**{field: f"{value[:3]} {value[3:]}"})) == ["DUPLICATE_MERCHANT_SUSPECTED"]
    assert codes(changed(country="IE", **{field: value})) == []


def test_the_same_person_at_the_same_postcode_is_a_duplicate_but_neither_alone():
    person = [Person(name="AVERELL Jane", dob="1984-06-11")]
    place = Address(line1="elsewhere", postal_code="ls14ap")
    assert codes(changed(persons=person, address=place)) == ["DUPLICATE_MERCHANT_SUSPECTED"]
    assert codes(changed(persons=person)) == []
    assert codes(changed(address=place)) == []
    younger = [Person(name="Jane Averell", dob="1985-06-11")]
    assert codes(changed(persons=younger, address=place)) == []
    year_only = [Person(name="Jane Averell", dob="1984")]
    assert codes(changed(persons=year_only, address=place)) == []


@pytest.mark.parametrize(
    "shared",
    [
        {"address": Address(postal_code="LS1 4AP")},
        {"contact": Contact(phone="+441134960123")},
        {"website": "http://www.bluekite.example.com/"},
    ],
)
def test_nearly_the_same_name_with_one_shared_detail_is_a_duplicate(shared):
    assert codes(changed(legal_name="BLUEKITE BAKERY LIMITED", **shared)) == ["DUPLICATE_MERCHANT_SUSPECTED"]
    assert codes(changed(legal_name="Green Kettle Bakery Ltd", **shared)) == []


def test_the_same_name_alone_is_no_duplicate():
    assert codes(changed(legal_name="Blue Kite Bakery Ltd")) == []


def test_a_shared_account_counts_across_countries_and_without_an_iban():
    assert codes(changed(bank=BAKERY.bank, country="IE")) == ["RELATED_MERCHANT_SHARED_BANK"]
    local = Bank(account_number="0001234", bank_code="1100", branch_code="000")
    one, two = changed(country="JP", bank=local), changed(country="JP", bank=local, registration_number="1")
    assert "RELATED_MERCHANT_SHARED_BANK" in codes(two, one)
    other_branch = changed(BAKERY, country="JP", bank=local.model_copy(update={"branch_code": "001"}))
    assert codes(other_branch, one) == []


def test_the_prior_case_is_named_and_shown():
    [found] = compare(changed(bank=BAKERY.bank), [Prior(case_id="case-7", application=BAKERY)])
    assert "case-7" in found.message
    assert found.evidence[0].source == "case:case-7"
    assert found.evidence[0].quote == "Blue Kite Bakery Ltd"


def test_two_shops_of_one_french_company_are_one_merchant():
    one = changed(country="FR", registration_number="99990000400014")
    two = changed(BAKERY, country="FR", registration_number="99990000400022", bank=Bank())
    assert codes(two, one) == ["DUPLICATE_MERCHANT_SUSPECTED"]


names = st.text(alphabet=string.ascii_lowercase + "  ", min_size=4, max_size=40).filter(lambda t: len(t.split()) > 0)


@given(names, st.lists(st.tuples(st.integers(0, 40), st.sampled_from("axqe ")), max_size=4))
def test_no_misspelling_that_leaves_names_alike_escapes_the_look_up(name, edits):
    other = name
    for at, letter in edits:
        other = other[:at] + letter + other[at + 1 :] if at % 2 else other[:at] + letter + other[at:]
    assume(other.strip() and name_similarity(name, other) >= 90)
    place = Address(postal_code="LS1 4AP")
    one = Application(legal_name=name, country="GB", address=place)
    two = Application(legal_name=other, country="GB", address=place)
    assert match_keys(one) & match_keys(two)
    assert [f.code for f in compare(two, [Prior(case_id="1", application=one)])] == ["DUPLICATE_MERCHANT_SUSPECTED"]


def test_an_application_has_few_keys():
    assert len(match_keys(BAKERY)) <= 16
    assert match_keys(Application()) == frozenset()
