"""Moments as the reader writes them; what is stored is UTC."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from fastapi import Request

DEFAULT: Final = "en_GB"
MOST: Final = 10


def locale_of(request: Request) -> Locale:
    """The first language the browser asks for that we know how to write dates in."""
    return negotiated(request.headers.get("accept-language", "")[:200])


@lru_cache(maxsize=256)
def negotiated(header: str) -> Locale:
    """The locale of an Accept-Language header, by its weights."""
    weighed: list[tuple[float, str]] = []
    for item in header.split(",")[:MOST]:
        name, _, rest = item.strip().partition(";")
        weighed.append((_weight(rest), name.strip()))
    for weight, name in sorted(weighed, key=lambda pair: -pair[0]):
        try:
            if weight > 0 and name.replace("-", "").isalnum():
                return Locale.parse(name, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale.parse(DEFAULT)


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


def moment(text: str, locale: Locale) -> str:
    """``2026-11-23T14:05:00.000Z`` as ``23. November 2026, 14:05 UTC``."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return f"{format_date(at, 'long', locale)}, {format_time(at, 'short', tzinfo=UTC, locale=locale)} UTC"
