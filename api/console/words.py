"""How things are said on a page: moments, ages, and characters that cannot be seen."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.numbers import UnknownCurrencyError, format_currency, format_decimal

from onboarding.letters.words import JOINERS, when

SHOWN_AS_THEY_ARE: Final = "\n\t\r"
LIMIT: Final = 2_000
ENGLISH: Final = Locale("en")
MOST_MONEY: Final = 10**18


@lru_cache(maxsize=256)
def locale_of(header: str | None) -> Locale:
    """The reader's locale by what the browser says it reads (``Accept-Language``); English where that says nothing."""
    wanted = []
    for number, part in enumerate((header or "")[:300].split(",")[:10]):
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), number, Locale.parse(tag.strip(), sep="-")))
        except (ValueError, TypeError, UnknownLocaleError):
            continue
    return min(wanted, key=lambda one: one[:2])[2] if wanted else ENGLISH


def moment(text: str | None, locale: Locale = ENGLISH) -> str:
    """``2026-11-23T14:05:00.000Z`` as the locale writes a time, in UTC and saying so; what is no time as it is.

    Plain English, without a country, has the form of our letters: ``23 Nov 2026, 14:05 UTC``.
    """
    try:
        at = datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return text or ""
    if at is None or locale == ENGLISH:
        return when(at) if at else ""
    return f"{format_skeleton('yMMMd', at, locale=locale)}, {format_skeleton('Hm', at, locale=locale)} UTC"


def money(amount: str | None, currency: str | None, locale: Locale = ENGLISH) -> str:
    """An amount as the locale writes it; what is none as it is."""
    try:
        value = Decimal(amount or "")
        if not value.is_finite() or abs(value) > MOST_MONEY:
            raise ValueError("no amount anybody could read")
        if not currency:
            return str(format_decimal(value, locale=locale))
        return str(format_currency(value, currency, format="¤¤\u00a0#,##0.00", locale=locale, currency_digits=True))
    except (ArithmeticError, ValueError, UnknownCurrencyError):
        return " ".join(part for part in (amount, currency) if part)


def age(text: str, now: datetime) -> str:
    """How long ago, or with a minus how far ahead: ``3 d``, ``5 h``, ``12 min``."""
    seconds = (now - datetime.fromisoformat(text)).total_seconds()
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    for unit, length in (("d", 86_400), ("h", 3_600)):
        if seconds >= 2 * length or (unit == "h" and seconds >= length):
            return f"{sign}{int(seconds // length)} {unit}"
    return f"{sign}{int(seconds // 60)} min"


def visible(value: Any, limit: int = LIMIT) -> str:
    """A value as text in which nothing hides: characters that are not seen are named, long texts cut."""
    text = str(value)
    shown = text[:limit]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(_named(char) for char in shown)
    return shown if len(text) <= limit else f"{shown}… ({len(text)} characters)"


def _named(char: str) -> str:
    if char in SHOWN_AS_THEY_ARE or (char not in JOINERS and unicodedata.category(char)[0] != "C"):
        return char
    return f"⟨U+{ord(char):04X}⟩"


def fitting(due_at: str | None, now: datetime) -> str:
    """The class of a due time: ``late``, ``soon`` (within four hours) or none."""
    if not due_at:
        return ""
    left = (datetime.fromisoformat(due_at) - now).total_seconds()
    return "late" if left < 0 else "soon" if left < 4 * 3_600 else ""
