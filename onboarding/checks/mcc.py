"""Merchant category codes: listed in ISO 18245, and not flatly contradicted by the description (policy 2.1)."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import iso18245

from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.checks.vocabulary import document, pattern, spoken
from onboarding.names import fold


@cache
def is_listed(mcc: str) -> bool:
    """Whether the code is in ISO 18245."""
    try:
        iso18245.get_mcc(mcc)
    except (iso18245.MCCNotFound, ValueError, KeyError, TypeError):
        return False
    return True


def listed(facts: Facts) -> Iterator[Hit]:
    """MCC_INVALID."""
    mcc = facts.app.mcc
    if mcc and not is_listed(mcc):
        yield Hit("MCC_INVALID", f"{mcc} is not a merchant category code of ISO 18245.", "mcc")


class Group(NamedTuple):
    """A kind of ordinary business: its codes, the words that describe it, and the groups it often overlaps with."""

    name: str
    codes: frozenset[str]
    words: re.Pattern[str]
    near: frozenset[str]


@cache
def groups() -> dict[str, Group]:
    """All groups of ``words/activities.toml`` by name."""
    return {
        name: Group(name, frozenset(entry["mcc"]), pattern(entry["words"]), frozenset(entry.get("near", [])))
        for name, entry in document("activities").items()
    }


def contradicts(mcc: str, description: str) -> str | None:
    """The group that a description flatly belongs to although ``mcc`` names another one; None in any doubt.

    In doubt is: a code of no group, a description without two telling words of one group, one that also fits the
    stated group or several groups, and groups that overlap in ordinary shops.
    """
    stated = [group for group in groups().values() if mcc in group.codes]
    if not stated:
        return None
    folded = spoken(fold(description))
    told = {name: len({match[0] for match in group.words.finditer(folded)}) for name, group in groups().items()}
    fitting = {name for name, count in told.items() if count}
    if len(fitting) != 1 or any(group.name in fitting for group in stated):
        return None
    [name] = fitting
    overlaps = any(name in group.near or group.name in groups()[name].near for group in stated)
    return None if overlaps or told[name] < 2 else name


def ordinary_mismatch(facts: Facts) -> Iterator[Hit]:
    """MCC_DESCRIPTION_MISMATCH for ordinary businesses: only on a flat contradiction."""
    mcc, description = facts.app.mcc, facts.app.business_description
    if not mcc or not description or not is_listed(mcc):
        return
    other = contradicts(mcc, description)
    if other:
        message = f"MCC {mcc} is stated, but the description is of another business ({other.replace('_', ' ')})."
        evidence = (*facts.evidence_of("mcc"), *facts.evidence_of("business_description"))
        yield Hit("MCC_DESCRIPTION_MISMATCH", message, "mcc", evidence)


RULES: Final = (
    Rule("mcc.listed", 1, "policy 2.1", listed),
    Rule("mcc.ordinary_mismatch", 1, "policy 2.1", ordinary_mismatch),
)
