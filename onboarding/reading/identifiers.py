"""Identifiers in the form of their country (policy 5). Whether a check digit holds is validation's question."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from onboarding.reading.labels import read_label
from onboarding.reading.text import Scalar, clean

EU_VAT: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
_AS_WRITTEN_ONLY: Final = frozenset({"AE", "KW", "MT", "MX", "CA", "US", "QA", "BH", "OM", "SA", "HK"})
_SEPARATORS: Final = re.compile(r"[\s.\-–—‐‑_/\\'’·,:;()]+")
_LONGEST: Final = 120
SCHEMES: Final = (
    "reg",
    "siren",
    "siret",
    "kvk",
    "cnpj",
    "cin",
    "uen",
    "cro",
    "cipc",
    "jpcn",
    "brn",
    "krs",
    "regon",
    "orgnr",
    "uid",
    "acn",
    "folio",
    "nif",
    "codice_fiscale",
    "cf_piva",
    "vat",
    "gstin",
    "bnrt",
    "tax",
    "ein",
    "utr",
    "nip",
    "pan",
    "abn",
    "bn",
    "rfc",
)
"""The registers' and tax offices' numbers, by the names that concepts.txt gives them."""
_COURT: Final = re.compile(
    r"^(?:amtsgericht|registergericht|ag|handelsregister(?: des| beim)?(?: amtsgerichts?)?|register court)\s+", re.I
)
_COURT_FILLER: Final = re.compile(
    r"\b(?:unter|der nummer|nummer|nr|beim|im|registriert|eingetragen|mit|handelsregister\w*|amtsgericht\w*)\b\.?", re.I
)
_GERMAN: Final = re.compile(
    r"(HR\s?[AB]|GnR|PR|VR|GsR)\s*[-.:]?\s*(?:Nr\.?|No\.?|Nummer)?\s*[-.:]?\s*(\d[\d .]*)\s*([A-Z]{0,2})\b", re.I
)
_AUSTRIAN: Final = re.compile(r"(?:FN\s*)?(\d{1,6})\s*([A-Za-z])", re.I)


def compact(text: str) -> str:
    """Letters and digits in upper case, separators removed."""
    return unicodedata.normalize("NFC", _SEPARATORS.sub("", text).upper())


@lru_cache(maxsize=4096)
def scheme_of(label: str | None) -> str | None:
    """The identifier that a label names itself (``siret``, ``krs``, ``abn``, ...), None for a general word."""
    if not label:
        return None
    found = [c for segment in read_label(label[-140:]).segments for c in segment if c in SCHEMES]
    special = [c for c in found if c not in {"reg", "tax", "vat"}]
    named = special or found
    return named[-1] if named else None


def _stated(raw: Scalar) -> str | None:
    """The value without the identifier's own name in front ("KvK 99000177", "NIP: 856…")."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:_LONGEST]
    head = re.match(r"([^\W\d_][^\d:]{1,40}?)\s*(?:[:#]\s*|\s+(?=[A-Z]{0,3}\d))(?=.*\d)", text)
    named = head and not re.search(r"\b(?:HR\s?[AB]|FN|CHE)\b", head[0], re.I) and read_label(head[1])
    if head and named and named.unknown == 0 and scheme_of(head[1]):
        return text[head.end() :].strip() or text
    return text


@lru_cache(maxsize=4096)
def registration_number(raw: Scalar, country: str | None, court: str | None = None) -> str | None:
    """The registration number in its country's form; what does not fit stays as written, blanks collapsed."""
    text = clean(raw) if country in _AS_WRITTEN_ONLY or country is None else _stated(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:_LONGEST]
    if country == "DE":
        return _german(text, court)
    if country == "AT":
        match = _AUSTRIAN.fullmatch(text.rstrip("."))
        return f"FN {match[1]}{match[2].lower()}" if match else text
    if country == "ZA":
        digits = re.sub(r"\D", "", text)
        fits = re.fullmatch(r"\d{4}\s?[/-]?\s?\d{6}\s?[/-]?\s?\d{2}", text)
        return f"{digits[:4]}/{digits[4:10]}/{digits[10:]}" if fits else text
    if country == "FR":
        return _french(text)
    if country in _AS_WRITTEN_ONLY or country is None:
        return text
    return _compact_form(text, country)


