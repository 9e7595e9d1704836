"""An index of names by their words: who on a long list is called nearly like this, and how nearly (policy 6).

Words are found by how they sound (consonants, spellings of one sound made equal) and by one letter more or less.
A name is a candidate when two of its words agree; only candidates are scored.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from onboarding.names import company_words, is_cjk, person_words, word_set, words

Kind = Literal["person", "company"]

LEAST_ALIKE: Final = 0.75
"""Two words less alike than this do not agree."""
INITIAL_WEIGHT: Final = 0.3
GENERIC_WEIGHT: Final = 0.35
SHORT_SIDE: Final[dict[Kind, float]] = {"person": 0.75, "company": 0.5}
"""How much the better covered name counts: people leave middle names out, companies seldom drop a word."""

GENERIC: Final = word_set(
    "trading trade traders general group holding holdings international global world worldwide shipping logistics "
    "transport services service solutions systems technology technologies tech industries industrial industry "
    "enterprise enterprises ventures partners associates consulting consultants management investment investments "
    "capital finance financial import imports export exports commercial commerce business company construction "
    "engineering development developments properties media digital online store stores shop center centre european "
    "asian african middle east west north south eastern western northern southern national united first new handel "
    "handels handelsgesellschaft beteiligungs verwaltungs invest commerciale comercial comercio servicios distribution "
    "distributors supplies supply products production agency institute foundation organization organisation committee "
    "association"
)
"""Words of company names that tell nobody apart; two such words in common are no hit."""
_CONNECTIVES: Final = word_set("and und et y e i of the de du des for fur")


class Close(NamedTuple):
    """A name on the list and its agreement with the searched one, 0 to 1."""

    name: str
    agreement: float


class NameIndex:
    """Searches names given as (owner, name); an owner may have many names and is found by its closest."""

    def __init__(self, names: Iterable[tuple[int, str]], *, kind: Kind) -> None:
        self._kind: Kind = kind
        self._names: list[tuple[int, str, tuple[str, ...]]] = []
        self._holders: dict[str, list[int]] = defaultdict(list)
        self._joined: dict[str, list[int]] = defaultdict(list)
        for owner, name in names:
            self._add(owner, name)
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in self._holders:
            for key in {*_sound_key(word), *_part_keys(word, len(word))}:
                self._near[key].append(word)

    def search(self, name: str) -> dict[int, Close]:
        """Owners whose names agree with ``name`` in at least two words, each with its closest name."""
        found: dict[int, Close] = {}
        if not self._names:
            return found
        spelt = tuple(split(name, self._kind))
        for at in self._candidates(spelt):
            owner, other, other_words = self._names[at]
            agreement = agree(spelt, other_words, self._kind)
            if agreement > 0 and (owner not in found or found[owner].agreement < agreement):
                found[owner] = Close(other, agreement)
        return found

    def closest(self, name: str, others: Iterable[str]) -> Close:
        """The one of ``others`` (not empty) that agrees best with ``name``, however little."""
        spelt = tuple(split(name, self._kind))
        scored = [Close(other, agree(spelt, tuple(split(other, self._kind)), self._kind)) for other in others]
        return max(scored, key=lambda close: close.agreement, default=Close(name, 0.0))

    def _add(self, owner: int, name: str) -> None:
        spelt = tuple(split(name, self._kind))
        at = len(self._names)
        self._names.append((owner, name, spelt))
        for word in set(spelt):
            if len(word) > 1:
                self._holders[word].append(at)
        for one, two in pairwise(spelt):
            self._joined[one + two].append(at)

    def _candidates(self, spelt: tuple[str, ...]) -> Iterator[int]:
        """Names in which two words agree (a word written as two, and a Han or Hangul name, count double)."""
        counts: Counter[int] = Counter()
        telling: set[int] = set()
        for word in dict.fromkeys(spelt):
            hits = {at for near in self._alike(word) for at in self._holders.get(near, ())}
            double = {at for near in self._alike(word) for at in self._joined.get(near, ())}
            counts.update(hits)
            counts.update(double)
            counts.update(double)
            if is_cjk(word):
                counts.update(hits)
            if not (self._kind == "company" and word in GENERIC):
                telling |= hits | double
        for one, two in pairwise(spelt):
            hits = {at for near in self._alike(one + two) for at in self._holders.get(near, ())}
            counts.update(hits)
            counts.update(hits)
            telling |= hits
        alone = len(spelt) == 1 and self._kind == "company"
        return (at for at in telling if counts[at] >= 2 or (alone and len(self._names[at][2]) == 1))

    def _alike(self, word: str) -> list[str]:
        """Words on the list that agree with ``word``, itself included even where only two words joined give it."""
        if len(word) == 1:
            return []
        sizes = range(len(word) - 1, len(word) + 2)
        parts = {other for size in sizes for key in _part_keys(word, size) for other in self._near.get(key, ())}
        edits = 2 if len(word) > 7 else 1
        near = {
            other for other, _, _ in process.extract(word, parts, scorer=OSA.distance, score_cutoff=edits, limit=None)
        }
        near |= {other for key in _sound_key(word) for other in self._near.get(key, ())}
        return [word, *(other for other in near if other != word and alike(word, other) >= LEAST_ALIKE)]


def split(name: str, kind: Kind) -> list[str]:
    """The words of a name that are compared: a company's without its legal form, a person's without particles."""
    if kind == "person":
        return person_words(name)
    spelt = [word for word in company_words(name) if word not in _CONNECTIVES] or words(name)
    # one telling word is too little to go by; with the same legal form behind it the whole name is the same
    return spelt if len(spelt) > 1 or is_cjk("".join(spelt)) else words(name)


def agree(one: tuple[str, ...], other: tuple[str, ...], kind: Kind) -> float:
    """Agreement of two split names, 0 to 1; 0 unless two words agree, one of them a telling one."""
    pairs = _pairs(one, other, kind)
    agreeing = sum(pair.counts for pair in pairs)
    if agreeing < 2 or not any(pair.telling for pair in pairs):
        return 0.0
    gained = sum(pair.weight * pair.alike for pair in pairs)
    matched = sum(pair.weight for pair in pairs)
    rest_one = sum(_weight(word, kind) for at, word in enumerate(one) if not any(at in pair.mine for pair in pairs))
    rest_other = sum(
        _weight(word, kind) for at, word in enumerate(other) if not any(at in pair.theirs for pair in pairs)
    )
    covers = sorted((gained / (matched + rest_one), gained / (matched + rest_other)))
    short = SHORT_SIDE[kind]
    return short * covers[1] + (1 - short) * covers[0]


class _Pair(NamedTuple):
    alike: float
    weight: float
    mine: tuple[int, ...]
    theirs: tuple[int, ...]
    counts: int
    telling: bool


def _pairs(one: tuple[str, ...], other: tuple[str, ...], kind: Kind) -> list[_Pair]:
    """Words that agree, best first, each used once."""
    options = [pair for i, a in enumerate(one) for j, b in enumerate(other) if (pair := _pair(a, b, (i,), (j,), kind))]
    for i, (a, b) in enumerate(pairwise(one)):
        options += [pair for j, c in enumerate(other) if (pair := _pair(a + b, c, (i, i + 1), (j,), kind))]
    for j, (a, b) in enumerate(pairwise(other)):
        options += [pair for i, c in enumerate(one) if (pair := _pair(c, a + b, (i,), (j, j + 1), kind))]
    chosen: list[_Pair] = []
    mine: set[int] = set()
    theirs: set[int] = set()
    for pair in sorted(options, key=lambda p: (-p.alike * p.weight, p.mine, p.theirs)):
        if mine.isdisjoint(pair.mine) and theirs.isdisjoint(pair.theirs):
            chosen.append(pair)
            mine.update(pair.mine)
            theirs.update(pair.theirs)
    return chosen


def _pair(a: str, b: str, mine: tuple[int, ...], theirs: tuple[int, ...], kind: Kind) -> _Pair | None:
    joined = len(mine) + len(theirs) > 2
    if len(a) == 1 or len(b) == 1:
        if joined or a[0] != b[0] or is_cjk(a):
            return None
        return _Pair(0.95, INITIAL_WEIGHT, mine, theirs, counts=0, telling=False)
    close = alike(a, b)
    if close < LEAST_ALIKE or (joined and close < 0.9):
        return None
    counts = 2 if joined or (is_cjk(a) and a == b) else 1
    weight = min(_weight(a, kind), _weight(b, kind)) * (2 if joined else 1)
    return _Pair(close, weight, mine, theirs, counts, telling=not (kind == "company" and a in GENERIC))


def _weight(word: str, kind: Kind) -> float:
    if len(word) == 1 and not is_cjk(word):
        return INITIAL_WEIGHT
    return GENERIC_WEIGHT if kind == "company" and word in GENERIC else 1.0


@lru_cache(maxsize=100_000)
def alike(one: str, other: str) -> float:
    """How alike two folded words are, 0 to 1: by letters, better if they sound the same."""
    if one == other:
        return 1.0
    if is_cjk(one) or is_cjk(other):
        return 0.0
    longest = max(len(one), len(other))
    edits = OSA.distance(one, other, score_cutoff=4)
    sound = skeleton(one)
    if len(sound) >= 3 and sound == skeleton(other) and edits <= max(2, longest // 3):
        return 1 - edits / longest / 2
    if (edits == 1 and longest >= 4) or (edits == 2 and longest >= 8):
        return 1 - edits / longest
    return 0.0


_SOUNDS: Final = (
    {"tsch": "c", "shch": "s", "sch": "s", "tch": "c", "ph": "f", "ck": "k", "kh": "h", "gh": "g", "zh": "s", "sh": "s"}
    | {"ch": "c", "th": "t", "dj": "s", "dz": "s", "ts": "s", "tz": "s", "x": "ks", "q": "k", "w": "v", "z": "s"}
    | {"ce": "se", "ci": "si", "c": "k"}
)
_SPELLINGS: Final = re.compile("|".join(sorted(_SOUNDS, key=len, reverse=True)))
_SILENT: Final = re.compile(r"(?<!^)[aeiouyjh]")
_DOUBLE: Final = re.compile(r"(.)\1+")


@lru_cache(maxsize=100_000)
def skeleton(word: str) -> str:
    """The consonants of a word, spellings of one sound made equal; an opening vowel is kept as ``a``."""
    sounds = _SPELLINGS.sub(lambda spelling: _SOUNDS[spelling[0]], word)
    opening = "a" if sounds[:1] in "aeiouyj" else sounds[:1]
    return _DOUBLE.sub(r"\1", _SILENT.sub("", opening + sounds[1:]))


def _sound_key(word: str) -> tuple[str, ...]:
    sound = "" if is_cjk(word) else skeleton(word)
    return (f"~{sound}",) if len(sound) >= 3 else ()


def _part_keys(word: str, size: int) -> Iterator[str]:
    """What one wrong letter leaves standing in a word filed by ``size``: half of a long one, most of a short one."""
    if 2 < size <= 5:
        yield f"-{word}"
        yield from (f"-{word[:at]}{word[at + 1 :]}" for at in range(len(word)))
    elif size > 5:
        half = 3 if size < 8 else 4
        yield f"<{size}{word[:half]}"
        yield f">{size}{word[-half:]}"
