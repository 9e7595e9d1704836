"""What running text says about people: shares, birth dates, nationalities, offices, numbers. Whose they are is
decided later."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from onboarding.reading.amounts import OR_MORE
from onboarding.reading.codes import country_code
from onboarding.reading.cues import Cue
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_values import is_birth_date
from onboarding.reading.shapes import flat
from onboarding.reading.spans import Span
from onboarding.reading.vocabulary import load_words

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
_BARE_SHARE: Final = re.compile(r"(?<!\w)(?:owns?|holds?) (?P<share>\d{1,3})(?=[;)]|[,.](?!\d)|\s(?:and|&|while)|\s?$)")
""" "I own 70 and my cousin owns 30": the verb says what is counted."""
SHARE_WORDS: Final = ("owner", "owns", "belongs", "rest", "relative")
_COUNT: Final = r"\d{1,3}(?:[.,' ]?\d{3}){0,4}"
_UNITS: Final = (
    r"(?:shares|units|anteile\w*|aktien|parts|actions|participaciones|acciones|aandelen|quote|azioni|quotas|acoes"
    r"|udzialow|akcji|aktier)(?!\w)"
)
_COUNTED: Final = re.compile(
    rf"(?<![\w.,])(?P<some>{_COUNT}) (?:[^\W\d_]{{3,12}} )?(?:out of|of|von|sur|de|van|di|z|av) "
    rf"(?:[^\W\d_]{{1,10}} ){{0,3}}?(?P<all>{_COUNT}) (?:[^\W\d_]{{3,12}} )?{_UNITS}"
)
""" "6,000 of the 10,000 shares": both counts are stated, so the share is."""
_RANGE: Final = re.compile(
    r"\s{1,3}(?:(?:the|der|dem|den|les?|el|la|il|de|os?) )?"
    r"(?:\d{1,3}(?:[.,]\d{1,2})? ?%? ?(?:and|und|et|en|e|y|i|och|to|bis|a) )?"
)
_UP: Final = re.compile(r"\d ?- ?$")
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


_WHOLES: Final = ("rest", "halves", "equal")


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
    spoken_of = owners or bool(page.cues_in(start, end, *SHARE_WORDS))
    percents = [span for span in page.spans_in(start, end, "percent") if page.is_free(span.start, span.end)]
    for span in percents:
        if _is_denied(page, start, span.start) or _is_of_something_else(page, start, end, span):
            continue
        if _is_bound(page, start, span.start, span.end):
            yield Event("owner", page.text[span.start : span.end], span.start, span.end, "")
            continue  # an owner, of a share that is not said
        bracket = page.plain.rfind("(", start, span.start)
        bracketed = bracket >= 0 and ")" not in page.plain[bracket : span.start]
        if spoken_of or bracketed or page.cues_in(start, end, "director"):
            yield Event("ownership_pct", page.text[span.start : span.end], span.start, span.end, "")
    for cue in page.cues_in(start, end, *FRACTIONS):
        covered = any(span.start < cue.end and cue.start < span.end for span in page.spans_in(start, end, "percent"))
        told = spoken_of and not covered and page.is_free(cue.start, cue.end) and not _inside(page, cue, *_WHOLES)
        if told and not _is_bound(page, start, cue.start, cue.end) and not _is_denied(page, start, cue.start):
            yield Event("ownership_pct", FRACTIONS[cue.concept], cue.start, cue.end, page.text[cue.start : cue.end])
    for match in _BARE_SHARE.finditer(page.low, start, end):
        if not percents and page.is_free(*match.span("share")) and int(match.group("share")) <= 100:
            yield Event("ownership_pct", f"{match.group('share')} %", *match.span("share"), match.group())
    yield from _counted(page, start, end)
    for cue in page.cues_in(start, end, "halves", "equal"):
        if spoken_of and page.is_free(cue.start, cue.end):
            yield Event("together", page.text[cue.start : cue.end], cue.start, cue.end, cue.concept)
    for cue in page.cues_in(start, end, "rest"):
        if spoken_of and not list(page.spans_in(cue.end, min(cue.end + 12, end), "percent")):
            yield Event("rest", page.text[cue.start : cue.end], cue.start, cue.end, page.text[cue.start : cue.end])


def _inside(page: Page, cue: Cue, *concepts: str) -> bool:
    return any(
        o.start <= cue.start and cue.end <= o.end for o in page.cues_in(max(cue.start - 20, 0), cue.end + 20, *concepts)
    )


def _is_of_something_else(page: Page, start: int, end: int, span: Span) -> bool:
    """ "A 10 % discount", "a deposit of 30 %", "60 % of our sales"."""
    behind = [cue for cue in page.cues_in(span.end, min(span.end + 26, end), "not_share") if not _is_a_name(page, cue)]
    ahead = page.cues_in(max(span.start - 20, start), span.start, "not_share")
    return any(not re.search(r"[,;()]", page.plain[span.end : cue.start]) for cue in behind[:1]) or any(
        len(page.low[cue.end : span.start].split()) < 2 for cue in ahead[-1:]
    )


def _is_a_name(page: Page, cue: Cue) -> bool:
    """ "40 % Iva Novak" speaks of no tax."""
    return cue.end - cue.start < 5 and page.plain[cue.start : cue.end].istitle()


def _counted(page: Page, start: int, end: int) -> Iterator[Event]:
    for match in _COUNTED.finditer(page.low, start, end):
        some, whole = (int(re.sub(r"\D", "", match.group(name))) for name in ("some", "all"))
        if page.is_free(*match.span()) and 0 < some <= whole and not _is_denied(page, start, match.start()):
            yield Event("ownership_pct", f"{round(some * 100 / whole, 4):g} %", *match.span(), match.group())


def _is_bound(page: Page, start: int, low: int, high: int) -> bool:
    """ "More than 50 %", "25-50 %", "25 % or more": a limit is no share."""
    cue = next(iter(page.cues_in(max(start, low - 32), low, "bounded")[-1:]), None)
    if cue is not None and _RANGE.fullmatch(page.low, cue.end, low):
        return True
    return _UP.search(page.plain, max(start, low - 4), low) is not None or OR_MORE.match(page.low, high) is not None


def _is_denied(page: Page, start: int, at: int) -> bool:
    """ "No longer owns 60 %", "used to hold", "sold 40 %": said in its clause, and of no share any more."""
    clause = max((page.plain.rfind(sign, start, at) + 1 for sign in ",;:("), default=start)
    cues = page.cues_in(max(start, clause), at, "unowned")
    verbs = page.cues_in(cues[-1].end, at, "holds_alone") if cues else []
    return bool(cues) and not any(page.low[cues[-1].end : verb.start].strip() for verb in verbs)


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
        if before and before[-1] in load_words("roles")["department"] and page.low[cue.start : cue.end] == "manager":
            continue  # "our shop manager" is no officer
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
