"""People in running text: every statement goes to the name it belongs to; a name that nothing is said about is nobody.

Persons are numbered in order of first mention. Shares of companies become ownership links (policy 7).
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from onboarding.reading.people import role_kinds
from onboarding.reading.prose_events import Event, events
from onboarding.reading.prose_lists import is_listed_owner, owned_above
from onboarding.reading.prose_mentions import Mention, names
from onboarding.reading.prose_names import companies, company_in
from onboarding.reading.prose_page import Company, Page
from onboarding.reading.prose_speaker import alone, pronouns, speaker_of, speakers
from onboarding.reading.prose_stakes import is_of_all, stakes, together, without_cues
from onboarding.reading.shapes import flat

_CLOSE: Final = 90
_MOST_BEFORE: Final = 200
"""Mentions looked back at for whom "both" means: more before it are no two people's."""
_LONGEST_OFFICE: Final = 40
_GAP_WORDS: Final = (
    "linking",
    "to_person",
    "title",
    "belongs",
    "owner",
    "director",
    "control",
    "owns",
    "relative",
    "each",
    "first_person",
)
_SHARE: Final = ("ownership_pct", "rest")
_STAKES: Final = (*_SHARE, "together")
_ONLY_AND: Final = re.compile(r"\s*(?:and|und|et|en|e|y|i|och|oraz|sowie|&)(?:\s+(?:the|der|die|das|le|la|el|il))?\s*")
_STRONG: Final = ("ownership_pct", "dob", "roles", "owner", "rest", "passport_number", "national_id")


class Person(NamedTuple):
    """Somebody the text says something about: ``details`` are (field, raw, offset, label), ``family`` whose family
    name he bears."""

    name: str
    start: int
    details: tuple[tuple[str, Any, int, str], ...]
    family: str | None = None


class People(NamedTuple):
    """``links`` are ownership links as stated; empty unless a company is among the owners. ``companies`` are those
    owners."""

    persons: list[Person]
    links: list[dict[str, Any]]
    companies: list[Person]


def read_people(page: Page, *, merchant: Company | None, sender: str | None, owners: bool = False) -> People:
    """All owners and officers named in ``page``. ``sender`` is the name in the mail's From, for "I own it"."""
    named = names(page)
    speaker = speaker_of(page, named, sender)
    told = [*speakers(page, named, speaker), *pronouns(page, named)]
    everyone = sorted([*named, *told, *_entities(page, merchant)], key=lambda m: m.start)
    given: dict[int, list[Event]] = {}
    last: Mention | None = None
    starts = [m.start for m in everyone]
    for start, end in page.sentences:
        here = everyone[bisect_left(starts, start) : bisect_left(starts, end)]
        here = here or _signed_above(page, start, everyone, starts, merchant)
        listed = owners or is_listed_owner(page, start)
        for event, target in _targets(page, start, end, here, last, listed):
            given.setdefault(target.start, []).append(event)
        real = [m for m in here if any(e.field in _STRONG for e in given.get(m.start, []))]
        last = real[-1] if real else last
    _both(page, everyone, given)
    return _people(page, everyone, given, speaker, merchant)


def _signed_above(
    page: Page, start: int, everyone: list[Mention], starts: list[int], merchant: Company | None
) -> list[Mention]:
    """Whose office the first words of a line are: a name alone on the line above, as in a signature."""
    offices = page.cues_in(start, start + _LONGEST_OFFICE, "director", "owner")
    index = bisect_left(starts, start) - 1
    if not offices or offices[0].start > start + 1 or index < 0:
        return []
    above = everyone[index]
    if above.entity or above.speaker or page.plain[above.end : start].strip(" ,\r") != "\n" or not alone(page, above):
        return []
    own = page.text[merchant.start : merchant.end] if merchant else ""
    _, end = page.sentence(start)
    employer = company_in(page, start, end)
    foreign = employer is not None and flat(page.text[slice(*employer)]) != flat(own)
    return [] if foreign else [above]


def _entities(page: Page, merchant: Company | None) -> list[Mention]:
    own = page.text[merchant.start : merchant.end] if merchant else ""
    return [
        Mention(c.start, c.end, page.text[c.start : c.end], entity=True)
        for c in companies(page)
        if flat(page.text[c.start : c.end]) != flat(own)
    ]


