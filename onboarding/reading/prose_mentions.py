"""Who is named in running text: candidates for persons, by capitals in the West, by their role's word in the East.

A candidate is only somebody if the words around it say what he is to the merchant; that is decided in prose_people.
"""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.codes import country_code
from onboarding.reading.cues import Cue
from onboarding.reading.prose_names import companies
from onboarding.reading.prose_page import Page
from onboarding.reading.shapes import flat
from onboarding.reading.vocabulary import load_words

_TOKEN: Final = re.compile(r"[^\W\d_]+(?:['.-][^\W\d_]+)*\.?")
_PARTICLES: Final = frozenset(load_words("stops")["particle"])
_INNER: Final = frozenset(load_words("stops")["inner"])
_LEADS: Final = _INNER | _PARTICLES
_NEVER: Final = frozenset(load_words("stops")["no_name"])
_EAST_NAME: Final = (
    r"[\u4e00-\u9fff々]{1,4}[ \u3000][\u4e00-\u9fff々ぁ-んァ-ヶー]{1,5}|[\u4e00-\u9fff々]{2,6}(?=[ \u3000（(、,。]"
    r"|です|が|は"
    r"|と|氏|さん|様|$|\n)|[ァ-ヶー]{2,12}[・ ][ァ-ヶー・]{2,20}"
)
_KOREAN_NAME: Final = (
    r"(?!이며|이고|이자|입니다|로서|이면|대표|지분)[가-힣]{2,4}(?=[ ,()（.\n]|$|은|는|이|가|와|과|의|입|님|씨|대표)"
)
_BEFORE_DATE: Final = re.compile(
    r"(?<![\u4e00-\u9fff가-힣])(?P<name>[가-힣]{2,4}|[\u4e00-\u9fff々]{1,4}[ \u3000][\u4e00-\u9fff々ぁ-んァ-ヶー]{1,5})"
    r" ?[(（](?=[^)）\n]{0,12}\d{1,4} ?[年년])"
)
_EASTERN: Final = re.compile(
    rf"[ \u3000]?(?:社長|一人)?(?:(?:は|の|が|:|：)[ \u3000]?|(?:은|는|이|가|인)(?=[ ,])[ ]?|[ \u3000])?"
    rf"(?P<name>{_EAST_NAME}|{_KOREAN_NAME})"
)


class Mention(NamedTuple):
    """A name at its place, as written. ``relative`` is the phrase that makes him a relative of the writer."""

    start: int
    end: int
    name: str
    relative: str | None = None
    speaker: bool = False
    entity: bool = False


_PARTS: Final = ("half", "halves", "equal", "third", "two_thirds", "quarter", "three_quarters")
""" "Zwei Dritteln Jana Moos": how much is hers is no part of her name."""


