"""One address line taken apart, per country (policy 4.2, 4.7): a small table of where the postcode stands."""

import re
from typing import Final

from onboarding.reading.codes import country_code
from onboarding.reading.text import fold, has_cjk, tidy

_POSTCODES: Final[dict[str, str]] = {
    "GB": r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}",
    "IE": r"[A-Z]\d[\dW] ?[A-Z\d]{4}",
    "NL": r"\d{4} ?[A-Z]{2}\b",
    "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d",
    "US": r"\d{5}(?:-\d{4})?",
    "MT": r"[A-Z]{3} ?\d{4}",
    "PL": r"\d{2}-\d{3}",
    "SE": r"(?:SE?-)?\d{3} ?\d{2}",
    "BR": r"\d{5}-?\d{3}",
    "PT": r"\d{4}-\d{3}",
    "IN": r"\d{3} ?\d{3}",
    "SG": r"\d{6}",
    "JP": r"〒? ?\d{3}-?\d{4}",
    "KR": r"\d{5}",
    "AU": r"\d{4}",
    "ZA": r"\d{4}",
    "CZ": r"\d{3} ?\d{2}",
    "SK": r"\d{3} ?\d{2}",
    "GR": r"\d{3} ?\d{2}",
}
_FOUR: Final = frozenset(["AT", "BE", "CH", "DK", "NO", "LU", "HU", "SI", "LI", "BG", "CY", "LV"])
_FIVE: Final = frozenset(["DE", "FR", "ES", "IT", "FI", "MX", "HR", "EE", "LT", "RO", "TR", "MC", "KW", "SA"])
_AFTER_CITY: Final = frozenset(["GB", "IE", "US", "CA", "AU", "IN", "SG", "ZA", "MT", "BR", "NZ"])
_KINGDOMS: Final = re.compile(r"[\s,;/–-]*$")
_EMIRATES: Final = frozenset(
    ["dubai", "abu dhabi", "sharjah", "ajman", "fujairah", "ras al khaimah", "ras al-khaimah", "umm al quwain"]
)
_PREFECTURE: Final = re.compile(r"(東京都|北海道|(?:京都|大阪)府|[^\s\d]{2,3}県)")
_JP_CITY: Final = re.compile(
    r"((?:[^\s\d、,]{1,6}?市[^\s\d、,丁番]{1,4}?区|[^\s\d、,]{1,6}?郡[^\s\d、,]{1,6}?[町村]|[^\s\d、,]{1,6}?[市区]|[^\s\d、,]{1,5}?[町村]))(.*)"
)
_KR_PROVINCE: Final = re.compile(
    r"((?:서울|부산|대구|인천|광주|대전|울산|세종)(?:특별시|광역시|특별자치시|시)?|제주(?:특별자치도|도)?|"
    r"[가-힣]{2,3}(?:특별자치)?도|경남|경북|전남|전북|충남|충북|강원|경기)(?=\s|$)"
)
_KR_CITY: Final = re.compile(r"((?:[가-힣]{1,5}[시군])(?:\s[가-힣]{1,4}구)?|[가-힣]{1,5}[구군])(?=\s|$)")


def split_line(raw: str, country: str | None, regions: frozenset[str]) -> dict[str, str]:
    """Parts of an address in one string, as written. ``regions`` are folded names and codes of the country's states."""
    text = tidy(re.sub(r"\s*[\n\r]+\s*", ", ", raw.strip()))
    text, named = _without_country(text.strip(" ,;."), country)
    country = country or named
    parts = {"country": named} if named else {}
    if country == "JP" or (country is None and _PREFECTURE.search(text)):
        return parts | _japanese(text)
    if country == "KR" or (country is None and _KR_PROVINCE.match(text)):
        return parts | _korean(text)
    if country == "AE":
        return parts | _emirates(text)
    if country in _AFTER_CITY:
        return parts | _after_city(text, str(country), regions)
    return parts | _before_city(text, country)


def postcode_pattern(country: str | None) -> str | None:
    """The form of a postcode as it stands in a line; None where the country has none."""
    if country in _FOUR:
        return rf"(?:{country}-|L-|B-|A-)?\d{{4}}"
    if country in _FIVE:
        return rf"(?:{country}-|D-|F-|I-|E-)?\d{{5}}"
    return _POSTCODES.get(country or "")