def _both(page: Page, everyone: list[Mention], given: dict[int, list[Event]]) -> None:
    """ "Both are directors": an office of everybody named so far, said in a sentence without names."""
    starts = [m.start for m in everyone]
    for start, end in page.sentences:
        if not page.cues_in(start, end, "both"):
            continue
        first = bisect_left(starts, start)
        here = [m for m in everyone[first : bisect_left(starts, end)] if not m.speaker]
        offices = [event for event in events(page, start, end) if event.field == "roles"]
        if offices and not here:
            before = everyone[max(first - _MOST_BEFORE, 0) : first]
            for mention in {m.name: m for m in before if given.get(m.start) and not m.entity}.values():
                given[mention.start].extend(offices)


def _targets(
    page: Page, start: int, end: int, here: list[Mention], last: Mention | None, owners: bool
) -> Iterable[tuple[Event, Mention]]:
    said = [e for e in events(page, start, end, owners=owners) if not any(m.start <= e.start < m.end for m in here)]
    people = [m for m in here if not m.speaker or len(here) < 3 or m is here[0]]
    told = stakes(page, (start, end), said, people, owners)
    yield from told.shares
    held = {target.start for _, target in told.shares}
    for event in said:
        if event.start in told.settled and event.field in _STAKES:
            continue
        target = _target(page, event, here, last, held)
        if target is None:
            continue
        group = together(page, event, target, here)
        if event.field in _SHARE:
            if len(group) > 1 and not _bracketed(page, target, event):
                continue  # held by several together: what each holds is not said
            held.add(target.start)
        spread = len(group) > 1 and event.field in ("roles", "owner") and is_of_all(page, event, group)
        yield from ((event, member) for member in (group if spread else [target]))


def _target(page: Page, event: Event, here: list[Mention], last: Mention | None, held: set[int]) -> Mention | None:
    before = next((m for m in reversed(here) if m.end <= event.start), None)
    after = next((m for m in here if m.start >= event.end), None)
    if before and _bracketed(page, before, event):
        return before
    if (
        after
        and event.field in ("ownership_pct", "rest", "roles", "owner")
        and _leads_to(page, event, before, after, held)
    ):
        return after
    if before and event.start - before.end <= _CLOSE * (1 + (event.field == "dob")):
        return before
    if after and after.start - event.end <= _CLOSE and event.field != "nationality?":
        return after
    if not here and last and (event.field != "nationality?" or page.cues_in(*page.sentence(event.start), "born")):
        return last
    return None


def _bracketed(page: Page, before: Mention, event: Event) -> bool:
    bracket = page.plain.find("(", before.end, event.start)
    return bracket >= 0 and ")" not in page.plain[bracket : event.start] and bracket - before.end < 12


def _leads_to(page: Page, event: Event, before: Mention | None, after: Mention, held: set[int]) -> bool:
    """Whether only small words stand between a statement and the name after it ("director is Jane", "40 % by Tom")."""
    gap = page.plain[event.end : after.start]
    if len(gap) > 60 or any(sign in gap for sign in ",;()") or ("." in gap.strip(" .") and "." in gap):
        return False
    share = event.field in ("ownership_pct", "rest")
    if event.field == "ownership_pct" and page.cues_in(event.end, after.start, "rest"):
        return False  # "I hold 55 % and the rest is my brother's"
    if "\n" in gap and before and not page.cues_in(event.end, after.start, "linking", "to_person"):
        return False  # the next line is about the next person
    if before and _ONLY_AND.fullmatch(without_cues(page, event.end, after.start, "title", "relative")):
        return False  # "Jane is the director and Tom …"
    small = bytearray(len(gap))
    for cue in page.cues_in(event.end, after.start, *_GAP_WORDS):
        small[cue.start - event.end : cue.end - event.end] = b"\x01" * (cue.end - cue.start)
    rest = "".join(char for char, taken in zip(gap, small, strict=True) if not taken)
    left = [word for word in re.findall(r"[^\W\d_]+", flat(rest)) if len(word) > 3]
    if left and not (share and page.cues_in(event.end, after.start, "belongs")):
        return False
    if not share:
        return len(left) == 0
    if before is None or before.start in held or event.field == "rest":
        return True
    return bool(page.cues_in(event.end, after.start, "belongs", "to_person"))


