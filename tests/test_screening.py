"""Screening (policy 6): near names are found, explained and cleared only by the rules."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.errors import BadInput
from onboarding.policy import Policy
from onboarding.screening import Subject, Watchlist

EXAMPLES = Path(__file__).parents[1] / "examples/watchlist.jsonl"
BANDS = Policy.default().screening
LIST = Watchlist.load(EXAMPLES)


def verdicts(name, dob=None, country=None, ids=(), kind="person", watchlist=LIST):
    subject = Subject(path="p", name=name, kind=kind, birth_date=dob, country=country, identifiers=list(ids))
    return [(hit.entry_id, hit.verdict) for hit in watchlist.screen(subject, BANDS)]


POSSIBLE = [
    ("Arkadiy S. Voronzhew", "1961", "RU", "wl-001"),
    ("Воронжев Аркадий", None, None, "wl-001"),
    ("VORONJEV Arkadij Semjonovič", None, "RU", "wl-001"),
    ("Hasan al Qadiri Rahbary", None, None, "wl-004"),
    ("Hassan Rahbari", None, "AE", "wl-004"),
    ("Hassan Alqaderi Rahbari", None, None, "wl-004"),
    ("Hassan al-Qaderi Rahbari", "1970-02-15", "IR", "wl-004"),
    ("Lindiwe Mokoena", None, None, "wl-006"),
]


@pytest.mark.parametrize("name, dob, country, entry", POSSIBLE)
def test_a_near_name_that_nothing_rules_out_is_possible(name, dob, country, entry):
    assert verdicts(name, dob, country) == [(entry, "possible")]


def test_an_equal_birth_date_or_passport_makes_it_strong():
    assert verdicts("Rahbari Hassan al Qaderi", "1970-02-14") == [("wl-004", "strong")]
    assert verdicts("Hassan al Qaderi Rahbari", None, None, ["test 990004"]) == [("wl-004", "strong")]


def test_another_birth_year_clears_but_another_nationality_alone_does_not():
    assert verdicts("Arkady Voronzhev", "1994-08-12", "GB") == [("wl-001", "discounted")]
    assert verdicts("Arkady Voronzhev", "1994", "RU") == [("wl-001", "discounted")]
    assert verdicts("Arkady Voronzhev", None, "GB") == [("wl-001", "possible")]


def test_an_equal_passport_under_another_name_is_looked_at():
    assert verdicts("Totally Other", None, None, ["TEST990004"]) == [("wl-004", "possible")]


STRANGERS = [
    "Arkady Petrov",
    "Maria Teresa Lopez",
    "Hassan Ahmad Rahbari-Moghaddam Jafari",
    "Jane Averell",
    "Hassan",
    "",
    "A. B.",
    "李小龙",
]


@pytest.mark.parametrize("name", STRANGERS)
def test_a_shared_first_name_is_no_hit(name):
    assert verdicts(name) == []


@pytest.mark.parametrize(
    "name", ["Ostmarck Shiping & Trading FZE", "OSTMARK SHIPPING & TRADING LTD", "Ost Mark Shipping"]
)
def test_a_misspelt_company_is_possible_and_another_country_does_not_clear_it(name):
    assert verdicts(name, None, "GB", kind="company") == [("wl-002", "possible")]


@pytest.mark.parametrize(
    "name",
    [
        "Rahbari Carpets General Trading",
        "Ostfeld Shipping and Trading",
        "Bright Harvest Bakery",
        "Trading LLC",
        "Ostmark",
    ],
)
def test_generic_words_in_common_are_no_hit(name):
    assert verdicts(name, None, "AE", kind="company") == []


def test_a_person_is_not_screened_as_a_company_nor_the_other_way_round():
    assert verdicts("Arkady Voronzhev", kind="company") == []
    assert verdicts("Ostmark Shipping and Trading", kind="person") == []


def test_a_hit_explains_itself_and_names_its_list():
    subject = Subject(
        path="persons[0].name", name="Arkady Voronzhev", kind="person", birth_date="1994-08-12", country="GB"
    )
    [hit] = LIST.screen(subject, BANDS)
    assert hit.features == {"birth_date": "year_differs", "country": "differs", "identifier": False}
    assert (hit.name_score, hit.score) == (0.9167, 0.4167)
    assert hit.algorithm == "lean@1"
    assert hit.list_version == LIST.version
    assert hit.topics == ["sanction"]


def test_the_version_follows_the_content(tmp_path):
    changed = tmp_path / "list.jsonl"
    changed.write_text(EXAMPLES.read_text() + "\n")
    assert Watchlist.load(changed).version != LIST.version
    assert Watchlist.empty().version == "empty"
    assert verdicts("Hassan al Qaderi Rahbari", watchlist=Watchlist.empty()) == []


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "x"}', '{"id":"x","schema":"Person","properties":{}}', "null"])
def test_a_bad_line_is_refused_by_its_number(tmp_path, line):
    broken = tmp_path / "list.jsonl"
    broken.write_text(EXAMPLES.read_text().splitlines()[0] + "\n\n" + line + "\n")
    with pytest.raises(BadInput, match="line 3"):
        Watchlist.load(broken)


def test_a_missing_file_is_refused():
    with pytest.raises(BadInput):
        Watchlist.load("nowhere.jsonl")


letters = st.characters(codec="utf-8")


@given(st.text(letters, max_size=60), st.sampled_from(["person", "company"]), st.text(max_size=10))
def test_any_name_can_be_screened(name, kind, dob):
    verdicts(name, dob, "XX", [dob], kind=kind)


@given(st.permutations(["Hassan", "al", "Qaderi", "Rahbari"]), st.booleans())
def test_word_order_and_case_do_not_matter(order, upper):
    name = " ".join(order)
    assert verdicts(name.upper() if upper else name) == [("wl-004", "possible")]


def test_every_listed_name_finds_its_own_entry():
    for line in EXAMPLES.read_text().splitlines():
        entry = json.loads(line)
        kind = "company" if entry["schema"] == "Company" else "person"
        for name in entry["properties"]["name"] + entry["properties"].get("alias", []):
            assert verdicts(name, kind=kind) == [(entry["id"], "possible")]