def names(page: Page) -> list[Mention]:
    """Everything that looks like a person's name and is not claimed by another field, in order of place."""
    full = list(_western(page))
    relatives = list(_given_names(page))
    found = [*full, *_eastern(page), *_eastern_in_front(page), *relatives, *_short_names(page, full, relatives)]
    found.sort(key=lambda mention: (mention.start, -mention.end))
    kept: list[Mention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    before = {flat(word) for word in load_words("name_edges")["before"] if " " not in word}
    return frozenset(map(flat, _NEVER)) | before


def _western(page: Page) -> Iterator[Mention]:
    blocked = _blocked(page)
    run: list[re.Match[str]] = []
    tokens = list(_TOKEN.finditer(page.plain))
    for token, following in itertools.zip_longest(tokens, tokens[1:]):
        if run and not _adjoins(page, run[-1], token):
            yield from _mention(page, run)
            run = []
        word = token.group()
        inner = bool(run) and flat(word) in _INNER  # "Chiara Dal Bosco"
        shouted = following is not None and word.isupper() and following.group().isupper() and flat(word) in _LEADS
        stops = not inner and not shouted and flat(word.rstrip(".")) in _stop_words()  # "LE GOFF, Erwan"
        if word[0].isupper() and not blocked[token.start()] and not stops:
            run.append(token)
            if word.endswith(".") and len(word) > 3:
                yield from _mention(page, run)
                run = []
        elif run and flat(word) in _PARTICLES and not blocked[token.start()]:
            run.append(token)
        elif run:
            yield from _mention(page, run)
            run = []
    yield from _mention(page, run)


def _short_names(page: Page, full: list[Mention], relatives: list[Mention]) -> Iterator[Mention]:
    """ "Jane is the director": a single name that one fully named person, or one relative, bears."""
    bearers: dict[str, set[str]] = {}
    related = {mention.name: mention.relative for mention in relatives}
    for mention in [*full, *relatives]:
        for word in (mention.name.split()[0], mention.name.split()[-1]):
            bearers.setdefault(word, set()).add(mention.name)
    for token in _TOKEN.finditer(page.plain):
        whose = bearers.get(token.group(), set())
        if len(whose) == 1 and page.is_free(*token.span()) and not _in_company(page, token.start()):
            name = next(iter(whose))
            yield Mention(token.start(), token.end(), name, related.get(name))


def _in_company(page: Page, offset: int) -> bool:
    named = companies(page)
    index = bisect_right(named, (offset, len(page.text))) - 1
    return index >= 0 and offset < named[index].end


def _adjoins(page: Page, last: re.Match[str], token: re.Match[str]) -> bool:
    gap = page.plain[last.end() : token.start()]
    if gap == " " or (gap == ", " and _is_family(page, last, token)):
        return True
    line = page.plain.rfind("\n", 0, last.end()) + 1
    return gap in ("\n", "\r\n") and last.end() - line >= 45  # wrapped by a mail program


def _is_family(page: Page, last: re.Match[str], token: re.Match[str]) -> bool:
    """ "LEBRUN, Armelle": capitals only, then a given name, and no place ("LYON, France")."""
    family, given = last.group(), token.group()
    before = page.plain[max(last.start() - 1, 0) : last.start()]
    return (
        family.isupper()
        and len(family) > 2
        and before.strip() in ("", "(")
        and not given.isupper()
        and given[:1].isupper()
        and country_code(given) is None
    )


def _blocked(page: Page) -> bytearray:
    """Letters that are part of something else: claimed values, spans, role words, titles."""
    blocked = bytearray(len(page.text))
    for span in page.spans:
        blocked[span.start : span.end] = b"\x01" * (span.end - span.start)
    for cue in page.cues:
        if cue.concept in (
            "director",
            "title",
            "owner",
            "born",
            "founded",
            "signoff",
            "nationality",
            "relative",
            "my_name",
            "control",
            "national_id",
            "passport",
            *_PARTS,
        ) and not _is_particle(page, cue):
            blocked[cue.start : cue.end] = b"\x01" * (cue.end - cue.start)
    for company in companies(page):
        blocked[company.start : company.end] = b"\x01" * (company.end - company.start)
    return blocked


def _is_particle(page: Page, cue: Cue) -> bool:
    """A title's letters in small type, or a "Dal" with its capital, which is part of a name."""
    short, small = cue.end - cue.start, page.plain[cue.start].islower()
    return (cue.concept == "title" and short < 3 and small) or (cue.concept == "founded" and short < 5 and not small)


def _mention(page: Page, run: list[re.Match[str]]) -> Iterator[Mention]:
    while run and flat(run[-1].group()) in _PARTICLES:
        run = run[:-1]
    for index, token in enumerate(run):
        sides = (run[:index], run[index + 1 :])
        if token.group() in ("y", "e") and sum(t.group()[0].isupper() for t in sides[1]) > 1:
            for side in sides:  # "Ana Gil y Eva Mora" and "Luis y Ana Gil" are two; "José Ortega y Gasset" is one
                yield from _mention(page, side)
            return
    capitals = [token for token in run if token.group()[0].isupper()]
    if not 2 <= len(capitals) <= 5 or len(capitals[-1].group().rstrip(".")) < 2:
        return
    start, end = run[0].start(), run[-1].end()
    end -= page.plain[end - 1] == "."
    end -= 2 if page.plain.endswith("'s", start, end) else 0
    line = page.plain.rfind("\n", 0, start) + 1
    quoted = page.plain[line:start].count('"') % 2 or page.plain[start - 1 : start] == "«"  # a brand, not a person
    if page.is_free(start, end) and not quoted and not _is_country(page.text[start:end]):
        yield Mention(start, end, page.text[start:end])


def _is_country(text: str) -> bool:
    """ "United Kingdom" is no person; "Elena Greco" is one, though "greco" means Greek."""
    return country_code(text) is not None and not any(country_code(word) for word in text.split())


def _eastern(page: Page) -> Iterator[Mention]:
    for cue in page.cues:
        if cue.concept not in ("director", "owner", "my_name", "first_person") or page.text[cue.start] < "\u3000":
            continue
        for match in (_EASTERN.match(page.text, cue.end),):
            if match and page.is_free(*match.span("name")) and not _is_word(page, *match.span("name")):
                start, end = match.span("name")
                yield Mention(start, end, page.text[start:end])


def _eastern_in_front(page: Page) -> Iterator[Mention]:
    """ "박정훈(1982년 6월 14일생, …)": a name right before a bracket that holds a date."""
    for match in _BEFORE_DATE.finditer(page.text):
        if page.is_free(*match.span("name")) and not _is_word(page, *match.span("name")):
            yield Mention(*match.span("name"), match.group("name"))


def _is_word(page: Page, start: int, end: int) -> bool:
    return any(
        cue.start == start for cue in page.cues_in(start, end + 1, "director", "owner", "owns", "all", "half", "each")
    )


def _given_names(page: Page) -> Iterator[Mention]:
    """ "my wife Dana", "mein Bruder Tom Hantelmann": a relative, perhaps with a given name only."""
    for cue in page.cues:
        if cue.concept != "relative":
            continue
        tail = page.plain[cue.end : cue.end + 60]
        match = re.match(
            r"[ ,(]{1,3}([^\W\d_]+(?:['-][^\W\d_]+)?(?: [^\W\d_a-z][^\W\d_]+(?:['-][^\W\d_]+)?){0,2})", tail
        )
        if match and match.group(1)[0].isupper() and flat(match.group(1).split()[0]) not in _stop_words():
            start = cue.end + match.start(1)
            yield Mention(start, start + len(match.group(1)), match.group(1), page.text[cue.start : cue.end])


def cue_text(page: Page, cue: Cue) -> str:
    return page.text[cue.start : cue.end]
