"""Names of people (policy 4.2): "FAMILY, Given" turned round, titles and readings dropped, else as written."""

import re
from typing import Final

from pydantic import JsonValue

from onboarding.reading.text import clean, fold, has_cjk, title_case
from onboarding.reading.vocabulary import load_words

_LONGEST: Final = 300
_TITLES: Final = frozenset(load_words("titles")["title"])
_ALWAYS: Final = frozenset(load_words("titles")["always"])
_SPELLED: Final = frozenset(load_words("titles")["spelled"])
_HONORIFICS: Final = re.compile(r"(?<=\S)\s?(?:様|殿|さん|氏|님|씨)$")
_ASIDE: Final = re.compile(r"\s*[(\[（【][^()\[\]（）【】]*[)\]）】]\s*")
_DEGREES: Final = re.compile(
    r",?\s+(?:ph\.?d\.?|mba|llm|msc|bsc|m\.?a\.?|b\.?a\.?|m\.?sc\.?|b\.?sc\.?)$", re.IGNORECASE
)
_SUFFIX: Final = re.compile(r"(?:jr|sr|ii|iii|iv|junior|senior|esq)\.?", re.IGNORECASE)


def person_name(raw: JsonValue) -> str | None:
    """One person's name as it is kept; None for no value."""
    text = clean(raw)
    if text is None or isinstance(raw, bool | int | float):
        return None
    text = _ASIDE.sub(" ", text[:_LONGEST]).strip(" ,;:")
    text = _without_titles(_HONORIFICS.sub("", _DEGREES.sub("", text)).strip())
    family, comma, given = text.partition(",")
    if comma and given.strip() and "," not in given and not _SUFFIX.fullmatch(given.strip()):
        text = f"{_without_titles(given.strip())} {family_name(family.strip())}"
    return " ".join(text.split()) or None


def family_name(text: str) -> str:
    """An all-capitals family name in the "FAMILY, Given" pattern becomes title case."""
    letters = [c for c in text if c.isalpha()]
    return title_case(text) if len(letters) > 1 and all(not c.islower() for c in letters) else text


def joined_name(
    given: str | None, family: str | None, *, prefix: str | None = None, second: str | None = None
) -> str | None:
    """Separate parts as "Given Family" (policy 4.2), a prefix before and a second surname after the family name.

    In Han, kana and Hangul the family name stands first, as such names keep their order in every other case.
    """
    if given and family and has_cjk(family):
        given, family = family, given
    parts = [
        person_name(given) if given else None,
        clean(prefix),
        person_name(family) if family else None,
        clean(second),
    ]
    return " ".join(part for part in parts if part) or None


def _without_titles(text: str) -> str:
    words = text.split(" ")
    while len(words) > 1:
        bare = fold(words[0]).replace(".", "").replace("ª", "").replace("º", "")
        dotted = words[0].endswith(".") and bare in _TITLES and len(bare) > 1
        if not (dotted or (bare in _ALWAYS and words[0][0].isupper() and len(words) > 2) or _spelled(words[0], words)):
            break
        words = words[1:]
    return " ".join(words)


def _spelled(word: str, words: list[str]) -> bool:
    """Titles without a dot that are no given names: dropped when a name of two words still follows."""
    return word.lower().rstrip(".") in _SPELLED and len(words) > 1
