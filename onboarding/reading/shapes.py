"""Texts of the same length in simpler letters, so that one offset means the same place in all of them."""

import unicodedata
from typing import Final

_ODD: Final = {
    "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-",
    "−": "-", "‐": "-",
    "‑": "-", "‒": "-", "―": "-", "〜": "~", "～": "~", "「": '"', "」": '"', "『": '"', "』": '"',
    "・": "・", "〒": "〒", "\u3000": " ", "：": ":",
}  # fmt: skip
_FLAT: Final = {"ß": "s", "ł": "l", "ø": "o", "đ": "d", "æ": "a", "œ": "o", "ı": "i", "ð": "d", "þ": "t"}


class _Shape(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        wide = unicodedata.normalize("NFKC", char) if 0xFF01 <= code <= 0xFF5E else char
        kept = " " if unicodedata.category(char) == "Zs" else wide
        self[code] = _ODD.get(char, kept)
        return self[code]


class _Flat(dict[int, str]):
    def __missing__(self, code: int) -> str:
        lower = _SHAPE[code].lower()
        lower = lower if len(lower) == 1 else _SHAPE[code]
        base = unicodedata.normalize("NFKD", lower)[:1]
        self[code] = _FLAT.get(lower, base if lower > "\x7f" and base and ord(base) < 0x250 else lower)
        return self[code]


_SHAPE: Final = _Shape()
_TABLE: Final = _Flat()


def shape(text: str) -> str:
    """``text`` with ASCII instead of full-width and typographic characters; case and accents stay. Same length."""
    return text if text.isascii() else text.translate(_SHAPE)


def flat(text: str) -> str:
    """:func:`shape` in lower case and without accents, for looking words up. Same length."""
    lower = text.lower()
    return lower if text.isascii() and len(lower) == len(text) else text.translate(_TABLE)
