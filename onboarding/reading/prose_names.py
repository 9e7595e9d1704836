"""Company names in running text: found by their legal form, which ends them in the West and may begin them in the East.

A name is taken as written, legal form included; where it starts is decided by capitals and by words that never belong
to a name (policy 4.2).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from onboarding.reading.prose_page import Company, Page
from onboarding.reading.shapes import flat, shape
from onboarding.reading.vocabulary import load_words

_TOKEN: Final = re.compile(r"[^\s,;:()\"<>|!?]+")
_JOINERS: Final = frozenset(load_words("stops")["joiner"])
_STOP: Final = re.compile(r"\s*\Z|\s{1,3}[A-Z\u00c0-\u00de\d]|\s{0,3}\n")
_AUSTRALIAN: Final = re.compile(r"SA \d{4}\b")
"""South Australia before its postcode, not a Société Anonyme."""
_FORM_FIRST: Final = re.compile(
    r"(?:SARL|SAS|SASU|EURL|SNC|SCOP|(?:EARL|SCEA|GAEC)(?:\s(?:du|de|des|de la|le|la|les)(?=\s))?)\s"
    r"(?:«\s?[^»\n]{2,60}»|\"[^\"\n]{2,60}\"|“[^”\n]{2,60}”"
    r"|[A-Z\u00c0-\u00de][\w'&-]*(?: (?:(?:de|du|des|la|le|les|d'|et|&) ?){0,3}[A-Z\u00c0-\u00de][\w'&-]*){0,5})"
)
"""French companies are often named form first: "la SARL Durand et Fils"."""
_GOES_ON: Final = re.compile(
    r"(?:(?<=Co)\.? |(?<=Co\.) )(?:[A-Z\u00c0-\u00de][\w-]+ ){1,3}(?:KG|GmbH|OHG|AG|Ltd|Limited|S\.?A|Inc)(?!\w)"
)
""" "Alpaka & Co. Wollmanufaktur KG": the form at the end is the name's."""
_MOST_WORDS: Final = 9
_EAST: Final = r"[\u3005\u30a0-\u30ff\u3400-\u9fff\uac00-\ud7afA-Za-z0-9ー・&＆-]"
_RIGHT: Final = re.compile(rf"(?P<gap>[ \u3000]?)(?P<name>(?:{_EAST}|(?![はがをでとのにも])[ぁ-ん]){{1,30}})")
_READ: Final = re.compile(
    r"[ぁ-んァ-ヶー\u4e00-\u9fff]{1,12}(?=[（(](?:読み|よみ|ふりがな|フリガナ|カナ|かな)?[：: ]{0,2}[ァ-ヶー・ ]{4})"
)
_LEFT: Final = re.compile(rf"(?P<name>{_EAST}{{2,30}})[ \u3000]?$")
_PARTICLE_ONLY: Final = re.compile(r"(?:입니다|이며|이고|으로|에서|[은는이가의을를로])")
_ENDS_IN_PARTICLE: Final = re.compile(
    r"(?:저희|[은는의을를로서])$|(?:当社|弊社|法人名|商号|会社名|상호|법인명|회사명)$"
)
_TAIL: Final = re.compile(r"(?:입니다|이라고|이라는|라는|이며|이고|으로|에서|(?<=..)[은는의을를](?=$)|代表取締役|代表)")


@lru_cache(maxsize=1)
def _forms() -> re.Pattern[str]:
    words = load_words("name_edges")
    loose = sorted({flat(word) for word in words["any"]}, key=len, reverse=True)
    exact = sorted({shape(word) for word in words["exact"]}, key=len, reverse=True)
    space = {form: re.escape(form).replace("\\ ", r"[ \n]{1,3}") for form in [*loose, *exact]}
    return re.compile(
        rf"(?:(?<=[\w.)&'\",] )|(?<=[\s(][ld]'))(?:(?P<any>{'|'.join(space[form] for form in loose)})"
        rf"|(?P<exact>{'|'.join(space[form] for form in exact)}))(?![\w&]|\.\w)"
    )


@lru_cache(maxsize=1)
def _east() -> re.Pattern[str]:
    forms = "|".join(re.escape(word) for word in sorted(load_words("name_edges")["east"], key=len, reverse=True))
    return re.compile(forms)


@lru_cache(maxsize=1)
def _before() -> frozenset[str]:
    return frozenset(flat(word) for word in load_words("name_edges")["before"])


def joiners() -> frozenset[str]:
    """Small words that may stand inside a company's name."""
    return _JOINERS


def companies(page: Page) -> list[Company]:
    """All companies named in the text, in order of place."""
    if page.companies is None:
        page.companies = sorted({*_western(page), *_eastern(page)})
    return page.companies


def company_in(page: Page, start: int, end: int) -> Company | None:
    """The first company inside [start, end)."""
    named = companies(page)
    first = bisect_left(named, (start, 0))
    return next((company for company in named[first : first + 3] if company.end <= end), None)


