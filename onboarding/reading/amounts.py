"""Amounts of money and shares (policy 4.4, 4.9): numbers with groups, multipliers, ranges, currencies and periods."""

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from babel.core import get_global
from pydantic import JsonValue

from onboarding.reading.labels import split_words
from onboarding.reading.numbers import Quantity, lone_fraction, plain_fractions, quantities, stated_number
from onboarding.reading.text import clean, fold
from onboarding.reading.vocabulary import load_words

Period = Literal["year", "month", "week", "day", "quarter"]
PER_YEAR: Final[dict[str, int]] = {"year": 1, "month": 12, "week": 52, "day": 365, "quarter": 4}
PERIODS: Final[tuple[Period, ...]] = ("month", "week", "day", "quarter", "year")
NO_MINOR_UNIT: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "PYG", "UGX", "RWF"})
THREE_DECIMALS: Final = frozenset({"KWD", "BHD", "OMR", "JOD", "TND", "IQD", "LYD"})
_DOLLAR_COUNTRIES: Final = frozenset({"US", "CA", "AU", "NZ", "SG", "HK", "MX", "TW", "CL", "CO", "AR", "JM", "BB"})
_KRONA: Final = {"SE": "SEK", "NO": "NOK", "DK": "DKK", "IS": "ISK", "CZ": "CZK"}
_LONGEST: Final = 300


class AmountReading(NamedTuple):
    """``amount`` as a decimal string with the currency's minor units, or as written when it is no number.

    ``inferred`` says why a number needed arithmetic ("midpoint of a range", "monthly figure times 12"), else None.
    """

    amount: str
    currency: str | None
    inferred: str | None = None


def minor_units(currency: str | None) -> int:
    """Decimals of a currency: 0, 2 or 3 (ISO 4217)."""
    return 0 if currency in NO_MINOR_UNIT else 3 if currency in THREE_DECIMALS else 2


@lru_cache(maxsize=512)
def currency_of_country(country: str | None) -> str | None:
    """The legal tender of an ISO alpha-2 country today, None if unknown."""
    rows = get_global("territory_currencies").get(country or "", [])
    return next((str(row[0]) for row in rows if row[2] is None and row[3]), None)


def currency_in(text: str | None, country: str | None = None) -> str | None:
    """The currency that ``text`` names by code, symbol or word; "$", "kr", "R", "¥" by the country; None if none."""
    if not text:
        return None
    folded = fold(text[:_LONGEST])
    if "_" in folded or not text.islower():
        folded = f"{folded} {' '.join(split_words(text[:_LONGEST]))}"
    for pattern, code in _currency_patterns():
        if pattern.search(folded):
            return code
    if "$" in folded or re.search(r"\bdollars?\b|\bpesos?\b", folded):
        return currency_of_country(country) if country in _DOLLAR_COUNTRIES else "USD"
    if re.search(r"(?<![a-z])kr(?![a-z])|:-$|\bkron", folded):
        return _KRONA.get(country or "", "SEK")
    if re.search(r"¥", folded):
        return "CNY" if country == "CN" else "JPY"
    if re.search(r"(?<![a-z])r ?\d", folded) and country in {"ZA", "BR"}:
        return currency_of_country(country)
    return None


@lru_cache(maxsize=1)
def _currency_patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = [
        (code, fold(word))
        for code, words in load_words("amounts").items()
        if re.fullmatch("[A-Z]{3}", code)
        for word in words
    ]
    rows.sort(key=lambda row: -len(row[1]))
    return tuple((_word_pattern(word), code) for code, word in rows)


def _word_pattern(word: str) -> re.Pattern[str]:
    before = r"(?<![^\W\d_])" if word[0].isascii() and word[0].isalpha() else ""
    after = r"(?![^\W\d_])" if word[-1].isascii() and word[-1].isalpha() else ""
    return re.compile(before + re.escape(word) + after)


def period_in(text: str | None) -> Period | None:
    """The period that ``text`` names ("a month", "monatlich", "월 매출"); None if none."""
    if not text:
        return None
    folded = f"{fold(text[:_LONGEST])} {' '.join(split_words(text[:_LONGEST]))}"
    return next((period for period in PERIODS if _period_pattern(period).search(folded)), None)