def _people(
    page: Page, everyone: list[Mention], given: dict[int, list[Event]], speaker: str | None, merchant: Company | None
) -> People:
    gathered: dict[str, tuple[Mention, list[Event]]] = {}
    for mention in everyone:
        key = " ".join(sorted(flat(_full(mention, speaker)).split()))
        said = given.get(mention.start, [])
        if said or not mention.speaker:  # "I" with nothing said about it is no mention
            gathered.setdefault(key, (mention, []))[1].extend(said)
    accepted = [(m, said) for m, said in gathered.values() if _is_somebody(page, m, said)]
    persons = [
        Person(_full(m, speaker), m.start, _details(said), speaker if _bears_family_name(m, speaker) else None)
        for m, said in accepted
        if not m.entity
    ]
    persons.sort(key=lambda person: person.start)
    entities = [(m, said) for m, said in accepted if m.entity and any(e.field in _SHARE for e in said)]
    links = _links(page, everyone, given, speaker, merchant) if entities and merchant else []
    return People(persons, links, [Person(m.name, m.start, _details(said)) for m, said in entities])


def _full(mention: Mention, speaker: str | None) -> str:
    if speaker and _bears_family_name(mention, speaker):
        return f"{mention.name} {speaker.split()[-1]}"
    return mention.name


def _bears_family_name(mention: Mention, speaker: str | None) -> bool:
    if not (mention.relative and speaker and " " not in mention.name):
        return False
    return bool(Page(mention.relative).cues_in(0, len(mention.relative), "family"))


def _is_somebody(page: Page, mention: Mention, said: list[Event]) -> bool:
    strong = [event for event in said if event.field in _STRONG]
    if not strong:
        return False
    outsider = page.cues_in(max(mention.start - 25, 0), mention.start, "not_person")
    return not outsider or any(event.field in ("ownership_pct", "dob", "roles") for event in strong)


def _details(said: list[Event]) -> tuple[tuple[str, Any, int, str], ...]:
    """One value a field, the first stated; offices together; a bracketed date or bare demonym only if nothing
    better."""
    found: dict[str, tuple[str, Any, int, str]] = {}
    for event in sorted(said, key=lambda event: (event.field.endswith("?"), event.start)):
        field = event.field.rstrip("?")
        if field not in ("roles", "owner", "rest"):
            found.setdefault(field, (field, event.raw, event.start, event.label))
    for event in said:
        if event.field == "rest":
            found.setdefault("ownership_pct", ("ownership_pct", event.raw, event.start, event.label))
    offices = [event for event in said if event.field in ("roles", "owner")]
    if offices:
        raw = ", ".join(dict.fromkeys(event.raw for event in offices))
        if any(event.field == "roles" and event.raw.lower() != "manager" for event in offices) and not role_kinds(
            raw
        ) - {"owner", "sole_owner"}:
            raw = f"{raw} (director)"  # an inflected word that the vocabulary of offices does not have
        found["roles"] = ("roles", raw, offices[0].start, offices[0].label)
    return tuple(found.values())


def _links(
    page: Page, everyone: list[Mention], given: dict[int, list[Event]], speaker: str | None, merchant: Company
) -> list[dict[str, Any]]:
    """Who holds what of whom. A company named before its holders in their sentence ("X is owned by …") is what
    they hold."""
    links = []
    starts = [m.start for m in everyone]
    for mention in everyone:
        for share in (event for event in given.get(mention.start, []) if event.field in _SHARE):
            start, end = page.sentence(share.start)
            subjects = [
                other.name
                for other in everyone[bisect_left(starts, start) : bisect_left(starts, end)]
                if other.entity
                and other.end <= min(share.start, mention.start)
                and not any(e.field == "ownership_pct" and start <= e.start < end for e in given.get(other.start, []))
            ]
            headed = "" if subjects else owned_above(page, start)
            links.append(
                {
                    "owner": _full(mention, speaker),
                    "owner_type": "entity" if mention.entity else "person",
                    "owns": subjects[-1] if subjects else headed or page.text[merchant.start : merchant.end],
                    "pct": share.raw,
                }
            )
    return links