def _western(page: Page) -> Iterator[Company]:
    # Both patterns run over texts of one length: forms in any case in the flat one, the others in the one with case.
    spaced = page.plain.replace("\n", " ")
    low = page.low.replace("\n", " ")
    ends: dict[int, int] = {}
    strict: set[int] = set()
    for text, group in ((low, "any"), (spaced, "exact")):
        for match in _forms().finditer(text):
            if match.group(group) and match.start() not in ends:
                ends[match.start()] = match.end()
                if group == "exact" and page.plain[: match.start()].rstrip().endswith(","):
                    strict.add(match.start())  # "Kinsale, Co. Cork": only clear forms stand behind a comma
    last = 0
    for form, end in sorted(ends.items()):
        if _GOES_ON.match(page.plain, end):
            continue
        start = _name_start(page, max(last, form - 120, page.sentence(form - 1)[0]), form)
        if start == form and (ahead := _FORM_FIRST.match(page.plain, form)) and ahead.end() > last:
            last = ahead.end()
            yield Company(start, last)
        elif form not in strict and start < form and end > last and any(map(str.isalpha, page.plain[start:form])):
            last = end
            if _AUSTRALIAN.match(page.plain, form):
                continue
            yield Company(start, _with_dot(page.plain, form, end))


def _with_dot(text: str, form: int, end: int) -> int:
    """A dotted form keeps its last dot ("S.r.l."); a full stop after "GmbH" is not the name's."""
    if text[end - 1] == "." and text[form : end - 1].isalpha() and _STOP.match(text, end):
        return end - 1  # "Green Door Ltd. We sell": the stop is the sentence's
    dotted = "." in text[form : end - 1]
    return end + 1 if dotted and text[end : end + 1] == "." and text[end - 1] != "." else end


def _name_start(page: Page, low: int, form: int) -> int:
    """Walk back over the words of the name; ``form`` if there are none."""
    start = form
    tokens = list(_TOKEN.finditer(page.plain, low, form))
    taken = 0
    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        gap = page.plain[token.end() : start]
        if gap.strip(" ,") or ("\n" in gap and page.plain[token.end() : start].count("\n") > 1) or taken >= _MOST_WORDS:
            break
        if ("," in gap and taken) or ("\n" in gap and not _wrapped(page, token.end())):
            break
        word = token.group()
        if not _belongs(word, tokens[index - 1].group() if index else "", taken):
            break
        start, taken = token.start(), taken + 1
    return _trimmed_start(page, start, form)


def _wrapped(page: Page, offset: int) -> bool:
    line = page.plain.rfind("\n", 0, offset) + 1
    return offset - line >= 45


def _belongs(word: str, before: str, taken: int) -> bool:
    bare = word.strip(".'\"")
    if "%" in word or (bare.isdigit() and word.endswith(".")):
        return False  # a share, or the number that ends the sentence before
    joins = flat(bare) in _JOINERS and taken > 0 and before[:1].isupper() and flat(before) not in _before()
    if joins and bare != "I":
        return True
    if flat(bare) in _before() or (word.endswith((".", "!")) and len(bare) > 3):
        return bare.isupper() and flat(bare) not in {"i", "re"} and len(bare) > 2 and not word.endswith(".")
    if not bare or bare[0].isupper() or bare[0].isdigit() or bare in {"&", "+"}:
        return True
    head = before.strip(".'\"")[:1]
    return flat(bare) in _JOINERS and taken > 0 and bool(head) and (head.isupper() or flat(before) in _JOINERS)


def _trimmed_start(page: Page, start: int, form: int) -> int:
    """A name begins with neither a joining word nor a sentence's first article."""
    for token in list(_TOKEN.finditer(page.plain, start, form)):
        word = token.group().strip(".'\"")
        if _is_office_of(page, token.start(), token.end(), form):
            continue
        if word and (word[0].isupper() or word[0].isdigit()) and flat(word) not in _before():
            return token.start()
        if word.isupper() and len(word) > 2:
            return token.start()
    return form


def _is_office_of(page: Page, start: int, end: int, form: int) -> bool:
    """ "Shareholders of X Ltd": the word for people before a small word is no part of the name."""
    following = _TOKEN.search(page.plain, end, form)
    small = following is not None and following.group().islower() and flat(following.group()) in _JOINERS
    return small and bool(page.cues_in(start, end, "owner", "director"))


def _eastern(page: Page) -> Iterator[Company]:
    last = 0
    for match in _east().finditer(page.text):
        after = _RIGHT.match(page.text, match.end())
        before = _LEFT.search(page.text, max(match.start() - 32, last), match.start())
        right = _without_particle(after.group("name")) if after else ""
        left = before.group("name") if before else ""
        if (
            right
            and not (left and _PARTICLE_ONLY.fullmatch(right))
            and not (left and before and _is_name_left(left, after))
        ):
            assert after is not None
            start, end = match.start(), after.start("name") + len(right)
            read = _READ.match(page.text, end)
            end = read.end() if read else end  # a name with a particle's letter in it, known by its reading
        elif left and before:
            start, end = before.start("name"), match.end()
        else:
            continue
        last = end
        yield Company(start, end)


def _is_name_left(left: str, after: re.Match[str] | None) -> bool:
    """Whether the name stands before the form: the words before it end in no particle and the form is not joined on."""
    return not _ENDS_IN_PARTICLE.search(left) and after is not None and after.group("gap") != ""


def _without_particle(name: str) -> str:
    cut = _TAIL.search(name)
    return name[: cut.start()] if cut and cut.start() > 0 else name
