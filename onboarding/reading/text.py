"""Text as written, in one notation (policy 4.2): the first step of every other normaliser.

Nothing here changes case, accents or letters of a value; ``fold`` is for comparing only.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

from onboarding.reading.vocabulary import load_words

_APOSTROPHES: Final = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "＇": "'"})
_SPECIAL: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
_ONLY_MARKS: Final = re.compile(r"[\s.\-–—_/?*:,;|\u3000]*")
_LATIN_END: Final = 0x24F


Scalar = str | int | float | None
"""A value as it stands in a cell: what can be looked up in a cache, never a list or an object."""


def clean(value: JsonValue) -> str | None:
    """The text of a scalar: NFKC, no format characters, straight apostrophes, single blanks, trimmed.

    ``None`` for no value (nothing, a word such as "n/a", marks only), for lists and for objects. Source: policy 1, 4.2.
    """
    text = tidy(scalar_text(value))
    return None if is_no_value(text) else text


def tidy(text: str) -> str:
    """Policy 4.2 without the no-value rule. Idempotent."""
    if text.isascii():
        return " ".join(text.split())
    plain = unicodedata.normalize("NFKC", remove_format(text)).translate(_APOSTROPHES)
    return " ".join(remove_format(plain).split())


def remove_format(text: str) -> str:
    """Without characters of category Cf (zero width, direction marks, soft hyphen, byte-order mark)."""
    if text.isascii():
        return text
    return _format().sub("", text)


@lru_cache(maxsize=1)
def _format() -> re.Pattern[str]:
    """One character of category Cf."""
    found = [chr(code) for code in range(0xAD, 0x110000) if unicodedata.category(chr(code)) == "Cf"]
    return re.compile(f"[{''.join(map(re.escape, found))}]")


def scalar_text(value: JsonValue) -> str:
    """A scalar as text: whole floats without ``.0``, booleans as ``true``/``false``, containers as nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else ""
    return ""


def is_no_value(text: str) -> bool:
    """Whether the text says that there is nothing: "-", "none", "n/a", "keine", "brak", ... (policy 1)."""
    if len(text) > 40:
        return False
    return _ONLY_MARKS.fullmatch(text) is not None or fold(text).strip(" .()[]<>") in _no_value_words()


@lru_cache(maxsize=1)
def _no_value_words() -> frozenset[str]:
    return frozenset(fold(word).strip(" .()") for words in load_words("no_value").values() for word in words)


def fold(text: str) -> str:
    """For comparing: NFKC, lower case, Latin letters without accents, single blanks. Never stored."""
    return _fold_short(text) if len(text) <= 200 else _fold(text)


@lru_cache(maxsize=8192)
def _fold_short(text: str) -> str:
    return _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    folded = strip_accents(tidy(text).casefold().translate(_SPECIAL))
    return " ".join(unicodedata.normalize("NFKC", folded).casefold().split())


def strip_accents(text: str) -> str:
    """Latin (and Greek) letters without accents; kana, Hangul and other scripts untouched."""
    return "".join(_base(c) for c in unicodedata.normalize("NFC", text) if not "\u0300" <= c <= "\u036f")


@lru_cache(maxsize=4096)
def _base(char: str) -> str:
    if char < "\x80":
        return char
    first = unicodedata.normalize("NFKD", char)[0]
    return first if ord(first) <= _LATIN_END else char


def is_cjk(char: str) -> bool:
    """Han, kana or Hangul: scripts without word blanks."""
    return "\u3040" <= char <= "\u30ff" or "\u3400" <= char <= "\u9fff" or "\uac00" <= char <= "\ud7af" or char == "々"


def has_cjk(text: str) -> bool:
    return not text.isascii() and any(map(is_cjk, text))


def title_case(text: str) -> str:
    """Title case of an all-capitals word or phrase, apostrophes and hyphens respected (O'CARROLL → O'Carroll)."""
    return re.sub(r"[^\W\d_]+", lambda m: m.group()[0] + m.group()[1:].lower(), text)
