"""Vocabularies of the text rules: lists of expressions in ``words/*.toml``, compiled once against folded text."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from onboarding.names import fold

_FOLDER: Final = Path(__file__).with_name("words")
LONGEST_WORD: Final = 60
_RUNS: Final = re.compile(r"(\\[wd]|\[\\d[.,_]+\])(\*|\+|\{2,\})")
_LEAST: Final = {"*": 0, "+": 1, "{2,}": 2}
UNSPACED: Final = re.compile(r"[\u0600-\u06ff\u3040-\ud7af]")
"""Letters of scripts that put no blanks between words, or join them (Arabic articles): matched anywhere."""


def spoken(folded: str) -> str:
    """Folded text with its apostrophes as blanks, as the patterns of this module expect it; the length stays."""
    return folded.replace("'", " ").replace("’", " ").replace("ʼ", " ")


@cache
def document(name: str) -> dict[str, Any]:
    """The parsed file ``words/<name>.toml``."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def alternatives(words: Sequence[str], *, whole: bool = True) -> str:
    """One pattern for many expressions. Alphabets with blanks between words match whole words, others anywhere.

    ``whole`` False leaves the end open, for words that lead to the next one.
    """
    folded = [_blanks(spoken(_folded(word))) for word in words]
    spaced = [word for word in folded if not UNSPACED.search(word)]
    unspaced = [word.removesuffix(r"\w*") for word in folded if UNSPACED.search(word)]  # no blank would end it
    end = r"(?![^\W_])" if whole else ""
    bounded = [rf"(?<![^\W_])(?:{'|'.join(spaced)}){end}"] if spaced else []
    return _short("|".join([*bounded, *unspaced]))


def _short(pattern_: str) -> str:
    """Runs of letters and digits with an end: one tried from each of its places takes the square of its length."""
    return _RUNS.sub(lambda run: f"{run[1]}{{{_LEAST[run[2]]},{LONGEST_WORD}}}", pattern_)


def pattern(words: Sequence[str]) -> re.Pattern[str]:
    """The compiled pattern of :func:`alternatives`; of no words, one that never matches."""
    return re.compile(alternatives(words) or r"(?!)")


def _blanks(word: str) -> str:
    """A blank in an expression stands for any run of blanks and hyphens; an optional one for none as well."""
    word = word.replace("[ -]", " ").replace("[ _-]", "(?:_| )")
    return word.replace(" ?", r"[\s\-]*").replace(" ", r"[\s\-]+")


def _folded(word: str) -> str:
    """Fold the letters of an expression, leaving its escapes alone."""
    return "".join(piece if piece.startswith("\\") else fold(piece) for piece in re.split(r"(\\.)", word))
