"""The known word that a mistyped one is nearest to."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], likeness: float = 0.8) -> str | None:
    """The one of ``known`` (all in capitals) that is meant most likely; None when none is near. 1: letter by letter."""
    return next(iter(get_close_matches(word.upper(), list(known), 1, likeness)), None)


def meant(word: str, known: Iterable[str]) -> str:
    """``; did you mean X?``, or nothing."""
    found = nearest(word, known)
    return f"; did you mean {found}?" if found else "."
