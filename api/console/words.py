"""How things are said on a page: moments, ages, and characters that cannot be seen."""

import unicodedata
from datetime import datetime
from typing import Any, Final

from onboarding.letters.words import JOINERS, when

SHOWN_AS_THEY_ARE: Final = "\n\t\r"
LIMIT: Final = 2_000


def moment(text: str | None) -> str:
    """``2026-11-23T14:05:00.000Z`` as ``23 Nov 2026, 14:05 UTC``; what is no time as it is."""
    try:
        return when(datetime.fromisoformat(text)) if text else ""
    except ValueError:
        return text or ""


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
