"""Showing other people's words: whatever a merchant wrote becomes one harmless line, and times and fields get names."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
JOINERS: Final = "\u200c\u200d"  # Indic and Persian words and emoji need them; they reorder nothing
NAME_LIMIT: Final = 120
TEXT_LIMIT: Final = 400


def one_line(text: object, limit: int = TEXT_LIMIT) -> str:
    """``text`` as one line of at most ``limit`` characters that nothing reads as more than text.

    As ``as_line``; and ``://`` loses its shape, so that no mail program makes a link of a name; ``=?`` too (RFC 2047
    words).
    """
    return _cut(_flat(text, limit).replace("://", "[:]//").replace("=?", "= ?"), limit)


def as_line(text: object, limit: int = TEXT_LIMIT) -> str:
    """``text`` as one line of at most ``limit`` characters, for where nothing makes a link of it: an address stays one.

    Line breaks and controls become blanks; bidi and other format controls, surrogates and private characters go.
    """
    return _cut(_flat(text, limit), limit)


def _flat(text: object, limit: int) -> str:
    shown = str(text)[: limit * 8]
    if not (shown.isascii() and shown.isprintable()):  # plain ASCII has nothing that could be misread
        shown = "".join(map(_shown, shown))
    return re.sub(r"\s+", " ", shown).strip()


def _cut(shown: str, limit: int) -> str:
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def name(text: str | None) -> str:
    """A merchant's name, never empty and never long."""
    return one_line(text or "", NAME_LIMIT) or "(no name given)"


def when(at: datetime) -> str:
    """``23 Nov 2026, 14:05 UTC`` in any locale; ``at`` must know its zone."""
    at = at.astimezone(UTC)
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}, {at:%H:%M} UTC"


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if char in JOINERS:
        return char
    return "" if category in ("Cf", "Cs", "Co", "Cn") else char
