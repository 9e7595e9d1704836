"""Postal addresses in running text: a postcode with its city, or an address phrase, and the street before it.

The result is one composite value; taking it apart is addresses.py's work.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.prose_names import companies
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_values import Found
from onboarding.reading.shapes import flat
from onboarding.reading.vocabulary import load_words

_CITY: Final = (
    r"[A-Z\u00c0-\u00de\u0104-\u017d][\w'.\u00c0-\u024f-]{1,30}(?:[ -](?:(?:de|la|am|an|der|upon|on|aan|den|do"
    r"|da|di|del|sur|en|le|les|los|las|y|i|im|in|bei"
    r"|ob)[ -])*[A-Z\u00c0-\u00de\u0104-\u017d][\w'\u00c0-\u024f-]{1,30}){0,3}"
)
_CODES: Final = re.compile(
    r"(?<![\w/-])(?:"
    r"(?P<gb>[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})|(?P<ca>[A-Z]\d[A-Z] ?\d[A-Z]\d)|(?P<ie>[A-Z]\d[\dW] "
    r"?[A-Z\d]{4})|(?P<mt>[A-Z]{3} ?\d{4})"
    r"|(?P<nl>\d{4} ?[A-Z]{2})|(?P<pl>\d{2}-\d{3})|(?P<br>\d{5}-\d{3})|(?P<pt>\d{4}-\d{3})"
    r"|(?P<us>\d{5}-\d{4})|(?P<se>\d{3} \d{2})"
    r"|(?P<bare>(?:[A-Z]{1,2}-)?\d{4,6}))(?![\w/-]|[.,]\d)"
)
_STATES: Final = frozenset(load_words("stops")["state"])
_STREET: Final = re.compile(
    r"(?:\d{1,4}(?:st|nd|rd|th) [^\W\d]|\d{1,5}[A-Za-z]?(?:[-/]\d{1,4})?,? [^\W\d]|[^\W\d_]{2,}\.?,? "
    r"(?:n[°ºr.]{1,2} ?)?#?\d{1,5}|[^\W\d_]{2,}(?:straat|strasse|straße|gatan|vägen|weg|gasse|kade"
    r"|laan)\b"
    r"|\b(?:lieu-dit|domaine|ferme|ch[âa]teau|hameau|moulin|clos|mas|cascina|masseria"
    r"|podere|finca|cortijo|mas[íi]a) (?:[^\W\d_]|['’ -]){3,40},)",
    re.I,
)
_TOKEN: Final = re.compile(r"[^\s]+")
_EASTERN: Final = re.compile(
    r"〒\s?\d{3}[-−]?\d{4}[ \u3000]?[^\n、。;；:：（(]{4,60}"
    r"|[\u4e00-\u9fff]{2,3}[都道府県][\u4e00-\u9fff々]{1,8}[市区郡町村][^\n、。;；:：（(\s]{1,40}"
    r"|(?:\(?\d{5}\)?\s)?(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남"
    r"|제주)[가-힣]{0,6}\s[가-힣]{1,8}[시군구]\s[^\n.,;:은는이가]{2,60}?\d{1,5}(?:-\d{1,4})?(?:번지|호|층)?(?:,? "
    r"?[가-힣\d]{1,10}(?:층|호))?(?:\s?\(\d{5}\)|\s\d{5}(?!\d))?"
)
_BEFORE_CODE: Final = re.compile(r",? (?:in|à|a|te|i|w|en|em) (?=(?:[A-Z]{1,2}-)?\d{4,6}(?: [A-Z]{2})?\b)")
_CITY_AHEAD: Final = re.compile(rf"(?:^|\s)(?:a|in|en|em|à|te) (?P<city>{_CITY})(?: in| en| em| na|,) ?$")
_ENDS_IN_CODE: Final = re.compile(r", ?\d{5}$")
_CODE_WORDS: Final = re.compile(
    r"\b(?:CEP|C\.?P\.?|PLZ|postcode|post code|zip(?: code)?|eircode|CAP|kod pocztowy)[: ]+(?=[A-Z0-9])", re.I
)
_LONGEST: Final = 120
_AFTER: Final = re.compile(rf",? {{0,2}}(?:\(?[A-Z]{{2}}\)?(?![\w])|{_CITY})")
_TOWN_FIRST: Final = re.compile(r"([^\W\d_]{4,}), (?=[^\W\d_])")
_HOME: Final = ("living",)


_SOMEBODY: Final = re.compile(r":? (?:[^\W\d_a-z][\w'-]{1,25} ){1,3}[^\W\d_a-z][\w'-]{1,25}, ")


_MOST_LINES: Final = 3
_LONGEST_LINE: Final = 40


class Place(NamedTuple):
    """An address found, [start, end); ``sure`` 0 to 1."""

    start: int
    end: int
    sure: float


@lru_cache(maxsize=1)
def _small() -> frozenset[str]:
    return frozenset(flat(word) for phrase in load_words("streets")["small"] for word in phrase.split())


def read_address(page: Page) -> list[Found]:
    """The merchant's address: the surest, then the first; one where somebody lives is not the merchant's."""
    found = [*_eastern(page), *_by_code(page)] or list(_by_street(page))
    best = max(found, key=lambda place: (place.sure, -place.start), default=None)
    if best is None:
        return []
    page.claim(best.start, best.end)
    raw = _BEFORE_CODE.sub(", ", _CODE_WORDS.sub("", page.text[best.start : best.end]))
    city = _CITY_AHEAD.search(page.plain, max(best.start - 60, page.sentence(best.start)[0]), best.start)
    if city and _ENDS_IN_CODE.search(raw):
        raw = f"{raw} {city.group('city')}"  # "a Monza in Via Bergamo 21, 20900"
    return [Found("address", best.start, best.end, raw, "address", best.sure)]


def _eastern(page: Page) -> Iterator[Place]:
    for match in _EASTERN.finditer(page.text):
        if page.is_free(*match.span()):
            end = match.end()
            for tail in ("です", "にあります", "に所在", "に店舗", "で営業", "に位置", "にござい", "にあり"):
                cut = page.text.find(tail, match.start(), end)
                end = cut if cut > 0 else end
            yield Place(match.start(), end, 0.9)


def _by_code(page: Page) -> Iterator[Place]:
    for match in _CODES.finditer(page.plain):
        if not page.is_free(*match.span()) or page.spans_in(
            match.start(), match.end(), "date", "phone", "iban", "percent"
        ):
            continue
        start = _start(page, match.start())
        end, city = _end(page, match)
        start = _past_city(page, start, end)
        text = page.plain[start:end]
        if not city and not _city_before(page, start, match):
            continue
        if match.lastgroup == "bare" and not _STREET.search(page.plain, start, match.start()):
            continue
        named = match.lastgroup in ("gb", "ie") and text.count(",") > 0
        if (_STREET.search(text) or named) and not page.cues_in(max(start - 40, 0), start, *_HOME):
            yield Place(start, end, 0.85 if match.lastgroup != "bare" or city else 0.8)


def _past_city(page: Page, start: int, end: int) -> int:
    """ "z siedzibą w Zakopanem, ul. Krupówki 28, … Zakopane": a town said first, in whatever case, is no street."""
    first = _TOWN_FIRST.match(page.plain, start, end)
    if first is None:
        return start
    stem = flat(first.group(1))[: max(4, len(first.group(1)) - 3)]
    again = any(flat(word).startswith(stem) for word in re.findall(r"[^\W\d_]+", page.plain[first.end() : end]))
    return first.end() if again else start


def _by_street(page: Page) -> Iterator[Place]:
    """A street with its number and a city, where no postcode is given ("Töpfergasse 3, Leipzig")."""
    for match in _streets().finditer(page.plain):
        here = page.sentence(match.start())[0]
        if page.is_free(*match.span()) and not page.cues_in(max(match.start() - 40, here), match.start(), *_HOME):
            yield Place(match.start(), _without_sentence(page, match.start(), match.end()), 0.6)


@lru_cache(maxsize=1)
def _streets() -> re.Pattern[str]:
    """Street and number, or number and street, then a city: words and endings of streets are data."""
    words = load_words("streets")
    ends, last, first = ("|".join(re.escape(word) for word in words[kind]) for kind in ("ending", "last", "first"))
    name = r"[A-Z\u00c0-\u00de\u0104-\u017d][\w'.\u00c0-\u024f-]{1,25}"
    number = r"\d{1,4}[a-zA-Z]?(?:[/-]\d{1,3})?"
    return re.compile(
        rf"(?:(?<!\w)(?:(?:{name} )?{name[:-6]}{{0,25}}(?:{ends})|(?:{first}) (?:\w{{1,15}} ){{0,3}}{name}),? {number}"
        rf"|(?<!\w){number},? (?:(?:{name} ){{1,3}}(?:{last})\b\.?|(?:{first}) (?:[\w']{{1,15}} ){{0,3}}{name})),?"
        rf"(?: (?:in|i|à|w|en|te|em))? {_CITY}"
    )


def _start(page: Page, code: int) -> int:
    """Walk back from the postcode over words that may stand in an address."""
    sentence, _ = page.sentence(code)
    low = max(_block(page, sentence, code), code - _LONGEST)
    start = code
    tokens = list(_TOKEN.finditer(page.plain, low, code))
    for token in reversed(tokens):
        word = token.group()
        bare = word.strip(",;()")
        gap = page.plain[token.end() : start]
        if "\n\n" in gap or not page.is_free(token.start(), token.end()) or word.endswith((":", ";", "!", "?")):
            break
        if page.cues_in(token.start(), token.end(), "founded", "born", "title") or page.spans_over(
            token.start(), token.end(), "email", "url", "date", "percent"
        ):
            break
        if (
            bare
            and not (bare[0].isupper() or bare[0].isdigit() or bare[0] in "#'" or flat(bare) in _small())
            and bare != "-"
        ):
            break
        if page.cues_in(token.start(), token.end(), "owner", "director") and (
            somebody := _SOMEBODY.match(page.plain, token.end(), code)
        ):
            start = somebody.end()  # "Inh. Jane Doe, Mill Lane 5": whose it is, is no street
            break
        if word.endswith(".") and len(bare) > 4 and start != code and not bare.rstrip(".").endswith("str"):
            break
        if _in_company(page, token.start()):
            break
        start = token.start()
    return _street_start(page, start, code)


def _block(page: Page, line: int, code: int) -> int:
    """Where an address set in short lines begins: the line with the street, not far above the one with the postcode."""
    start = line
    while page.plain[start : start + 1] == "\n":
        start += 1
    for _ in range(0 if _STREET.search(page.plain, line, code) else _MOST_LINES):
        end = start - 1
        above = page.plain.rfind("\n", 0, max(end, 0)) + 1
        text = page.plain[above : max(end, 0)].strip()
        if not text or len(text) > _LONGEST_LINE or any(sign in text for sign in ":@|!?"):
            return line
        if _STREET.search(page.plain, above, end):
            return above
        start = above
    return line


def _in_company(page: Page, offset: int) -> bool:
    named = companies(page)
    index = bisect_right(named, (offset, len(page.text))) - 1
    return index >= 0 and named[index].end > offset


def _street_start(page: Page, start: int, code: int) -> int:
    """Where the street begins: past words that only lead to it ("our shop is at", "Sitz in", "The Old Ltd,")."""
    tokens = list(_TOKEN.finditer(page.plain, start, code))
    for index, token in enumerate(tokens[:5]):
        if re.search(r"[\d,]", token.group()):
            break
        if index and flat(token.group()) in _PREPOSITIONS:
            start = token.end()
    for token in tokens:
        if token.start() < start:
            continue
        bare = flat(token.group().strip(",.()"))
        lead = bare in _LEADS or not token.group().strip(",()-")
        if not lead:
            return token.start()
        start = token.end()
    return min(start, code)


_PREPOSITIONS: Final = frozenset(load_words("stops")["place_preposition"])
_LEADS: Final = frozenset(load_words("stops")["lead"])


def _end(page: Page, code: re.Match[str]) -> tuple[int, bool]:
    """After the city behind a continental postcode, else after the postcode (and a region or country)."""
    behind = re.compile(rf"[ ,]{{1,2}}{_CITY}").match(page.plain, code.end())
    digits = sum(map(str.isdigit, code.group()))
    if code.lastgroup in ("gb", "ca", "ie", "us", "mt") or behind is None or (code.lastgroup == "bare" and digits == 6):
        return code.end(), False
    end = _without_sentence(page, code.end(), behind.end())
    more = re.compile(r" ?\([A-Z]{2}\)|, ?(?:[A-Z]{2}(?![\w.])|" + _CITY + r")").match(page.plain, end)
    if more and _is_region(page.plain[end : more.end()]):
        end = more.end()
    return end, True


def _without_sentence(page: Page, start: int, end: int) -> int:
    _, stop = page.sentence(start)
    end = min(end, stop)
    while end > start and page.plain[end - 1] in " .,;\n":
        end -= 1
    return end


def _is_region(text: str) -> bool:
    from onboarding.reading.codes import country_code

    bare = text.strip(" ,()")
    return bare in _STATES or (len(bare) == 2 and bare.isupper()) or country_code(bare) is not None


def _city_before(page: Page, start: int, code: re.Match[str]) -> bool:
    """A city (and perhaps a state) before the postcode, as in Britain, America, Australia, India."""
    words = re.findall(r"[^\W\d_][\w'.-]*", page.plain[start : code.start()])
    return bool(words) and (words[-1][0].isupper() or words[-1] in _STATES)
