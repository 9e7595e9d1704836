"""Who owns what, in people's own words: a share is of the one it is said of, and what is not said is nobody's."""

import datetime

import pytest

from onboarding.checks.run import check
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.screening import LeanWatchlist
from onboarding.submission import Part, Submission

AS_OF = datetime.date(2026, 11, 23)
FIRM = "Hello,\n\nWe are Blue Kite Bakery Ltd, company number 99000001, and we sell bread in Leeds. "
BOTH = {"Ada Price": 60, "Bo Ray": 40}
HALVES = {"Ada Price": 50, "Bo Ray": 50}


def submission_of(content, format_="text"):
    part = Part(source="input", kind="application", format=format_, content=content)
    return Submission(version=1, parts=[part])


def shares(content, format_="text"):
    people = read(submission_of(content, format_), as_of=AS_OF).application.persons
    return {person.name: person.ownership_pct for person in people}


def missing(text):
    submission = submission_of(text)
    reading = read(submission, as_of=AS_OF)
    return check(
        reading, submission, priors=[], watchlist=LeanWatchlist.empty(), policy=Policy.default(), as_of=AS_OF
    ).missing


TOLD = {
    "Ada Price owns 60%, Bo Ray owns the other 40%": BOTH,
    "Ada Price owns 60% and Bo Ray owns the remaining 40 percent": BOTH,
    "Ada Price 60%, the rest belongs to Bo Ray": BOTH,
    "Ada Price owns 60%, with the balance held by Bo Ray": BOTH,
    "Owners: Ada Price (60%) and Bo Ray (40%)": BOTH,
    "Shareholders are Ada Price and Bo Ray, 60% and 40%": BOTH,
    "The shares are split 60/40 between Ada Price and Bo Ray": BOTH,
    "Ada Price owns 6,000 of the 10,000 shares and Bo Ray the other 4,000": BOTH,
    "Ada Price owns the majority (60%), the minority stake of 40% is Bo Ray's": BOTH,
    "Ada Price hält 60 % und Bo Ray die übrigen 40 %": BOTH,
    "Ada Price ist mit 60 % beteiligt, der Rest gehört Bo Ray": BOTH,
    "Ada Price détient 60 %, Bo Ray détient les 40 % restants": BOTH,
    "Ada Price tiene el 60 % y Bo Ray el 40 % restante": BOTH,
    "Ada Price possiede il 60%, Bo Ray il restante 40%": BOTH,
    "Ada Price and Bo Ray, half each": HALVES,
    "The company is owned equally by Ada Price and Bo Ray": HALVES,
    "Ada Price and her brother Bo Ray hold 50% each": HALVES,
    "Each of Ada Price and Bo Ray owns 50%": HALVES,
    "Ada Price und Bo Ray sind zu gleichen Teilen Gesellschafter": HALVES,
    "Ada Price et Bo Ray détiennent chacun 50 % des parts": HALVES,
    "Ada Price y Bo Ray son dueños a partes iguales": HALVES,
    "Ada Price, Bo Ray and Cy Dunn are equal shareholders": {"Ada Price": 33.33, "Bo Ray": 33.33, "Cy Dunn": 33.33},
    "Ada Price owns 60%, Bo Ray and Cy Dunn own 20% each": {"Ada Price": 60, "Bo Ray": 20, "Cy Dunn": 20},
    "Ada Price owns 60%, the remaining 40% is shared equally by Bo Ray and Cy Dunn": {
        "Ada Price": 60, "Bo Ray": 20, "Cy Dunn": 20,
    },
    "Ada Price owns 60%, Kite Holdings Ltd owns the other 40%. Kite Holdings Ltd is wholly owned by Bo Ray": BOTH,
    "Ada Price no longer owns any shares and Bo Ray owns 100%": {"Bo Ray": 100},
    "Ada Price is our sole shareholder and Bo Ray is a director": {"Ada Price": 100, "Bo Ray": None},
}  # fmt: skip


@pytest.mark.parametrize(("told", "held"), TOLD.items(), ids=TOLD.keys())
def test_everybody_gets_the_share_that_is_said_of_him(told, held):
    assert shares(f"{FIRM}{told}.") == held


VESSELS = {
    "an object": lambda told: ({"company": {"name": "Blue Kite Bakery Ltd"}, "owners": told}, "json"),
    "a list": lambda told: ({"company": {"name": "Blue Kite Bakery Ltd"}, "owners": [told]}, "json"),
    "its share key": lambda told: ({"company": {"name": "Blue Kite Bakery Ltd"}, "ownership": told}, "json"),
    "a cell": lambda told: (f'company,owners\nBlue Kite Bakery Ltd,"{told}"\n', "csv"),
    "a form": lambda told: (f"Company: Blue Kite Bakery Ltd\nOwners: {told}\nEmail: a@b.example.com\n", "text"),
    "a form's share": lambda told: (f"Company: Blue Kite Bakery Ltd\nOwnership: {told}.\nWeb: b.example.com\n", "text"),
    "an answer": lambda told: (f"Company: Blue Kite Bakery Ltd\nWho owns the business?\n{told}.\n", "text"),
}
SAID = {
    "Ada Price owns 60%, Bo Ray owns the other 40%": BOTH,
    "Ada Price 60%, the rest belongs to Bo Ray": BOTH,
    "Ada Price 60% / Bo Ray 40%": BOTH,
    "60/40 between Ada Price and Bo Ray": BOTH,
    "Owned equally by Ada Price and Bo Ray": HALVES,
    "Ada Price and Bo Ray (50% each)": HALVES,
    "Ada Price and her brother Bo Ray hold 50% each": HALVES,
}