@lru_cache(maxsize=8)
def _period_pattern(period: str) -> re.Pattern[str]:
    words = sorted((fold(w).strip(".-") for w in load_words("amounts")[period]), key=len, reverse=True)
    latin = "|".join(re.escape(w) for w in words if w.isascii())
    other = "|".join(re.escape(w) for w in words if not w.isascii())
    compound = {"month": "|monats|maand(?=omzet|volume)|manads", "year": "|jahres|jaar(?=omzet)|ars(?=oms)"}.get(
        period, ""
    )
    return re.compile(
        rf"(?<![a-z])(?:{latin})(?![a-z]){compound and '|(?<![a-z])(?:' + compound[1:] + ')'}|(?:{other})"
    )


def read_amount(
    raw: JsonValue,
    *,
    currency: str | None = None,
    country: str | None = None,
    label: str | None = None,
    annual: bool = False,
) -> AmountReading | None:
    """The amount in ``raw`` with its currency (policy 4.4); None for no value.

    ``currency`` is one stated beside it, ``label`` may name a currency or a period. With ``annual`` a monthly, weekly,
    daily or quarterly figure is brought to a year and marked as inferred (policy 4.9).
    """
    text = clean(plain_fractions(raw) if isinstance(raw, str) else raw)
    if text is None:
        return None
    own = currency_in(text, country) or currency or currency_in(label, country) or currency_of_country(country)
    number = stated_number(raw)
    scale = _scale_in(label)
    found = [Quantity(number, 1, joined=False)] if number is not None else []
    if not found and not isinstance(raw, bool):
        found = quantities(text[:_LONGEST], three_decimals=own in THREE_DECIMALS)
    if not found:
        return AmountReading(text[:_LONGEST], own)
    value, why = _one_value(found)
    if scale and all(quantity.multiplier == 1 for quantity in found) and currency_in(text, country) is None:
        value *= scale
    if annual:
        period = period_in(text) or period_in(label) or "year"
        if period != "year":
            value, why = value * PER_YEAR[period], _also(why, f"{period} figure times {PER_YEAR[period]}")
    return AmountReading(decimal_string(value, own), own, why)


_THOUSANDS: Final = re.compile(
    r"(?<![^\W_])(?:thousands?|thsd|tsd|teur|tgbp|tchf|tkr|tausend|milliers|miles|migliaia|duizend|tusental|tys"
    r"|kusd|keur|kgbp|kchf)(?![^\W_])|[£€$¥(,] ?(?:k|000'?s?)(?![^\W_])|'000s?|千円|천원"
    r"|(?<![^\W_])(?:in|eur|gbp|usd|chf|pln|sek) (?:k|000'?s?)(?![^\W_])"
)
_MILLIONS: Final = re.compile(
    r"(?<![^\W_])(?:millions?|millionen|millones|milioni|miljoen|miljoner|mio|mln|meur|mgbp|musd|mkr)(?![^\W_])"
    r"|[£€$¥] ?m(?![^\W_])|百万円|백만원"
)
_HUNDREDTHS: Final = re.compile(
    r"(?<![^\W_])(?:pence|cents|pennies|rappen|centimes|centimos|centavos|centesimi|grosze|groszy|minor units?"
    r"|amount minor|minor amount)"
    r"(?![^\W_])"
)


@lru_cache(maxsize=1024)
def _scale_in(label: str | None) -> Decimal | None:
    """What a label counts in ("Turnover (£k)", "amountInCents"): the number by which its bare values are multiplied."""
    if not label:
        return None
    words = f"{fold(label[:_LONGEST])} {' '.join(split_words(label[:_LONGEST]))}"
    for pattern, scale in ((_HUNDREDTHS, "0.01"), (_THOUSANDS, "1000"), (_MILLIONS, "1000000")):
        if pattern.search(words):
            return Decimal(scale)
    return None


def _one_value(found: list[Quantity]) -> tuple[Decimal, str | None]:
    first = found[0]
    if len(found) == 1 or not found[1].joined:
        return first.value, None
    second = found[1]
    low = first.value
    if second.multiplier > 1 and first.multiplier == 1 and low < second.value:
        low *= second.multiplier
    return (low + second.value) / 2, "midpoint of a range"


def _also(why: str | None, more: str) -> str:
    return f"{why}, {more}" if why else more


