"""Effective ownership (policy 7)."""

from hypothesis import given
from hypothesis import strategies as st

from onboarding.application import OwnershipLink
from onboarding.ownership import chain, effective_shares


def person(owner, owns, pct):
    return OwnershipLink(owner=owner, owner_type="person", owns=owns, pct=pct)


def entity(owner, owns, pct):
    return OwnershipLink(owner=owner, owner_type="entity", owns=owns, pct=pct)


def test_direct_and_indirect_shares_of_one_person_add_up():
    links = [person("Ann", "Shop Ltd", 40), entity("Hold BV", "Shop Ltd", 60), person("Ann", "Hold BV", 50)]
    effective = effective_shares(links, "Shop Ltd")
    assert effective.shares == {"Ann": 70.0}
    assert effective.unresolved == 30.0
    assert effective.cycle == []


def test_a_cycle_is_named_and_cut_at_the_first_repeat():
    links = [
        person("Jo", "A", 50),
        entity("B", "A", 50),
        entity("A", "B", 50),
        person("Bo", "B", 50),
    ]
    effective = effective_shares(links, "A")
    assert effective.shares == {"Jo": 50.0, "Bo": 25.0}
    assert effective.unresolved == 25.0
    assert effective.cycle[0] == effective.cycle[-1]
    assert set(effective.cycle) == {"A", "B"}
    assert chain(effective.cycle) == "A is held by B, B is held by A"


def test_two_paths_to_the_same_holding_are_no_cycle():
    links = [
        entity("L", "X", 50),
        entity("R", "X", 50),
        entity("T", "L", 100),
        entity("T", "R", 100),
        person("P", "T", 100),
    ]
    effective = effective_shares(links, "X")
    assert effective.cycle == []
    assert effective.shares == {"P": 100.0}


def test_a_trust_at_the_end_of_a_chain_stays_unresolved():
    links = [entity("Trust", "X", 75), person("P", "X", 25)]
    assert effective_shares(links, "X").unresolved == 75.0


def test_spelling_differences_of_the_applicant_do_not_lose_the_chain():
    links = [entity("Hold", "shop gmbh", 100), person("P", "HOLD", 100)]
    assert effective_shares(links, "Shop GmbH").shares == {"P": 100.0}
    assert effective_shares(links, "Shop Gesellschaft mit beschränkter Haftung").shares == {"P": 100.0}


def test_a_cycle_that_does_not_touch_the_applicant_is_still_a_cycle():
    links = [person("P", "X", 100), entity("B", "C", 10), entity("C", "B", 10)]
    assert set(effective_shares(links, "X").cycle) == {"B", "C"}


def test_without_links_everything_is_unresolved():
    assert effective_shares([], "X").unresolved == 100.0


def test_a_lattice_of_holdings_ends_in_bounded_time():
    links = []
    for level in range(40):
        links += [entity(f"{level + 1}{a}", f"{level}{b}", 50) for a in "ab" for b in "ab"]
    effective = effective_shares([entity("0a", "X", 100), *links], "X")
    assert effective.shares == {}
    assert effective.unresolved == 100.0


names = st.sampled_from(["A", "B", "C", "D", "X"])


@given(
    st.lists(
        st.builds(
            OwnershipLink,
            owner=names,
            owner_type=st.sampled_from(["person", "entity"]),
            owns=names,
            pct=st.floats(0, 100),
        ),
        max_size=12,
    )
)
def test_never_raises_and_what_is_not_a_person_s_is_unresolved(links):
    effective = effective_shares(links, "X")
    assert effective.unresolved == max(0.0, round(100 - sum(effective.shares.values()), 6)) or (
        abs(effective.unresolved - (100 - sum(effective.shares.values()))) < 1e-5
    )
