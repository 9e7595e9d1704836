"""People as words (policy 7): offices, yes/no flags, and the names, shares and details in a phrase about someone."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from pydantic import JsonValue

from onboarding.application import Role
from onboarding.reading.amounts import read_share
from onboarding.reading.codes import country_code
from onboarding.reading.dates import read_date
from onboarding.reading.labels import read_label
from onboarding.reading.text import clean, fold, has_cjk, scalar_text
from onboarding.reading.vocabulary import load_words

_LONGEST: Final = 2000
_SEPARATORS: Final = re.compile(r"[,;/|+&\n]|\band\b|\bund\b|\bet\b|\ben\b|\be\b|\by\b|\bi\b|\boch\b|・|、|및|·")
_SHARE: Final = re.compile(r"\d{1,3}(?:[.,]\d{1,6})? ?(?:%|percent|prozent|procent|pour cent|por ciento|per cento)")
_BORN: Final = re.compile(
    r"\b(?:born(?: on)?|b\.|dob:?|d\.o\.b\.?|geb(?:oren)?\.?(?: am| op)?|née?(?:\(e\))?(?: le)?|nascid[oa](?: em)?|"
    r"nacid[oa](?: el)?|"
    r"nat[oa](?: il)?|ur\.|urodzon[ya](?: dnia)?|född(?: den)?|date of birth:?)(?![^\W\d_])\s*",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"^\s*(?:지분율?|持分|持株|shares?|anteile?|parts|quote|udziały|andelar)\s*[=:：]\s*", re.IGNORECASE
)
_TOGETHER: Final = re.compile(r"\s(?:and|und|et|en|e|y|i|och|&)\s|兼|및|と")
_ONESELF: Final = re.compile(r"^\s*(?:[Mm]e|[Mm]yself)\s*[,:–—-]\s*|\s*[,:–—-]\s*(?:[Mm]e|[Mm]yself)\s*$")
"""Who answers, in the answer ("me, Ada Price"): no name, and no Montenegro."""
_NAME: Final = re.compile(r"[^\W\d_][^\d@%:;()\[\]{}<>/|,]{1,80}")


class Mention(NamedTuple):
    """A person in a phrase: ``name`` as written and what stands beside it as (person field, raw)."""

    name: str
    details: tuple[tuple[str, str], ...] = ()


@lru_cache(maxsize=1)
def _role_words() -> dict[str, str]:
    words = load_words("roles")
    kinds = ("not_officer", "outsider", "owner", "director", "control_person", "sole_owner")
    return {fold(word): kind for kind in kinds for word in words[kind]}


@lru_cache(maxsize=4096)
def _roles_of_phrase(phrase: str) -> frozenset[str]:
    """Kinds of office that one phrase names, longest words first ("authorised signatory" is no director)."""
    words = _role_words()
    found: set[str] = set()
    rest = f" {fold(phrase)} "
    if has_cjk(rest):
        found |= {words[w] for w in _cjk_roles() if w in rest and not (w == "대표" and "대표이사" in rest)}
    tokens = re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*|100%", rest)
    at = 0
    while at < len(tokens):
        size = next((n for n in range(min(5, len(tokens) - at), 0, -1) if " ".join(tokens[at : at + n]) in words), 0)
        if size:
            found.add(words[" ".join(tokens[at : at + size])])
        elif "-" in tokens[at]:
            found |= {words[part] for part in tokens[at].split("-") if part in words}
        at += size or 1
    return frozenset(found)


@lru_cache(maxsize=1)
def _cjk_roles() -> tuple[str, ...]:
    return tuple(sorted((w for w in _role_words() if has_cjk(w)), key=len, reverse=True))


def role_kinds(raw: JsonValue) -> frozenset[str]:
    """What a statement of offices says: any of owner, director, control_person, sole_owner, not_officer."""
    texts = [scalar_text(item) for item in raw] if isinstance(raw, list) else [scalar_text(raw)]
    found: set[str] = set()
    for text in texts[:50]:
        for phrase in _SEPARATORS.split(text[:_LONGEST].replace("_", " "))[:50]:
            found |= _roles_of_phrase(phrase.strip()[:200])
    return frozenset(found)


def roles(kinds: frozenset[str]) -> set[Role]:
    """The canonical roles among ``kinds`` ("owner" follows from the share, not from the word: policy 7)."""
    found: set[Role] = set()
    if "director" in kinds:
        found.add("director")
    if "control_person" in kinds:
        found.add("control_person")
    return found


def flag(raw: JsonValue) -> bool | None:
    """Yes or no of a ticked box in any supported language; None if it is neither."""
    if isinstance(raw, bool):
        return raw
    text = fold(scalar_text(raw))[:20]
    words = load_words("roles")
    if text in map(fold, words["yes"]):
        return True
    return False if text in map(fold, words["no"]) else None


def says_both(label: str) -> bool:
    """Whether a heading says of everybody below it that he is an officer and an owner ("Directors and shareholders");
    "owners or directors", "owners / directors" leave open who is which."""
    halves = _TOGETHER.split(label.rstrip(" :?."), maxsplit=1)
    offices = [{c for segment in read_label(half).segments for c in segment} for half in halves]
    return len(halves) == 2 and set.union(*offices) >= {"@owner", "@director"}


def mentions(text: str, *, several: bool = False) -> list[Mention]:
    """The people a value names: "Jane Doe", "Jane Doe (60 %, born 4 May 1980)", "Jane Doe 60%, John Roe 40%".

    ``several``: the label is a plural, so that "Jane Roe, John Roe" are two people and no "Family, Given".
    """
    whole = clean(_LEAD.sub("", text[:_LONGEST]))
    if whole is None:
        return []
    found: list[Mention] = []
    for piece in _listed_names(whole, several=several) or _pieces(whole):
        mention = _mention(piece)
        if mention is None:
            continue
        if mention.name:
            found.append(mention)
        elif found and mention.details:
            found[-1] = Mention(found[-1].name, found[-1].details + mention.details)
    return found


def _pieces(text: str) -> list[str]:
    """Split between people: semicolons, bars, line ends always; commas and "and" where shares or details need it."""
    parts = [p for p in re.split(r"\s*[;\n|]\s*|\s+/\s+(?=\D)", text) if p]
    if len(parts) > 1:
        return [piece for part in parts for piece in _pieces(part)]
    if not re.search(r"[\d%(]", text):
        joined = re.split(r"\s+(?:and|und|et|en|e|y|i|och|&)\s+|\s*[、・&]\s*", text)
        if len(joined) > 1 and all(_looks_like_name(p) and " " in p for p in joined):
            return joined
        return [text]
    return [p.strip(" ,") for p in _outside_brackets(text) if p.strip(" ,")]


def _listed_names(text: str, *, several: bool) -> list[str]:
    """Bare full names between commas, perhaps with "and" before the last."""
    if re.search(r"[\d%()]", text):
        return []
    parts = [part.strip() for part in re.split(r",|、|\s(?:and|und|et|en|y|och|&)\s", text) if part.strip()]
    full = all(_looks_like_name(part) and (len(part.split()) > 1 or has_cjk(part)) for part in parts)
    described = any(_detail(part) for part in parts)
    return parts if full and not described and len(parts) > (1 if several or "、" in text else 2) else []


def _outside_brackets(text: str) -> list[str]:
    """Split at commas and "and" that are not inside brackets."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(r"[(\[（]|[)\]）]|, | (?:and|und|et|en|y|och|&) |、", text):
        mark = match[0]
        if mark in "([（":
            depth += 1
        elif mark in ")]）":
            depth = max(0, depth - 1)
        elif depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
    return [*parts, text[start:]]


