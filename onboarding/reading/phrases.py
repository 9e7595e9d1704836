"""Who a value under a person's label names, with what it says of each: a list ("Jane Doe 60 %, John Roe 40 %") or a
sentence ("Jane Doe owns 60 %, John Roe the other 40 %"), which is read as running text is."""

import re
from typing import Final

from onboarding.reading.cues import Cue
from onboarding.reading.people import Mention, mentions
from onboarding.reading.prose_page import Page, prose_phrases
from onboarding.reading.prose_people import read_people
from onboarding.reading.prose_stakes import ratio_in
from onboarding.reading.text import has_cjk

_LONGEST: Final = 2000
_TELLING: Final = frozenset(
    ["owns", "belongs", "rest", "relative", "each", "halves", "equal", "half", "third", "two_thirds", "quarter",
     "three_quarters", "unowned", "bounded"]
)  # fmt: skip
_SHARE_FIRST: Final = re.compile(r"\s*\d{1,3}(?:[.,]\d{1,4})? ?(?:%|percent|per cent)\s*[,;.]")


def stated_people(text: str, *, several: bool = False) -> list[Mention]:
    """The people and companies that a value names. A sentence of which nothing can be made names nobody."""
    return _told(text) if is_told(text) else mentions(text, several=several)


def is_told(text: str) -> bool:
    """Whether a value says with verbs who holds what, instead of listing names and shares."""
    text = text[:_LONGEST]
    if has_cjk(text):
        return False
    cues = [cue for cue in prose_phrases().find(text) if cue.concept in _TELLING]
    return any(_is_no_name(text, cue) for cue in cues) or ratio_in(text) is not None


def _is_no_name(text: str, cue: Cue) -> bool:
    """Whether a telling word is one here: "Ma" is also a family, "Maja" a given name."""
    leads = not text[: cue.start].strip() and (
        " " in text[cue.start : cue.end] or text[cue.end :].lstrip()[:1].islower()
    )
    return leads or text[cue.start].islower()


def tells_shares(text: str) -> bool:
    """Whether a value under a share's label tells of several holders, and not of one person's share alone."""
    if _SHARE_FIRST.match(text) or sum(map(str.isalpha, text[:_LONGEST])) < 4:
        return False
    people = stated_people(text, several=True)
    shared = [m for m in people if m.name and any(field == "ownership_pct" for field, _ in m.details)]
    if is_told(text):
        return bool(shared)
    return len(shared) == len(people) > 1


def _told(text: str) -> list[Mention]:
    people = read_people(Page(text[:_LONGEST]), merchant=None, sender=None, owners=True)
    return [
        Mention(person.name, tuple((field, str(raw)) for field, raw, *_ in person.details))
        for person in sorted([*people.persons, *people.companies], key=lambda person: person.start)
    ]
