"""Which of many patterns can occur in a text at all, by the letters their matches need: one pass, not one for each.

A vocabulary is hundreds of patterns of hundreds of expressions, and hardly any occurs in a text; to search for each
costs milliseconds a page. What is told here is never too little: a pattern of which nothing is known is always
possible. Only a search tells whether it does occur.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from re import _constants as op  # type: ignore[attr-defined]  # the parsed form has no public name
from re import _parser as parser
from typing import Any, Final, Generic, NamedTuple, TypeVar

from onboarding.checks.vocabulary import UNSPACED

K = TypeVar("K", bound=Hashable)
LONGEST: Final = 8
"""Characters of a beginning that are looked at."""
_MOST: Final = 300
"""Beginnings of one piece of a pattern that are told apart."""
_WORD: Final = re.compile(r"[^\W_]+")
_AT_A_WORD: Final = str(parser.parse(r"(?<![^\W_])a")[0])
_BLANK: Final = str(parser.parse(r"[\s\-]")[0])
_TELLING: Final = 4
"""Letters from which on chance brings them seldom."""
_REPEATS: Final = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)
_WIDTHLESS: Final = (op.AT, op.ASSERT, op.ASSERT_NOT)


class Begun(NamedTuple):
    """The first letters of a match that are known; ``inside``: something may stand before them."""

    letters: str
    inside: bool


class Beginnings(Generic[K]):
    """The beginnings of ``patterns`` (expressions for ``re``, without flags) by a name for each."""

    def __init__(self, patterns: Mapping[K, str]) -> None:
        self._always: set[K] = set()
        self._of_words: defaultdict[str, set[K]] = defaultdict(set)
        self._inside: defaultdict[str, set[K]] = defaultdict(set)
        self._unspaced: defaultdict[str, set[K]] = defaultdict(set)
        for name, pattern in patterns.items():
            for begun in _beginnings(pattern):
                self._learn(name, begun)

    def _learn(self, name: K, begun: Begun) -> None:
        word = None if begun.inside else _WORD.match(begun.letters)
        if not begun.letters:
            self._always.add(name)
        elif word:
            self._of_words[word[0]].add(name)
        elif UNSPACED.match(begun.letters):
            self._unspaced[begun.letters].add(name)
        else:
            self._inside[begun.letters].add(name)

    def possible(self, text: str) -> set[K]:
        """The names of those that can occur in ``text``; all that do occur are among them."""
        found = set(self._always)
        for word in set(_WORD.findall(text)):
            _gather(found, self._of_words, word)
        for match in UNSPACED.finditer(text):
            _gather(found, self._unspaced, text[match.start() : match.start() + LONGEST])
        for letters, names in self._inside.items():
            if letters in text:
                found |= names
        return found


def _gather(found: set[K], known: Mapping[str, set[K]], start: str) -> None:
    for size in range(1, min(len(start), LONGEST) + 1):
        if names := known.get(start[:size]):
            found |= names


def _beginnings(pattern: str) -> set[Begun]:
    """One of these stands in each match."""
    pieces = list(parser.parse(pattern))
    branches = pieces[0][1][1] if len(pieces) == 1 and pieces[0][0] is op.BRANCH else [pieces]
    return set().union(*(_needed(list(branch), Begun("", inside=not _at_a_word(branch))) for branch in branches))


def _at_a_word(pieces: Any) -> bool:
    return bool(len(pieces)) and str(pieces[0]) == _AT_A_WORD


def _needed(pieces: list[Any], start: Begun) -> set[Begun]:
    """Of all the places in a pattern from which letters are known, those that are found least often."""
    pieces = [piece for piece in pieces if piece[0] not in _WIDTHLESS]
    if len(pieces) == 1:
        kind, value = pieces[0]
        if kind is op.SUBPATTERN and not value[1] and not value[2]:
            return _needed(list(value[3]), start)
        if kind is op.BRANCH:
            return set().union(*(_needed(list(branch), start) for branch in value[1]))
    best: tuple[tuple[int, bool], set[Begun]] = ((-1, False), set())
    for at, begun in _places(pieces, start):
        ended, going_on = _all_through({begun}, pieces[at:])
        best = max(best, (_seldom(ended | going_on), ended | going_on), key=lambda way: way[0])
        if best[0] == (_TELLING, True):
            break
    return best[1]


def _seldom(begun: set[Begun]) -> tuple[int, bool]:
    """How seldom a text has one of these by chance: the shortest tells, and from some length on the place of it."""
    return min(_TELLING, *(len(each.letters) for each in begun)), not any(each.inside for each in begun)


def _places(pieces: list[Any], start: Begun) -> Iterator[tuple[int, Begun]]:
    """Where to begin to look: at the start, and behind all of which no letters are known."""
    here = {start}
    yield 0, start
    for at, (kind, value) in enumerate(pieces, 1):
        ended, going_on = _through(here, kind, value)
        inside = bool(ended) or any(begun.letters or begun.inside for begun in going_on)
        here = {Begun("", inside=inside)}
        if kind is not op.LITERAL and at < len(pieces):
            yield at, Begun("", inside=inside)


def _all_through(going_on: set[Begun], pieces: Iterable[Any]) -> tuple[set[Begun], set[Begun]]:
    """What beginnings become through ``pieces``: those that are known no further, and those that are."""
    ended: set[Begun] = set()
    for kind, value in pieces:
        if kind in _WIDTHLESS:
            continue
        stopped, going_on = _through(going_on, kind, value)
        long = {begun for begun in going_on if len(begun.letters) >= LONGEST}
        ended, going_on = ended | stopped | long, going_on - long
        if len(going_on) > _MOST:
            stopped, going_on = _past(going_on)
            ended |= stopped
        if not going_on:
            break
    return ended, going_on


def _through(before: set[Begun], kind: Any, value: Any) -> tuple[set[Begun], set[Begun]]:
    if kind is op.LITERAL:
        return set(), {Begun(begun.letters + chr(value), begun.inside) for begun in before}
    if kind is op.SUBPATTERN and not value[1] and not value[2]:
        return _all_through(before, value[3])
    if kind is op.BRANCH:
        ways = [_all_through(before, branch) for branch in value[1]]
        return set().union(*(ended for ended, _ in ways)), set().union(*(going_on for _, going_on in ways))
    if kind is op.IN and all(member is op.LITERAL for member, _ in value):
        return set(), {Begun(begun.letters + chr(letter), begun.inside) for begun in before for _, letter in value}
    if kind in _REPEATS:
        return _repeated(before, *value)
    return _past(before)


def _repeated(before: set[Begun], least: int, most: int, inner: Any) -> tuple[set[Begun], set[Begun]]:
    ended, going_on = _past(before, at_a_word=True) if _is_blank(inner) else _all_through(before, inner)
    if most != 1:
        lettered = {begun for begun in going_on if begun.letters}
        ended, going_on = ended | lettered, going_on - lettered | ({Begun("", inside=True)} if lettered else set())
    return ended, going_on | before if least == 0 else going_on


def _is_blank(inner: Any) -> bool:
    r"""Whether it is ``[\s\-]``, behind which a word begins."""
    return len(inner) == 1 and str(inner[0]) == _BLANK


def _past(before: set[Begun], *, at_a_word: bool = False) -> tuple[set[Begun], set[Begun]]:
    """Behind something unknown: what is known so far is all that is, and what follows nothing is looked for on."""
    ended = {begun for begun in before if begun.letters}
    return ended, {Begun("", inside=not at_a_word)} if ended != before else set()