def _mention(piece: str) -> Mention | None:
    inside = re.findall(r"[(\[（]([^()\[\]（）]*)[)\]）]", piece)
    outside = _ONESELF.sub("", re.sub(r"[(\[（][^()\[\]（）]*[)\]）]", " ", piece)).strip()
    details: list[tuple[str, str]] = []
    name = ""
    family_first = re.fullmatch(r"([^,\d]{1,60}), ([^,\d]{1,60})", outside)
    if family_first and not _detail(family_first[2]) and _looks_like_name(family_first[1]):
        name, outside = outside, ""
    for chunk in [outside, *inside]:
        for part in re.split(r"\s*[,:]\s+|\s+[-–—]\s+", chunk):
            detail = _detail(part)
            if detail:
                details.extend(detail[1])
                name = name or detail[0]
            elif not name and _looks_like_name(part):
                name = part.strip(" .,:-–")
    return Mention(name, tuple(details)) if name or details else None


def _detail(part: str) -> tuple[str, list[tuple[str, str]]] | None:
    """What one part says besides a name; a name in front of a share or a birth date is kept."""
    text = part.strip(" .,")
    found: list[tuple[str, str]] = []
    rest = text
    if share := _SHARE.search(rest):
        found.append(("ownership_pct", share[0]))
        rest = f"{rest[: share.start()]} {rest[share.end() :]}"
    if born := _BORN.search(rest):
        found.append(("dob", rest[born.end() :]))
        rest = rest[: born.start()]
    elif re.search(r"\d", rest) and (date := read_date(rest)) and date.complete:
        return "", [*found, ("dob", rest)]
    rest = " ".join(rest.split()).strip(" .,:-–=")
    kinds = _roles_of_phrase(rest) if rest else frozenset()
    if kinds and len(rest.split()) <= 6:
        named = _beside_office(rest)
        return named, [*found, ("roles", rest.replace(named, " ").strip() if named else rest)]
    if rest and rest[0].islower() and _is_nationality(rest):
        return "", [*found, ("nationality", rest)]
    if not found and rest and len(rest.split()) == 1 and _is_nationality(rest) and not has_cjk(rest):
        return "", [("nationality", rest)]
    if found:
        return (rest if _looks_like_name(rest) else ""), found
    if not rest and read_share(text):
        return "", [("ownership_pct", text)]
    return None


def _is_nationality(text: str) -> bool:
    """Whether it names a country; a code of two letters is written in capitals, else it is a word (me, it, is)."""
    return (len(text) > 2 or text.isupper()) and country_code(text) is not None


def _beside_office(text: str) -> str:
    """The name in "CEO Jane Doe" or "Jane Doe Geschäftsführerin"; empty when the text is the office alone."""
    words = text.split()
    known = _role_words()
    for size in range(min(4, len(words) - 2), 0, -1):
        for office, rest in ((words[:size], words[size:]), (words[-size:], words[:-size])):
            name = " ".join(rest)
            if (
                fold(" ".join(office)) in known
                and len(rest) > 1
                and not _roles_of_phrase(name)
                and _looks_like_name(name)
            ):
                return name
    return ""


def _looks_like_name(text: str) -> bool:
    text = text.strip()
    return bool(_NAME.fullmatch(text)) and len(text.split()) <= 10 and any(c.isupper() or c > "\u02ff" for c in text)
