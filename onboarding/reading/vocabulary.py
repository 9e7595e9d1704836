"""Vocabularies are data: ``words/<name>.txt``, one ``concept: word | word | word`` a line.

A concept may have several lines (one per language); ``#`` starts a comment line.
"""

from functools import cache
from importlib.resources import files


@cache
def load_words(name: str) -> dict[str, tuple[str, ...]]:
    """Concept → its words as written, in file order. Raises FileNotFoundError for a name that is not there."""
    text = files("onboarding.reading").joinpath("words", f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        concept, _, words = line.partition(":")
        found.setdefault(concept.strip(), []).extend(w.strip() for w in words.split("|") if w.strip())
    return {concept: tuple(words) for concept, words in found.items()}