def _without_country(text: str, country: str | None) -> tuple[str, str | None]:
    head, comma, last = text.rpartition(",")
    tail = last.strip(" .()")
    if fold(tail) in _EMIRATES:
        return text, None  # "Dubai" names the country, but it is the city
    if (
        comma
        and not any(map(str.isdigit, tail))
        and (code := country_code(tail))
        and _names_country(tail, code, country)
    ):
        return head.strip(" ,;"), code
    match = re.search(r"[\s,]+\(?([^\W\d_][^\d,()]{2,40})\)?$", text)
    words = match[1].split() if match else []
    for size in range(min(3, len(words)), 0, -1):
        tail = " ".join(words[-size:])
        code = country_code(tail)
        if code and code == country and len(tail) > 3 and size < len(text.split()) and fold(tail) not in {"singapore"}:
            return text[: text.rfind(tail)].strip(" ,;("), code
    return text, None


def _names_country(tail: str, code: str, country: str | None) -> bool:
    if len(tail) <= 2 and code != country:
        return False
    return code == country or (country is None and len(tail) > 3)


def _before_city(text: str, country: str | None) -> dict[str, str]:
    """``street, postcode city [(province)]``: most of Europe and Mexico."""
    pattern = postcode_pattern(country) or r"\d{2}-\d{3}|\d{4,5}"
    found = list(re.finditer(rf"(?<![\w-])({pattern})(?![\w-])", text))
    match = next((m for m in reversed(found) if text[m.end() :].strip(" ,.")), found[-1] if found else None)
    if not match:
        return _commas(text)
    line = text[: match.start()].strip(" ,;–-")
    rest = text[match.end() :].strip(" ,;–-")
    parts = {"postal_code": match[1]}
    if not rest and "," in line:
        line, _, rest = line.rpartition(",")
    if line:
        parts["line1"] = line.strip(" ,;–-")
    town, _, after = re.sub(r"\s*\(([^()]{2,30})\)$", r", \1", rest).partition(",")
    sides = re.fullmatch(r"(.+?)\s+([A-Z]{2})", town) if country == "IT" else None
    if sides:
        town, after = sides[1], sides[2]
    if not line and after:
        parts["line1"], after = after.strip(" ,"), ""
    if town.strip():
        parts["city"] = town.strip(" ,.")
    if after.strip():
        parts["region"] = after.strip(" ,.()")
    return parts


