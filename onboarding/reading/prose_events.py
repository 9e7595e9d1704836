"""What running text says about people: shares, birth dates, nationalities, offices, numbers. Whose they are is
decided later."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from onboarding.reading.codes import country_code
from onboarding.reading.cues import Cue
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_values import is_birth_date
from onboarding.reading.shapes import flat

FRACTIONS: Final = {
    "all": "100 %", "half": "50 %", "third": "33.33 %", "two_thirds": "66.67 %", "quarter": "25 %",
    "three_quarters": "75 %",
}  # fmt: skip
_YEAR: Final = re.compile(
    r"[^\w]{0,3}(?:in |en |im jahr |im |w |el |nel |no ano de |em |år |i )?((?:19|20)\d\d)(?!\d|[./-]|,\d)"
)
_DEMONYM: Final = re.compile(
    r"(?:South|North|New|Saudi|Sri|Costa|Puerto|Sierra|Burkina|Cabo|Cape|Papua|East|Trinidad(?:ian)? and) "
    r"[A-Z][^\W\d_]{3,}"
    r"|[가-힣]{2,5}(?=[ ,)]|인|$)|[\u4e00-\u9fff]{2,4}(?=籍|国籍|人)|[^\W\d_]{4,}(?:-[^\W\d_]+)?"
)
_LEAD: Final = re.compile(r"(?<!\w)([A-Z]{2,3}|[A-Z][\w]{3,20}) $")
_CODE: Final = re.compile(r"(?<=[,(] )([A-Z]{2,3})(?=\s?(?:[,).;]|$|\n))")
_ID: Final = re.compile(r"[\s:.#nº°o-]{0,6}((?=[A-Za-z0-9.-]{0,12}\d)[A-Za-z0-9][A-Za-z0-9.-]{4,24})")
_BARE_SHARE: Final = re.compile(r"(?<!\w)(?:owns?|holds?) (?P<share>\d{1,3})(?=[,;.)]|\s(?:and|&|while)|\s?$)")
""" "I own 70 and my cousin owns 30": the verb says what is counted."""
_SHARE_WORDS: Final = ("owner", "owns", "belongs", "rest", "relative")
_IN: Final = frozenset(
    [
        "in",
        "from",
        "to",
        "aus",
        "en",
        "au",
        "nach",
        "w",
        "z",
        "i",
        "från",
        "nel",
        "em",
        "na",
        "no",
        "at",
        "near",
        "da",
        "de",
        "a",
    ]
)


class Event(NamedTuple):
    """One statement: ``field`` of a person, ``raw`` as written (or a fraction as a percentage), its place, its
    phrase."""

    field: str
    raw: str
    start: int
    end: int
    label: str


def events(page: Page, start: int, end: int, *, owners: bool = False) -> list[Event]:
    """All statements about people in one sentence, in order. ``owners``: a label says that owners follow."""
    found = [
        *_shares(page, start, end, owners),
        *_births(page, start, end, owners),
        *_roles(page, start, end),
        *_nationalities(page, start, end, owners),
        *_numbers(page, start, end),
    ]
    return sorted(found, key=lambda event: event.start)


def _shares(page: Page, start: int, end: int, owners: bool) -> Iterator[Event]:
    spoken_of = owners or bool(page.cues_in(start, end, *_SHARE_WORDS))
    percents = [span for span in page.spans_in(start, end, "percent") if page.is_free(span.start, span.end)]
    for span in percents:
        bracket = page.plain.rfind("(", start, span.start)
        bracketed = bracket >= 0 and ")" not in page.plain[bracket : span.start]
        if spoken_of or bracketed or page.cues_in(start, end, "director"):
            yield Event("ownership_pct", page.text[span.start : span.end], span.start, span.end, "")
    for cue in page.cues_in(start, end, *FRACTIONS):
        covered = any(span.start < cue.end and cue.start < span.end for span in page.spans_in(start, end, "percent"))
        if spoken_of and not covered and page.is_free(cue.start, cue.end) and not _inside(page, cue, "rest"):
            yield Event("ownership_pct", FRACTIONS[cue.concept], cue.start, cue.end, page.text[cue.start : cue.end])
    for match in _BARE_SHARE.finditer(page.low, start, end):
        if not percents and page.is_free(*match.span("share")) and int(match.group("share")) <= 100:
            yield Event("ownership_pct", f"{match.group('share')} %", *match.span("share"), match.group())
    for cue in page.cues_in(start, end, "rest"):
        if spoken_of and not list(page.spans_in(cue.end, min(cue.end + 12, end), "percent")):
            yield Event("rest", page.text[cue.start : cue.end], cue.start, cue.end, page.text[cue.start : cue.end])


def _inside(page: Page, cue: Cue, concept: str) -> bool:
    return any(
        o.start <= cue.start and cue.end <= o.end for o in page.cues_in(max(cue.start - 20, 0), cue.end + 20, concept)
    )


def _births(page: Page, start: int, end: int, owners: bool) -> Iterator[Event]:
    for span in page.spans_in(start, end, "date"):
        if page.is_free(span.start, span.end) and is_birth_date(page, span):
            yield Event("dob", page.text[span.start : span.end], span.start, span.end, "born")
    for cue in page.cues_in(start, end, "born"):
        match = _YEAR.match(page.low, cue.end, end)
        if match and page.is_free(*match.span(1)):
            yield Event("dob", page.text[match.start(1) : match.end(1)], *match.span(1), "born")
    for span in page.spans_in(
        start, end, "date"
    ):  # "(04.11.1975, deutsch)": a date in brackets after a name, or behind an owner's label, is a birth date
        bracket = page.plain.rfind("(", start, span.start)
        bracketed = bracket >= 0 and ")" not in page.plain[bracket : span.start]
        if (
            (bracketed or owners)
            and page.is_free(span.start, span.end)
            and not page.cues_in(bracket if bracketed else max(start, span.start - 40), span.start, "founded", "born")
        ):
            yield Event("dob?", page.text[span.start : span.end], span.start, span.end, "")


def _roles(page: Page, start: int, end: int) -> Iterator[Event]:
    for cue in page.cues_in(start, end, "director", "control", "owner"):
        before = page.low[max(cue.start - 14, start) : cue.start].split()
        if page.spans_over(cue.start, cue.end, "email", "url"):
            continue  # "vd@…" is an address, no office
        if not {"not", "no", "kein", "keine", "nicht", "pas", "geen", "nao", "non", "nie", "inte", "former"} & set(
            before
        ):
            field = "owner" if cue.concept == "owner" else "roles"
            yield Event(field, page.text[cue.start : cue.end], cue.start, cue.end, page.text[cue.start : cue.end])


def _nationalities(page: Page, start: int, end: int, owners: bool) -> Iterator[Event]:
    for cue in page.cues_in(start, end, "nationality"):
        lead = _LEAD.search(page.plain, max(cue.start - 30, start), cue.start)
        if lead and country_code(lead.group(1)):
            yield Event("nationality", lead.group(1), *lead.span(1), page.text[cue.start : cue.end])
        tail = re.match(
            r"[\s:：はが는은이]{0,3}(?:is |ist |est |of (?:the )?|du |de |de la |des |von "
            r")?([^\s,;.()\d。、（）]{1,30}?(?=です|で|입|[\s,;.()\d。、（）]|$)(?: [A-Z][^\s,;.()]{2,20})?)",
            page.plain[cue.end : min(cue.end + 60, end)],
        )
        if tail and country_code(tail.group(1)):
            at = cue.end + tail.start(1)
            yield Event(
                "nationality",
                page.text[at : at + len(tail.group(1))],
                at,
                at + len(tail.group(1)),
                page.text[cue.start : cue.end],
            )
    for match in _CODE.finditer(page.plain, start, end):
        if (owners or page.cues_in(start, end, "born")) and country_code(match.group(1)):
            yield Event("nationality?", match.group(1), *match.span(1), "")
    for match in _DEMONYM.finditer(page.plain, start, end):
        before = page.low[max(match.start() - 8, start) : match.start()].split()
        if page.is_free(*match.span()) and not (before and before[-1] in _IN) and _is_demonym(match.group()):
            yield Event("nationality?", page.text[match.start() : match.end()], *match.span(), "")


def _is_demonym(word: str) -> bool:
    """An adjective of nationality and not a country's name or a language's word of other meaning ("polish")."""
    if word in ("polish", "swede", "turkey", "china", "fins", "pole", "finish"):
        return False
    return country_code(word) is not None


def _numbers(page: Page, start: int, end: int) -> Iterator[Event]:
    for cue in page.cues_in(start, end, "passport", "national_id"):
        match = _ID.match(page.plain, cue.end, end)
        if match and page.is_free(*match.span(1)):
            field = "passport_number" if cue.concept == "passport" else "national_id"
            yield Event(
                field,
                page.text[match.start(1) : match.end(1)].rstrip(".-"),
                *match.span(1),
                flat(page.text[cue.start : cue.end]),
            )
