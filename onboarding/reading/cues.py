"""Finds phrases of a vocabulary in running text, in one pass whatever the vocabulary's size."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from onboarding.reading.shapes import flat

_WORD: Final = re.compile(r"[^\W_]+(?:\.(?=[^\W\d_])[^\W\d_]+){0,4}|[^\w\s]")
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SHORTEST_STEM: Final = 2


class Cue(NamedTuple):
    """A phrase of the vocabulary at its place; ``concept`` is what it stands for."""

    concept: str
    start: int
    end: int


class Phrases:
    """A vocabulary (concept to phrases). ``*`` at the end of a phrase matches any ending of its last word.

    A phrase may stand for several concepts; of phrases that start at one place the longest counts.
    """

    def __init__(self, vocabulary: Mapping[str, Iterable[str]]) -> None:
        self._whole: dict[str, list[tuple[tuple[str, ...], bool, str]]] = {}
        self._stems: dict[str, list[tuple[tuple[str, ...], bool, str]]] = {}
        self._longest_stem = 0
        cjk: dict[str, list[str]] = {}
        for concept, phrases in vocabulary.items():
            for phrase in phrases:
                self._add(concept, flat(phrase), cjk)
        self._cjk = cjk
        words = sorted(cjk, key=len, reverse=True)
        self._cjk_pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def _add(self, concept: str, phrase: str, cjk: dict[str, list[str]]) -> None:
        if _CJK.search(phrase):
            cjk.setdefault(phrase, []).append(concept)
            return
        stem = phrase.endswith("*")
        words = tuple(match.group() for match in _WORD.finditer(phrase.rstrip("*")))
        if not words:
            return
        if stem and len(words) == 1:
            self._stems.setdefault(words[0], []).append((words, True, concept))
            self._longest_stem = max(self._longest_stem, len(words[0]))
        else:
            self._whole.setdefault(words[0], []).append((words, stem, concept))

    def find(self, text: str) -> list[Cue]:
        """All cues of ``text`` in order of place. Offsets are those of ``text`` (it is made flat here)."""
        low = flat(text)
        found = list(self._spaced(low))
        if self._cjk_pattern is not None:
            for match in self._cjk_pattern.finditer(low):
                found += [Cue(concept, *match.span()) for concept in self._cjk[match.group()]]
        return sorted(found, key=lambda cue: (cue.start, -cue.end))

    def _spaced(self, low: str) -> Iterator[Cue]:
        tokens = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(low)]
        for index, (word, start, _) in enumerate(tokens):
            matches = [
                (end, concept)
                for words, stem, concept in self._candidates(word)
                if (end := self._match(tokens, index, words, stem)) >= 0
            ]
            if not matches:
                continue
            longest = max(end for end, _ in matches)
            yield from {Cue(concept, start, end) for end, concept in matches if end == longest}

    def _candidates(self, word: str) -> Iterator[tuple[tuple[str, ...], bool, str]]:
        yield from self._whole.get(word, ())
        for length in range(_SHORTEST_STEM, min(len(word), self._longest_stem) + 1):
            yield from self._stems.get(word[:length], ())

    @staticmethod
    def _match(tokens: list[tuple[str, int, int]], index: int, words: tuple[str, ...], stem: bool) -> int:
        """The offset after ``words`` if they stand at ``index``, else -1."""
        last = index + len(words) - 1
        if last == index:  # the word itself was looked up
            return tokens[index][2]
        if last >= len(tokens):
            return -1
        for at in range(index + 1, last + 1):
            token, word = tokens[at][0], words[at - index]
            if token != word and not (stem and at == last and token.startswith(word)):
                return -1
        return tokens[last][2]
