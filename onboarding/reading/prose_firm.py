"""Who the merchant is in running text: its legal name, its reading, its trading name, its kind of business.

Of several companies named, the one that the writer calls his own, else the first that is not addressed, banked with,
supplied by, or an owner (policy 4.2, 4.8).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from onboarding.reading.cues import Cue, Phrases
from onboarding.reading.legal_forms import entity_type
from onboarding.reading.prose_names import companies
from onboarding.reading.prose_page import Company, Page
from onboarding.reading.prose_values import Found
from onboarding.reading.vocabulary import load_words

_NEAR: Final = 45
_NEAR_BEFORE: Final = 16
_PRESENTING: Final = frozenset(
    ["we are", "we're", "i am", "i'm", "wir sind", "nous sommes", "wij zijn", "somos", "siamo", "jestesmy", "vi ar"]
)
_KANA: Final = re.compile(r"\s?[（(]\s?([ァ-ヶー・ \u3000]{3,60})[）)]")
_BRACKETED: Final = re.compile(r"\.? ?[(/] ?(?P<number>[A-Z]{0,4}[ -]?\d[\d ./-]{4,16}\d[A-Z]?) ?[)/]")
_CALLED: Final = re.compile(r",? (?:number|numero|no|nr|n°|nº)\.? (?P<number>[A-Z]{0,4}\d{5,14}[A-Z]?)(?![\w/-])", re.I)
_BARE: Final = re.compile(r", (?P<number>[A-Z]{2}\d{6}|\d{8})(?= ?(?:[),;\n]|\.\s|\.?\Z))")
_TITLE: Final = re.compile(
    r"[\s:：]{0,3}(?:is |are |ist |est |es |è |é |jest |är |は|는"
    r"|은)?(?P<quote>[\"'«„“「『])?(?P<name>(?(quote)[^\"'»”“」』\n]{2,60}|[^\W\d_a-z][^\n,;.()]{1,60}))"
)
_CUT: Final = re.compile(
    r"\s+(?:in|at|and|but|aber|mais|pero|ma|maar|mas|ale|men|until|which|on|since|und|in|seit|et|à|depuis|en|sinds|y|desde|e|dal|a|i|w|od|och|sedan"
    r"|from|is|ist|est)\s+(?=[a-z])|で|です|입니다|이라"
)


@lru_cache(maxsize=1)
def _sole_trader() -> Phrases:
    words = load_words("legal_forms")["sole_proprietorship"]
    short = {"ei", "mei", "zzp", "jdg", "ef", "個人", "개인", "artisan", "individual", "enskild", "firma"}
    extra = [
        "microempreendedora individual",
        "sou mei",
        "sole trader",
        "self-employed",
        "sole prop",
        "sole props",
        "selbständig",
        "selbstständig",
        "soy autónomo",
        "soy autónoma",
        "als zzp'er",
        "als zzp-er",
    ]
    return Phrases({"sole": [word for word in [*words, *extra] if len(word) > 4 and word not in short]})


def merchant_of(page: Page) -> Company | None:
    """The company that applies, None if the text names none."""
    named = [company for company in companies(page) if not _is_other(page, company)]
    own = [company for company in named if _is_own(page, company)]
    clients = [company for company in own if page.cues_in(max(company.start - _NEAR, 0), company.start, "client")]
    return next(iter(clients or own or named), None)


def read_firm(page: Page, merchant: Company | None) -> list[Found]:
    """Legal name, reading, trading name and entity type as far as they are stated."""
    found = [*_names(page, merchant), *_trading(page, merchant)]
    if merchant is None:
        found += _called(page)
        found += _sole(page)
    for item in found:
        if item.path != "entity_type":
            page.claim(item.start, item.end)
    return found


def _names(page: Page, merchant: Company | None) -> Iterator[Found]:
    if merchant is None:
        return
    start, end = merchant
    yield Found("legal_name", start, end, page.text[start:end], "", 0.8)
    kana = _KANA.match(page.text, end)
    if kana:
        yield Found("legal_name_kana", *kana.span(1), kana.group(1), "", 0.8)


def bracketed_number(page: Page, merchant: Company | None) -> list[Found]:
    """The number right behind the merchant's name, in brackets or called so: nothing else is put there in few words."""
    matches = (form.match(page.text, merchant.end) for form in (_BRACKETED, _CALLED, _BARE)) if merchant else ()
    match = next(filter(None, matches), None)
    if match is None or not page.is_free(*match.span("number")):
        return []
    page.claim(*match.span("number"))
    return [Found("registration_number", *match.span("number"), match.group("number"), "", 0.6)]


def _is_own(page: Page, company: Company) -> bool:
    low = max(company.start - _NEAR, page.sentence(company.start)[0])
    return bool(page.cues_in(low, company.start, "merchant"))


def _is_other(page: Page, company: Company) -> bool:
    low = max(company.start - _NEAR, page.sentence(company.start)[0])
    others = page.cues_in(low, company.start, "not_merchant")
    if others and not any(_presents(page, cue) for cue in page.cues_in(others[-1].end, company.start, "merchant")):
        return True
    tail = page.low[company.end : company.end + 8]
    if tail.startswith((" team", "様", " 御中", "御中")):
        return True
    share = page.spans_in(company.end, company.end + 25, "percent")
    if len(companies(page)) == 1:
        return False
    held = page.cues_in(max(company.start - 12, 0), company.start, "to_person", "belongs")
    before = [
        span for span in page.spans_in(low, company.start, "percent") if ")" not in page.plain[span.end : company.start]
    ]
    holds = page.cues_in(company.end, company.end + 12, "owns", "belongs")
    return bool(before and held) or bool(
        share and (holds or page.plain[company.end : share[0].start].strip() in ("(", ":", ""))
    )


def _presents(page: Page, cue: Cue) -> bool:
    """ "Dear all, we are X Ltd": who presents himself behind the salutation is not the one addressed."""
    return page.low[cue.start : cue.end] in _PRESENTING


def _trading(page: Page, merchant: Company | None) -> Iterator[Found]:
    for cue in page.cues_in(0, len(page.text), "trading_as"):
        match = _TITLE.match(page.text, cue.end)
        if match is None or page.cues_in(max(cue.start - _NEAR_BEFORE, 0), cue.start, "unowned"):
            continue  # "we used to trade as …"
        start, end = match.span("name")
        cut = _CUT.search(page.text, start, end)
        end = cut.start() if cut and not match.group("quote") else end
        if merchant and start < merchant.end and merchant.start < end:
            continue
        yield Found("trading_name", start, end, page.text[start:end].strip(), page.text[cue.start : cue.end], 0.8)
        return


def _called(page: Page) -> Iterator[Found]:
    """ "La ditta è Gelateria Polare di …": a registered name without a legal form, stated as such."""
    for cue in page.cues_in(0, len(page.text), "firm_is"):
        match = _TITLE.match(page.text, cue.end)
        if match and page.is_free(*match.span("name")):
            yield Found("legal_name", *match.span("name"), match.group("name").strip(), "", 0.7)
            return


def _sole(page: Page) -> Iterator[Found]:
    for cue in _sole_trader().find(page.text):
        if (
            entity_type(page.text[cue.start : cue.end]) == "sole_proprietorship"
            or "self" in page.low[cue.start : cue.end]
            or "sole" in page.low[cue.start : cue.end]
        ):
            raw = (
                "sole trader" if entity_type(page.text[cue.start : cue.end]) is None else page.text[cue.start : cue.end]
            )
            yield Found("entity_type", cue.start, cue.end, raw, "", 0.7)
            return
