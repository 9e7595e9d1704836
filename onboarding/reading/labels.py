"""Labels → concepts (policy section 10): any key style, any of the supported languages, compounds and wrappers.

The glossary is data (``words/labels.txt``). A concept is a field (``dob``), a scope (``@owner``: a wrapper or half of a
compound) or a generic word (``~name``) that only its scope gives meaning. ``placing.py`` turns concepts into paths.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.text import fold, is_cjk, remove_format
from onboarding.reading.vocabulary import load_words

_LONGEST_LABEL: Final = 140
_LONGEST_WORD: Final = 60
_CAMEL: Final = re.compile(r"(?<=[a-zà-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_TOKEN: Final = re.compile(r"[^\W\d_]+|\d+|%")
_ASIDE: Final = re.compile(r"[(\[（【][^()\[\]（）【】]*[)\]）】]")
_STOP: Final = frozenset(load_words("label_marks")["stop"])
_SMALL: Final = frozenset(load_words("label_marks")["small"])
_SHORT_FOR: Final = {"p": "person", "pers": "person", "sh": "shareholder", "own": "owner", "dir": "director"}
_LINKS: Final = ("s", "es", "n", "en", "e")


class Label(NamedTuple):
    """What a label says: its ``segments`` (each with the concepts it may mean, most usual first), its number ``nth``
    (``ubo2_dob`` → 2), how many words stayed ``unknown``, and the ``words`` as split."""

    segments: tuple[tuple[str, ...], ...]
    nth: int | None
    unknown: int
    words: tuple[str, ...]

    @property
    def ends_known(self) -> bool:
        """Whether the last word alone is a label: what stands before it only says whose it is."""
        return bool(self.words) and self.words[-1] in _glossary()

    def has(self, *concepts: str) -> bool:
        return any(concept in segment for segment in self.segments for concept in concepts)


def squash(text: str) -> str:
    """The comparing key of a label: folded, letters and digits only."""
    return "".join(_TOKEN.findall(fold(text)))


@lru_cache(maxsize=16384)
def read_label(text: str) -> Label:
    """Take a label apart. Unknown labels have no segments. Never raises."""
    if len(text) > _LONGEST_LABEL:
        return Label((), None, 99, ())
    whole = _read(text)
    if whole.unknown == 0 and whole.segments:
        return whole
    bare = _ASIDE.sub(" ", text)
    if bare != text and bare.strip(" :?*") and (outer := _read(bare)).segments and outer.unknown <= whole.unknown:
        return outer
    return whole


def _read(text: str) -> Label:
    words = _spelt_out(split_words(text))
    exact = _glossary().get("".join(words))
    if exact:
        return Label((exact,), None, 0, words)
    nth = _number_in(words)
    exact = _glossary().get("".join(word for word in words if not word.isdigit()))
    if exact:
        return Label((exact,), nth, 0, words)
    segments, unknown = _segment(words)
    return Label(segments, nth, unknown, words)


def _spelt_out(words: tuple[str, ...]) -> tuple[str, ...]:
    """``p1_born`` → person 1: a letter before a number is a column's short word for somebody."""
    counted = len(words) > 1 and words[1].isdecimal() and len(words[1]) <= 2
    return (_SHORT_FOR[words[0]], *words[1:]) if counted and words[0] in _SHORT_FOR else words


def _number_in(words: tuple[str, ...]) -> int | None:
    """The number that counts people ("owner 2"), not one that belongs to the word before it ("address line 2")."""
    for at, word in enumerate(words):
        if word.isdecimal() and len(word) <= 2:
            phrases = ("".join(words[start : at + 1]) for start in range(max(0, at - 2), at))
            if not any(phrase in _glossary() for phrase in phrases):
                return int(word)
    return None


