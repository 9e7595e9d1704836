"""Legal forms (policy 4.8): the entity type of a stated form or of a name's legal form; who is no natural person."""

import re
from functools import lru_cache
from typing import Final, get_args

from onboarding.application import EntityType
from onboarding.reading.text import fold, has_cjk
from onboarding.reading.vocabulary import load_words

_WORD: Final = re.compile(r"[^\W_]+(?:[-'/][^\W_]+)*|&|\(c\)\(3\)")
_LONGEST_FORM: Final = 7
_NOT_IN_NAMES: Final = frozenset(load_words("entity_words")["not_in_names"])
_IN_NAMES_LAST: Final = frozenset(load_words("entity_words")["last_only"])
_ENTITY_WORDS: Final = frozenset(load_words("entity_words")["entity"])
_ENTITY_CJK: Final = (
    "会社",
    "法人",
    "組合",
    "ホールディングス",
    "財団",
    "ファンド",
    "회사",
    "법인",
    "재단",
    "홀딩스",
    "조합",
    "펀드",
    "(株)",
    "㈜",
    "(주)",
)
_ITALIAN_SAS: Final = frozenset({"sas"})


def _tokens(text: str) -> list[str]:
    """Folded words without dots, runs of single letters joined: "S.A. de C.V." → sa de cv, "sp. z o.o." → sp zoo."""
    spaced = re.sub(r"(?<=\w\w)\.(?=\w)", ". ", fold(text))
    return _join_letters(_WORD.findall(spaced.replace(".", "")))


def _join_letters(words: list[str]) -> list[str]:
    joined: list[str] = []
    letters = ""
    for word in [*words, ""]:
        if len(word) == 1 and word.isalpha() and not has_cjk(word):
            letters += word
            continue
        if letters:
            joined.append(letters)
        letters = ""
        if word:
            joined.append(word)
    return joined


@lru_cache(maxsize=1)
def _forms() -> dict[str, EntityType]:
    found: dict[str, EntityType] = {}
    for kind in get_args(EntityType):
        for form in load_words("legal_forms").get(kind, ()):
            found.setdefault(" ".join(_tokens(form)), kind)
    return found


@lru_cache(maxsize=1)
def _cjk_forms() -> tuple[tuple[str, EntityType], ...]:
    rows = (
        (form, kind)
        for kind in get_args(EntityType)
        for form in load_words("legal_forms").get(kind, ())
        if has_cjk(form)
    )
    return tuple(sorted(((fold(form), kind) for form, kind in rows), key=lambda row: -len(row[0])))


@lru_cache(maxsize=4096)
def entity_type(text: str | None, country: str | None = None) -> EntityType | None:
    """The type a stated form means ("GmbH", "Sociedade Empresária Limitada", "sole trader"); None if unknown."""
    if not text or len(text) > 200:
        return None
    if text.strip().lower() in get_args(EntityType):
        return text.strip().lower()  # type: ignore[return-value]
    words = _tokens(text)
    whole = _forms().get(" ".join(words))
    if whole:
        return _by_country(" ".join(words), whole, country)
    return _best(words, country, named=False) or _cjk(fold(text))


@lru_cache(maxsize=4096)
def type_of_name(name: str | None, country: str | None = None) -> EntityType | None:
    """The type that a company's name carries in its legal form; None for a name without one."""
    if not name or len(name) > 300:
        return None
    found = _cjk(fold(name), named=True) or _best(_tokens(name), country, named=True)
    last = name.split()[-1] if name.split() else ""
    short = len(re.sub(r"\W", "", last)) <= 2 and not has_cjk(name) and last != "Oy"
    if short and "." not in last and not any(c.isupper() for c in last[1:]) and len(_tokens(name)) <= 3:
        return _best(_tokens(name)[:-1], country, named=True)
    return found


def _cjk(folded: str, *, named: bool = False) -> EntityType | None:
    if not has_cjk(folded) and "(" not in folded:
        return None
    return next((kind for form, kind in _cjk_forms() if form in folded and not (named and form in _NOT_IN_NAMES)), None)


def _best(words: list[str], country: str | None, *, named: bool) -> EntityType | None:
    """The longest known form among the words, the last one of equals (the form stands at the end of a name)."""
    best: tuple[int, int, EntityType] | None = None
    for start in range(len(words)):
        for size in range(min(_LONGEST_FORM, len(words) - start), 0, -1):
            phrase = " ".join(words[start : start + size])
            kind = _forms().get(phrase)
            if kind is None or (named and not _may_stand_in_name(phrase, start, size, len(words))):
                continue
            kind = _by_country(phrase, kind, country)
            if best is None or (size, start) >= best[:2] or _rank(kind) > _rank(best[2]):
                best = (size, start, kind)
            break
    return best[2] if best else None


def _rank(kind: EntityType) -> int:
    """Words that overrule a company's form beside them: "AB (publ)", "FZ-LLC"."""
    return 1 if kind in {"public_company", "free_zone_establishment"} else 0


def _may_stand_in_name(phrase: str, start: int, size: int, count: int) -> bool:
    last = start + size == count
    if phrase in _NOT_IN_NAMES or len(phrase) <= 2:
        return last and start > 0 and (phrase in _IN_NAMES_LAST or (len(phrase) == 2 and phrase not in _NOT_IN_NAMES))
    return (
        start > 0
        or size > 1
        or count == 1
        or phrase in {"sarl", "sas", "sasu", "eurl", "snc", "scop", "earl", "scea", "gaec"}
        or phrase in {"stichting", "stiftung", "fundacja", "stowarzyszenie", "verein"}
    )


def _by_country(phrase: str, kind: EntityType, country: str | None) -> EntityType:
    if country == "IT" and phrase in _ITALIAN_SAS:
        return "partnership"
    if phrase in {"sc"} and country in {"PL", "ES"}:
        return "partnership"
    return kind


@lru_cache(maxsize=4096)
def is_entity(name: str) -> bool:
    """Whether an owner's name is that of a company, foundation, trust, nominee or fund, not of a natural person."""
    if type_of_name(name):
        return True
    if has_cjk(name):
        return any(word in name for word in _ENTITY_CJK)
    return bool(_ENTITY_WORDS & set(_tokens(name)))


def without_form(name: str) -> str:
    """The folded name without its legal form."""
    words = _tokens(name)
    for size in range(min(_LONGEST_FORM, len(words) - 1), 0, -1):
        phrase = " ".join(words[-size:])
        if phrase in _forms():
            return " ".join(words[:-size])
    return " ".join(words)


_WEAK_FORMS: Final = frozenset(load_words("entity_words")["weak"])


@lru_cache(maxsize=4096)
def has_strong_form(name: str) -> bool:
    """Whether the name ends (or in CJK begins) with a legal form that is no ordinary word."""
    if type_of_name(name) is None:
        return False
    words = _tokens(name)
    return has_cjk(name) or not words or words[-1] not in _WEAK_FORMS or "." in name.split()[-1]
