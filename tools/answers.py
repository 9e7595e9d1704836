"""Judging what an outside service answers: untrusted bytes become a checked reference, a status, a safe reason."""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

REFERENCE: Final = re.compile(r"(?!\.{1,2}$)[\x21-\x7e]{1,200}")
STATUS: Final = re.compile(r"[A-Za-z_-]{1,40}")
REASON_KEYS: Final = ("detail", "title", "message", "error", "reason", "code")


@dataclass(frozen=True)
class Answer:
    """``document`` is the body as JSON, None when it is none."""

    status: int
    document: Any

    @classmethod
    def of(cls, status: int, body: bytes) -> "Answer":
        """Parse leniently: a deeply nested or broken body is no document, never an exception."""
        try:
            return cls(status, json.loads(body))
        except (ValueError, RecursionError):
            return cls(status, None)


def reference_of(document: Any) -> str | None:
    """The reference: 1 to 200 visible ASCII characters, and no path segment that walks (``..``)."""
    return _matching(document, "reference", REFERENCE)


def status_of(document: Any) -> str | None:
    """The status word, None when absent or no word."""
    return _matching(document, "status", STATUS)


def reason(document: Any) -> str | None:
    """A short reason fit for a log and a reviewer: one line of printable characters, at most 200."""
    if not isinstance(document, dict):
        return None
    for key in REASON_KEYS:
        text = document.get(key)
        if isinstance(text, str) and text.strip():
            return "".join(c if c.isprintable() else " " for c in text[:200]).strip()
    return None


def _matching(document: Any, key: str, pattern: re.Pattern[str]) -> str | None:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