def split_words(text: str) -> tuple[str, ...]:
    """``companyRegNo_2`` → ("company", "reg", "no", "2"), folded."""
    spaced = _CAMEL.sub(" ", remove_format(text)) if not text.isupper() else text
    return tuple(_TOKEN.findall(fold(spaced)))


@lru_cache(maxsize=1)
def _glossary() -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for concept, words in load_words("labels").items():
        for word in words:
            for key in _spellings(word):
                found.setdefault(key, {})[concept] = None
    for key in [k for k in found if len(k) > 3 and k.isascii() and not k.endswith("s")]:
        found.setdefault(key + "s", found[key])
    return {key: tuple(concepts) for key, concepts in found.items() if key}


def _spellings(word: str) -> set[str]:
    lower = word.lower()
    short = " ".join(w for w in re.sub(r"\b[dl]'", " ", lower).split() if w not in _SMALL)
    german = lower.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue")
    found = {squash(lower), squash(german)}
    if short != lower and (" " in short or len(short) > 7):
        found.add(squash(short))
    return found


def _segment(words: tuple[str, ...]) -> tuple[tuple[tuple[str, ...], ...], int]:
    """The cheapest cover of the words by glossary phrases; words nobody knows are skipped at a price."""
    text = "".join(words)
    starts: dict[int, str] = {}
    at = 0
    for word in words:
        starts[at] = word
        at += len(word)
    edges = {*starts, at}
    best: list[tuple[float, int, tuple[tuple[str, ...], ...]] | None] = [None] * (at + 1)
    best[0] = (0.0, 0, ())
    for here in range(at):
        if best[here] is not None:
            for end, cost, unknown, segment in _steps(text, here, edges, starts):
                _keep_cheaper(best, here, end, cost, unknown, segment)
    final = best[at]
    return (final[2], final[1]) if final else ((), len(words))


def _keep_cheaper(
    best: list[tuple[float, int, tuple[tuple[str, ...], ...]] | None],
    here: int,
    end: int,
    cost: float,
    unknown: int,
    segment: tuple[str, ...] | None,
) -> None:
    before = best[here]
    assert before is not None
    total = before[0] + cost
    known = best[end]
    if known is None or total < known[0]:
        best[end] = (total, before[1] + unknown, (*before[2], segment) if segment else before[2])


def _steps(
    text: str, here: int, edges: set[int], starts: dict[int, str]
) -> list[tuple[int, float, int, tuple[str, ...] | None]]:
    glossary = _glossary()
    steps: list[tuple[int, float, int, tuple[str, ...] | None]] = []
    aligned = here in edges
    for end in range(here + 1, min(len(text), here + _LONGEST_WORD) + 1):
        phrase = text[here:end]
        if phrase not in glossary:
            continue
        whole = aligned and end in edges
        shortest = (1 if end in edges else 2) if is_cjk(phrase[0]) else 4
        if whole or len(phrase) >= shortest or (aligned and len(phrase) >= 3):
            steps.append((end, 1.0 if whole else 1.6, 0, glossary[phrase]))
    if aligned and here in starts:
        word = starts[here]
        last = here + len(word) == len(text)
        silent = (word in _STOP and not (last and word in glossary)) or word.isdigit()
        steps.append((here + len(word), 0.05 if silent else 4.0, int(not silent), None))
    elif not aligned:
        steps.extend((here + len(link), 0.4, 0, None) for link in _LINKS if text.startswith(link, here))
    if is_cjk(text[here]):
        stop = text[here] in _STOP
        steps.append((here + 1, 0.05 if stop else 2.0, int(not stop), None))
    return steps


def is_label(text: str) -> bool:
    """Whether a short text names a field or a wrapper well enough to stand before a value."""
    label = read_label(text)
    return bool(label.segments) and label.unknown <= len(label.segments)


def says_nothing(label: str) -> bool:
    """Whether a label leaves its value's meaning open: unknown, or only "value", "number"."""
    return all(concept[0] == "~" for segment in read_label(label).segments for concept in segment)