def decimal_string(value: Decimal, currency: str | None) -> str:
    """``value`` with exactly the currency's minor units, half up, no exponent, no "-0"."""
    step = Decimal(1).scaleb(-minor_units(currency))
    if value.adjusted() > 24:
        return format(value, "f")[:60]
    rounded = value.quantize(step, rounding=ROUND_HALF_UP)
    return format(abs(rounded) if rounded == 0 else rounded, "f")


_PARTS_IN_WORDS: Final = (
    ("two_thirds", 66.6667), ("third", 33.3333), ("three_quarters", 75), ("fourth", 25), ("half", 50), ("all", 100),
)  # fmt: skip


OR_MORE: Final = re.compile(
    r"(?<=[%\w]) ?(?:\+(?! ?\d)|(?:or|oder|ou|o|of|lub|eller) (?:more|less|above|below|mehr|weniger|plus|moins|mas"
    r"|menos|meer|minder|piu|meno|mais|wiecej|mniej|mer|mindre)(?!\w)|以上|以下|未満|超|이상|이하|미만|초과)"
)
""" "75 % or more": behind a limit, which is no share."""


class ShareReading(NamedTuple):
    """``pct`` is 0 to 100 (as stated, also beyond); ``bare`` a fraction of at most 1 without a percent sign;
    ``rest`` what the others leave ("the rest"), whose ``pct`` is 0 until they are known."""

    pct: int | float
    bare: bool = False
    rest: bool = False


def read_share(raw: JsonValue) -> ShareReading | None:
    """A share of ownership as written: 60, "45%", "33,3 %", "half", "1/3"; None if it names none (policy 4.9, 7).

    A bare 0.25 is returned as it stands and marked: whether it means 25 % depends on the other shares.
    """
    if isinstance(raw, str) and (fraction := lone_fraction(raw)) is not None:
        return ShareReading(plain_number(fraction * 100))
    text = clean(plain_fractions(raw) if isinstance(raw, str) else raw)
    if text is None or isinstance(raw, bool) or len(text) > _LONGEST:
        return None
    if (number := stated_number(raw)) is not None:
        return ShareReading(plain_number(number), 0 < number <= 1)
    folded = fold(text)
    if folded in map(fold, load_words("amounts")["half"]):
        return ShareReading(50)
    match = re.search(r"(?<![\d/])(\d{1,3}) ?/ ?(\d{1,7})(?![\d/])", folded)
    if match and 0 < int(match[2]) >= int(match[1]):
        return ShareReading(plain_number(Decimal(int(match[1])) * 100 / int(match[2])))
    found = quantities(folded, share=True)
    if found and (_is_limit(folded) or any(quantity.joined for quantity in found)):
        return None
    if found:
        value = found[0].value
        signed = bool(
            re.search(
                r"%|percent|prozent|pct|pour ?cent|procent|por ?c(?:iento|ento)|per cento|パーセント|퍼센트|プロ",
                folded,
            )
        )
        return ShareReading(plain_number(value), 0 < value <= 1 and not signed)
    words = load_words("amounts")
    for word, pct in _PARTS_IN_WORDS:
        if any(
            re.search(rf"(?<!\w){re.escape(fold(w))}(?!\w)", folded) or (not w.isascii() and fold(w) == folded)
            for w in words[word]
        ):
            return ShareReading(pct)
    return ShareReading(0, rest=True) if _rest().search(folded) else None


def _is_limit(folded: str) -> bool:
    """ "More than 25 %", "75 % or more": a limit is no share."""
    return _at_most().match(folded) is not None or OR_MORE.search(folded) is not None


@lru_cache(maxsize=1)
def _at_most() -> re.Pattern[str]:
    words = sorted(map(fold, load_words("prose")["bounded"]), key=len, reverse=True)
    return re.compile(rf"\W{{0,3}}(?:(?:{'|'.join(map(re.escape, words))})(?!\w)|[<>≤≥])")


@lru_cache(maxsize=1)
def _rest() -> re.Pattern[str]:
    words = sorted(map(fold, load_words("prose")["rest"]), key=len, reverse=True)
    return re.compile("|".join(re.escape(w) if not w.isascii() else rf"(?<!\w){re.escape(w)}(?!\w)" for w in words))


def plain_number(value: Decimal | float) -> int | float:
    """An int when whole, else a float of at most four decimals (policy 7)."""
    rounded = round(float(value), 4)
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
