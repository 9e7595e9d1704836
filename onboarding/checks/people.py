"""People and ownership: ages, sums, cycles, and who is behind the entity (policy 2.1, 7)."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from onboarding.checks.entity import day_of, is_partial
from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.ownership import chain


def age_on(born: date, as_of: date) -> int:
    """Full years; whoever was born on 29 February comes of age on 1 March."""
    return as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day))


def under_age(facts: Facts) -> Iterator[Hit]:
    """A full birth date that makes a listed person too young; one that cannot exist is told as such."""
    for index, person in enumerate(facts.app.persons):
        path = f"persons[{index}].dob"
        born = day_of(person.dob)
        if born and age_on(born, facts.as_of) < facts.policy.thresholds.adult_age:
            age = max(0, age_on(born, facts.as_of))
            yield Hit("PERSON_UNDER_18", f"{person.name or 'A listed person'} is {age} years old.", path)
        elif person.dob and born is None and not is_partial(person.dob):
            yield Hit("DATE_INVALID", f"The birth date {person.dob} does not exist in the calendar.", path)


def ownership_sum(facts: Facts) -> Iterator[Hit]:
    """Effective shares of natural persons together."""
    total = sum(facts.ownership.shares.values())
    if total > facts.policy.thresholds.ownership_max_pct:
        yield Hit("OWNERSHIP_SUM_EXCEEDS_100", f"The owners' shares add up to {total:g} %.", "persons")


def ownership_cycle(facts: Facts) -> Iterator[Hit]:
    """An entity that owns itself through others."""
    if facts.ownership.cycle:
        yield Hit("OWNERSHIP_CYCLE", f"{chain(facts.ownership.cycle)}.", "ownership")


def is_unresolved(facts: Facts) -> bool:
    """Whether too much of the entity ends at nobody; a sole trader without a stated share is the owner."""
    if not facts.ownership_stated:
        return False
    if facts.app.entity_type == "sole_proprietorship" and not facts.app.ownership and not facts.ownership.shares:
        return False
    return facts.ownership.unresolved >= facts.policy.thresholds.unresolved_pct - 1e-6


def unresolved(facts: Facts) -> Iterator[Hit]:
    """Ownership was stated, but a quarter or more does not end at natural persons."""
    if is_unresolved(facts):
        rest = facts.ownership.unresolved
        path = "ownership" if facts.app.ownership else "persons"
        yield Hit("UBO_NOT_RESOLVED", f"{rest:g} % of the entity does not end at natural persons.", path)


RULES: Final = (
    Rule("people.under_age", 1, "policy 2.1", under_age),
    Rule("people.ownership_sum", 1, "policy 7", ownership_sum),
    Rule("people.ownership_cycle", 1, "policy 7", ownership_cycle),
    Rule("people.unresolved", 1, "policy 7", unresolved),
)