def _compact_form(text: str, country: str) -> str:
    squeezed = compact(text)
    if country == "CH":
        match = re.match(r"CHE\d{9}", squeezed)
        return match[0] if match else squeezed
    if country in {"BE", "PT", "NO", "DK", "FI", "SE", "IT", "PL", "NL"} and re.fullmatch(rf"{country}\d+", squeezed):
        return squeezed[2:]
    if country == "ES" and re.fullmatch(r"ES[A-Z]\d{7}[A-Z\d]", squeezed):
        return squeezed[2:]
    if country in _KNOWN_COMPACT:
        return squeezed
    return text


_KNOWN_COMPACT: Final = frozenset(
    ["GB", "NL", "IE", "ES", "IT", "PL", "SE", "BE", "DK", "NO", "FI", "PT", "BR", "AU", "JP", "SG", "KR", "IN", "LU"]
)


def _french(text: str) -> str:
    digits = re.sub(r"[\s.\-]", "", text)
    match = re.search(r"(?<!\d)(\d{14}|\d{9})(?!\d)", digits)
    return match[1] if match else compact(text)


def _german(text: str, court: str | None) -> str:
    """ "Amtsgericht München, HRB 999001" → "München HRB 999001"; the court may stand in a field of its own."""
    plain = text.replace(",", " ")
    match = _GERMAN.search(plain)
    if not match:
        return text
    kind = match[1].replace(" ", "")
    kind = kind.upper() if kind.upper() in {"HRA", "HRB", "PR", "VR"} else kind
    number = f"{kind} {re.sub(r'[ .]', '', match[2])}" + (f" {match[3].upper()}" if match[3] else "")
    around = f"{plain[: match.start()]} {plain[match.end() :]}"
    place = _court_name(around) or _court_name(court or "")
    return f"{place} {number}" if place else number


def _court_name(text: str) -> str:
    words = " ".join(re.sub(r"[:;]", " ", text).split()).strip(" ,-")
    words = words[1:-1] if words.startswith("(") and words.endswith(")") else words
    before = None
    while before != words:
        before, words = words, _COURT.sub("", f"{words} ").strip()
    words = _COURT_FILLER.sub(" ", words)
    return " ".join(words.strip(" -–,./").split())


@lru_cache(maxsize=4096)
def vat_number(raw: Scalar, country: str | None) -> str | None:
    """With country prefix in GB and the EU, ``CHE…MWST`` in CH, elsewhere the national form (policy 5)."""
    text = _stated(raw)
    if text is None:
        return None
    squeezed = compact(
        re.sub(r"\((?:[^)]*)\)", " ", text) if re.search(r"\d", re.sub(r"\([^)]*\)", "", text)) else text
    )
    if sum(map(str.isdigit, squeezed)) < 5:
        return None
    if country == "CH":
        match = re.fullmatch(r"(?:CHE)?(\d{9})(MWST|TVA|IVA|VAT)?", squeezed)
        return f"CHE{match[1]}{match[2] or 'MWST'}".replace("VAT", "MWST") if match else squeezed
    if country == "GB" or country in EU_VAT:
        prefix = "EL" if country == "GR" else country
        foreign = re.match(r"[A-Z]{2}(?=[A-Z\d]*\d)", squeezed)
        if foreign and (foreign[0] in EU_VAT or foreign[0] in {"GB", "EL", "XI"}) and len(squeezed) > 9:
            return squeezed
        return squeezed if squeezed.startswith(str(prefix)) else f"{prefix}{squeezed}"
    return squeezed


@lru_cache(maxsize=4096)
def tax_id(raw: Scalar, country: str | None) -> str | None:
    """Compact: letters and digits in upper case, a country prefix removed where the national form has none."""
    text = _stated(raw)
    if text is None:
        return None
    squeezed = compact(text)
    if country in {"PL", "PT", "ES"} and re.fullmatch(rf"{country}[A-Z]?\d+[A-Z]?", squeezed):
        return squeezed[2:]
    return squeezed


@lru_cache(maxsize=4096)
def person_number(raw: Scalar) -> str | None:
    """A national id or passport number, compact; None for no value."""
    text = _stated(raw)
    return compact(text) or None if text is not None else None