def _after_city(text: str, country: str, regions: frozenset[str]) -> dict[str, str]:
    """``street, city[, region] postcode``: English-speaking countries, India, Brazil."""
    parts: dict[str, str] = {}
    pattern = postcode_pattern(country)
    found = list(re.finditer(rf"(?<![\w-])({pattern})(?![\w-])", text, re.IGNORECASE)) if pattern else []
    if found and (country not in {"AU", "ZA", "US"} or found[-1].start() > len(text) // 3):
        match = found[-1]
        parts["postal_code"] = match[1]
        text = f"{text[: match.start()].rstrip(' ,;–-')}, {text[match.end() :].strip(' ,;–-')}".strip(" ,;")
    pieces = [piece.strip() for piece in re.split(r",|\s[–-]\s", text) if piece.strip()]
    if regions and pieces:
        pieces = _take_region(pieces, parts, regions)
    if country == "SG" and pieces and (len(pieces) == 1 or fold(pieces[-1]) == "singapore"):
        return _singapore(pieces, parts)
    if len(pieces) > 1:
        parts["city"] = pieces.pop()
        if country in {"GB", "IE"} and len(pieces) > 1 and _is_county(parts["city"]):
            parts["region"], parts["city"] = parts["city"], pieces.pop()
    elif pieces and "region" in parts and (street := _street_and_city(pieces[0])):
        pieces[0], parts["city"] = street
    if pieces:
        parts["line1"] = ", ".join(pieces)
    return parts


def _street_and_city(text: str) -> tuple[str, str] | None:
    """``212 W Main St Boise`` with no comma between street and city."""
    words = (
        r"st|street|ave|avenue|rd|road|blvd|boulevard|dr|drive|ln|lane|way|ct|court|pl|place|hwy|pkwy|sq|square|terrace"
    )
    match = re.fullmatch(
        rf"(.*\d.*\b(?:{words})\b\.?(?:\s+(?:#|suite|ste|unit|apt)\.?\s*\w+)?)\s+([^\d]+)", text, re.IGNORECASE
    )
    return (match[1], match[2]) if match else None


def _take_region(pieces: list[str], parts: dict[str, str], regions: frozenset[str]) -> list[str]:
    last = pieces[-1]
    bare = fold(last).replace(".", "")
    if bare in regions and len(pieces) > 1:
        if not _also_city(pieces, bare):
            parts["region"] = last
            return pieces[:-1]
        return pieces
    words = last.replace("/", " ").split()
    for size in (3, 2, 1):
        tail = " ".join(words[-size:])
        if (
            len(words) > size
            and fold(tail).replace(".", "") in regions
            and (len(tail) > 3 or tail.isupper() or size == 1)
        ):
            parts["region"] = tail
            return [*pieces[:-1], " ".join(words[:-size]).strip(" -–/")]
    return pieces


def _also_city(pieces: list[str], bare: str) -> bool:
    """``…, New York`` alone: a state that is also the city, with nothing else for the city."""
    return len(pieces) == 2 and bare in {
        "new york",
        "delhi",
        "chandigarh",
        "ciudad de mexico",
        "sao paulo",
        "rio de janeiro",
    }


def _is_county(text: str) -> bool:
    folded = fold(text)
    return folded.startswith(("co ", "co.", "county ")) or folded.endswith(("shire", " county")) or folded in {
        "kent", "essex", "surrey", "norfolk", "suffolk", "cornwall", "devon", "dorset", "somerset", "east sussex",
        "west sussex", "cumbria", "greater manchester", "west yorkshire", "south yorkshire", "north yorkshire",
        "merseyside",
        "tyne and wear", "west midlands", "england", "scotland", "wales", "northern ireland", "county durham",
    }  # fmt: skip


def _singapore(pieces: list[str], parts: dict[str, str]) -> dict[str, str]:
    line = ", ".join(pieces)
    line = re.sub(r"[,\s]*\bsingapore$", "", line, flags=re.IGNORECASE).strip(" ,")
    return parts | ({"line1": line} if line else {}) | {"city": "Singapore"}


def _emirates(text: str) -> dict[str, str]:
    text = re.sub(r",?\s*P\.?\s?O\.?\s?Box\s*:?\s*\d+", lambda m: m[0], text)
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    parts: dict[str, str] = {}
    if len(pieces) > 1 and fold(pieces[-1]) in _EMIRATES:
        parts["region"] = parts["city"] = pieces.pop()
        if len(pieces) > 1 and fold(pieces[-1]) in _EMIRATES:
            parts["city"] = pieces.pop()
    elif len(pieces) > 1:
        parts["city"] = pieces.pop()
    if pieces:
        parts["line1"] = ", ".join(pieces)
    return parts


def _japanese(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    code = re.search(r"〒? ?(\d{3}-?\d{4})(?![\d-])", text)
    if code and (code.start() == 0 or "〒" in code[0] or code.end() == len(text)):
        parts["postal_code"] = code[1]
        text = f"{text[: code.start()]} {text[code.end() :]}".strip(" ,、)(（）")
    prefecture = _PREFECTURE.match(text)
    if not prefecture:
        return parts | (_commas(text) if not has_cjk(text) else _jp_city(text))
    parts["region"] = prefecture[1]
    return parts | _jp_city(text[prefecture.end() :].strip())


def _jp_city(text: str) -> dict[str, str]:
    match = _JP_CITY.match(text)
    if not match:
        return {"line1": text} if text else {}
    line = match[2].strip(" 、,")
    return {"city": match[1]} | ({"line1": line} if line else {})


def _korean(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    text = re.sub(r"우편번호\s?:?", " ", text).strip()
    code = re.search(r"[(\[]?(?<![\d-])(\d{5})(?![\d-])[)\]]?", text)
    if code and (code.start() == 0 or code.end() == len(text) or code[0][0] in "(["):
        parts["postal_code"] = code[1]
        text = f"{text[: code.start()]} {text[code.end() :]}".strip(" ,()")
    text = " ".join(re.sub(r"^대한민국\s*|\(?우\)\s?", "", text).split())
    province = _KR_PROVINCE.match(text)
    if province:
        parts["region"] = province[1]
        text = text[province.end() :].strip()
    town = _KR_CITY.match(text)
    if town:
        parts["city"] = town[1]
        text = text[town.end() :].strip(" ,")
    elif province and "시" in province[1]:
        parts["city"] = province[1]
    if text:
        parts["line1"] = text
    return parts


def _commas(text: str) -> dict[str, str]:
    """No postcode to go by: the last comma parts the city off when a street with a number stands before it."""
    head, comma, last = text.rpartition(",")
    if comma and any(map(str.isdigit, head)) and not any(map(str.isdigit, last)) and last.strip():
        return {"line1": head.strip(" ,"), "city": last.strip(" .")}
    return {"line1": text} if text else {}
