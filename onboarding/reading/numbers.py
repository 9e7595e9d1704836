"""Numbers as people write them (policy 4.4): groups, decimal marks, multipliers, CJK myriads, ranges."""

import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, NamedTuple
from unicodedata import numeric

from onboarding.reading.text import fold
from onboarding.reading.vocabulary import load_words

_NUMBER: Final = re.compile(r"\d(?:[\d.,'_]*\d)?(?: \d{2,3}(?!\d)(?:[.,]\d+)*)*")
_EXPONENT: Final = re.compile(r"[+-]?\d+(?:\.\d+)?e[+-]?\d{1,3}")
_FRACTION: Final = re.compile(r"(\d{0,9}) ?([¼½¾⅐-⅞])")
_LARGEST: Final = 10**30
_CJK_UNITS: Final = {
    "千": 10**3,
    "천": 10**3,
    "万": 10**4,
    "만": 10**4,
    "萬": 10**4,
    "億": 10**8,
    "억": 10**8,
    "亿": 10**8,
}
_CJK_CHAIN: Final = re.compile(r"\d[\d.,]*(?: ?[千천百백]?[万만萬億억亿千천](?: ?\d[\d.,]*)?)+")
_CJK_PIECE: Final = re.compile(r"(\d[\d.,]*) ?([千천百백]?)([万만萬億억亿千천]?)")


class Quantity(NamedTuple):
    """``joined`` says that a range word stands between this number and the one before it."""

    value: Decimal
    multiplier: int
    joined: bool


def plain_fractions(text: str) -> str:
    """``33⅓`` → ``33.3333``: NFKC would read it as 331/3."""
    return text if text.isascii() else _FRACTION.sub(lambda m: str(round(int(m[1] or 0) + numeric(m[2]), 4)), text)


def lone_fraction(text: str) -> float | None:
    """The value of a text that is nothing but ``½`` or ``⅓``."""
    return numeric(text.strip()) if _FRACTION.fullmatch(text.strip()) and len(text.strip()) == 1 else None


def stated_number(raw: object) -> Decimal | None:
    """A JSON number is its value, whatever its digits look like as text."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or abs(raw) > _LARGEST:
        return None
    value = Decimal(str(raw))
    return value if value.is_finite() else None


def quantities(text: str, *, three_decimals: bool = False, share: bool = False) -> list[Quantity]:
    """The numbers of a short text in order, multipliers applied.

    ``three_decimals``: a single mark before three digits is a decimal mark (KWD, BHD, ...); for shares always.
    """
    folded = fold(text)
    if _EXPONENT.fullmatch(folded):
        return _exponent(folded)
    found: list[Quantity] = []
    end = 0
    for match in _number_matches(folded):
        between = folded[end : match.start()]
        value = _cjk(match[0]) if match[0][-1] in _CJK_UNITS or _CJK_CHAIN.fullmatch(match[0]) else None
        if value is None:
            value = read_number(match[0], three_decimals=three_decimals or share)
        multiplier, length = (1, 0) if share else _multiplier(folded, match.end())
        joined = bool(found) and _is_range(between)
        negative = _is_negative(between, joined=joined, first=not found)
        value = -value if negative else value
        found.append(Quantity(value * multiplier, multiplier, joined))
        end = match.end() + length
    return found


def _number_matches(text: str) -> list[re.Match[str]]:
    pattern = re.compile(f"{_CJK_CHAIN.pattern}|{_NUMBER.pattern}") if any(c in text for c in _CJK_UNITS) else _NUMBER
    return list(pattern.finditer(text))[:50]


def _exponent(text: str) -> list[Quantity]:
    try:
        return [Quantity(Decimal(text), 1, joined=False)]
    except InvalidOperation:
        return []


def read_number(written: str, *, three_decimals: bool = False) -> Decimal:
    """One unsigned number of digits, ``.``, ``,``, ``'``, ``_`` and blanks → Decimal (policy 4.4)."""
    text = re.sub(r"[ '_]", "", written)
    grouped = text != written
    dots, commas = text.count("."), text.count(",")
    if dots and commas:
        mark = "." if text.rfind(".") > text.rfind(",") else ","
        other = "," if mark == "." else "."
        text = text.replace(other, "")
        text = text.replace(mark, "") if text.count(mark) > 1 else text.replace(mark, ".")
    elif dots + commas > 1:
        text = text.replace(".", "").replace(",", "")
    elif dots + commas == 1:
        whole, _, part = text.replace(",", ".").partition(".")
        groups = len(part) == 3 and not grouped and not three_decimals and len(whole) <= 3 and whole.strip("0")
        text = whole + part if groups else f"{whole}.{part}"
    return Decimal(text[:60].rstrip("."))


def _cjk(text: str) -> Decimal:
    total = Decimal(0)
    pending = Decimal(0)
    for number, hundred, unit in _CJK_PIECE.findall(text):
        value = read_number(number.rstrip(".,")) * (1 if not hundred else 1000 if hundred in "千천" else 100)
        if unit in {"千", "천"}:
            pending += value * 1000
        elif unit:
            total += (pending + value) * _CJK_UNITS[unit]
            pending = Decimal(0)
        else:
            pending += value
    return total + pending


def _multiplier(text: str, start: int) -> tuple[int, int]:
    match = re.compile(r"[.,]?[–-]?\s?(?:[€$£¥] ?)?([^\W\d_€]+€?)").match(text, start)
    if not match:
        return 1, 0
    word = match[1]
    if word in _multipliers():
        return _multipliers()[word], len(match[0])
    for symbol in ("€", "eur", "usd", "gbp", "pln", "sek", "chf", "zl"):
        if word.endswith(symbol) and word[: -len(symbol)] in {"k", "m", "t"}:
            return _multipliers().get(word[: -len(symbol)], 1000), len(match[0])
    return 1, 0


@lru_cache(maxsize=1)
def _multipliers() -> dict[str, int]:
    words = load_words("amounts")
    return {fold(w): int(concept[1:]) for concept, names in words.items() if concept[0] == "x" for w in names}


@lru_cache(maxsize=1)
def _range_words() -> frozenset[str]:
    return frozenset(fold(word) for word in load_words("amounts")["to"])


_UNITS_BETWEEN: Final = re.compile(
    r"[€$£¥₩₹円원%.]|\b(?:eur|usd|gbp|pln|sek|chf|zl|kr|r|brl|aed|inr|sgd|aud|cad|zar)\b"
)


def _is_range(between: str) -> bool:
    bare = _UNITS_BETWEEN.sub(" ", between).strip(" ,")
    return bare in _range_words()


def _is_negative(between: str, *, joined: bool, first: bool) -> bool:
    if joined:
        return False
    if re.search(r"(?:^|[\s€$£¥(:])[-−]\s?(?:[€$£¥₩]|r\$|[a-z]{3})?\s?$", between):
        return first
    return False