@pytest.mark.parametrize("vessel", VESSELS.values(), ids=VESSELS.keys())
@pytest.mark.parametrize(("told", "held"), SAID.items(), ids=SAID.keys())
def test_a_sentence_says_the_same_whatever_it_stands_in(vessel, told, held):
    assert shares(*vessel(told)) == held


@pytest.mark.parametrize(
    "told",
    [
        "Ada Price and Bo Ray own the company",
        "Ada Price and Bo Ray own 60%",
        "60% is held by Ada Price and Bo Ray",
        "Ada Price owns 60%, the rest belongs to Bo Ray and Cy Dunn",
        "Ada Price owns more than 50% and Bo Ray less than 25%",
        "Ada Price owns 50-75% of the shares",
        "Ada Price owns 25% or more",
        "Ada Price used to own 100% but sold 40% to Bo Ray last year",
        "Ada Price is the majority shareholder, Bo Ray holds a quarter of the shares",
    ],
)
def test_a_share_that_is_not_said_is_asked_for_and_never_guessed(told):
    read_ = shares(f"{FIRM}{told}.")
    known = {
        "Ada Price": {60, None} if "rest" in told else {None},
        "Bo Ray": {25, None} if "quarter" in told else {None},
    }
    assert all(share in known.get(name, {None}) for name, share in read_.items()), read_
    assert "persons.owners" in missing(f"{FIRM}{told}.")


def test_an_office_belongs_to_the_one_it_is_said_of():
    people = read(
        submission_of(f"{FIRM}Ada Price is the director and Bo Ray owns 100%."), as_of=AS_OF
    ).application.persons
    assert {person.name: person.roles for person in people} == {
        "Ada Price": ["director", "control_person"],
        "Bo Ray": ["owner"],
    }


@pytest.mark.parametrize("told", ["Our directors are Ada Price and Bo Ray", "Ada Price and Bo Ray are both directors"])
def test_an_office_of_several_is_everybodys(told):
    people = read(submission_of(f"{FIRM}{told}."), as_of=AS_OF).application.persons
    assert {person.name: person.roles for person in people} == {"Ada Price": ["director"], "Bo Ray": ["director"]}


FOLLOWED = {
    "Ada Price and her two sons Bo Ray and Cy Dunn are equal partners": {
        "Ada Price": 33.33, "Bo Ray": 33.33, "Cy Dunn": 33.33,
    },
    "It is owned 75% by Kite Ltd and 25% by Ada Price. Kite Ltd is owned by Bo Ray (80%) and Cy Dunn (20%)": {
        "Ada Price": 25, "Bo Ray": 60, "Cy Dunn": 15,
    },
    "At the moment Ada Price owns 100%, from next year Bo Ray will own 20%": {"Ada Price": 100},
    "We give members a 10% discount and Ada Price, our owner, has 100% of the shares": {"Ada Price": 100},
    "60% of our sales are online; Ada Price is the owner and has 100%": {"Ada Price": 100},
    "Elle est détenue à 60 % par Ada Price et à 40 % par Bo Ray": BOTH,
    "Die Firma gehört zu drei Vierteln Ada Price und zu einem Viertel Bo Ray": {"Ada Price": 75, "Bo Ray": 25},
    "È posseduta in parti uguali da Ada Price e Bo Ray": HALVES,
}  # fmt: skip


@pytest.mark.parametrize(("told", "held"), FOLLOWED.items(), ids=FOLLOWED.keys())
def test_percentages_of_other_things_and_times_are_nobodys_share(told, held):
    assert shares(f"{FIRM}{told}.") == held


def test_a_rows_share_is_of_the_person_in_the_row_whatever_the_order_of_columns():
    rows = "Unternehmen;Anteil;Gesellschafter\nMoos GmbH;66,67;Jana Moos\nMoos GmbH;33,33;Ralf Huber\n"
    assert shares(rows, "csv") == {"Jana Moos": 66.67, "Ralf Huber": 33.33}


def test_two_given_names_before_one_family_name_are_no_person():
    told = "Los socios son tres hermanos, Marta, Luis y Ana Ribera, con un tercio cada uno"
    assert "Luis y Ana Ribera" not in shares(f"{FIRM}{told}.")


def test_who_writes_we_own_it_by_halves_with_his_partner_holds_one():
    told = "I run Blue Fern Ltd together with my partner Bo Ray, we own it 50:50.\nCheers, Ada Price\n"
    assert shares(told) == HALVES


def test_a_word_for_a_family_is_nobodys_share():
    assert shares(f"{FIRM}100% family owned, Ada Price 60%, Bo Ray 40%.") == BOTH


def test_shares_in_brackets_do_not_part_directors():
    told = "The directors are Ada Price (60%) and Bo Ray (40%)"
    people = read(submission_of(f"{FIRM}{told}."), as_of=AS_OF).application.persons
    assert {person.name: (person.ownership_pct, person.roles) for person in people} == {
        "Ada Price": (60, ["owner", "director"]),
        "Bo Ray": (40, ["owner", "director"]),
    }


def test_an_interest_is_a_share_and_a_name_like_a_tax_is_a_name():
    assert shares(f"{FIRM}Ada Price holds a 60% interest, Bo Ray a 40% interest.") == BOTH
    assert shares(f"{FIRM}Owners: 60% Ada Price, 40% Iva Novak.") == {"Ada Price": 60, "Iva Novak": 40}
