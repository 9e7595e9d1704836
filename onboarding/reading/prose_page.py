"""A text made ready for reading as prose: its shapes, its cue phrases, its sentences, and what is already claimed."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.cues import Cue, Phrases
from onboarding.reading.shapes import flat, shape
from onboarding.reading.spans import Span, spans
from onboarding.reading.vocabulary import load_words

_STOP: Final = re.compile(r"(?<![.!?])[.!?]{1,200}[\"')\]]{0,2}(?=\s)|[。！？]|\n")
_ABBREVIATIONS: Final = frozenset(load_words("stops")["abbreviation"])
_CHATTY: Final = re.compile(r"[a-z0-9]{3,40}[.?!] (?=(?:i|we|my|me|the|our|it|want|do|usual|can|thx)(?![^\s']))")
BULLET: Final = re.compile(r"\s{0,8}(?:[-*•·‣▪–]|\d{1,2}[.)]|[a-z][.)])\s")
_WRAPPED: Final = 45
"""A line at least this long may be wrapped by a mail program; a shorter one ends where its writer ended it."""
_LONGEST_SENTENCE: Final = 1500
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@lru_cache(maxsize=1)
def prose_phrases() -> Phrases:
    """The vocabulary of ``words/prose.txt``, ready to find."""
    return Phrases(load_words("prose"))


class Company(NamedTuple):
    """A company named in the text, [start, end)."""

    start: int
    end: int


class Page:
    """``plain`` and ``low`` have the length of ``text`` (see shapes). ``sentences`` are (start, end), in order,
    complete."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.plain = shape(text)
        self.low = flat(text)
        self.spans = spans(text)
        self.cues = prose_phrases().find(text)
        self.sentences = _sentences(text, self.plain, self.spans)
        self._starts = [start for start, _ in self.sentences]
        self._cue_starts = [cue.start for cue in self.cues]
        self._span_starts = [span.start for span in self.spans]
        self._claimed = bytearray(len(text))
        self.companies: list[Company] | None = None  # filled by prose_names, once

    def sentence(self, offset: int) -> tuple[int, int]:
        """The sentence that ``offset`` is in."""
        if not self.sentences:
            return 0, len(self.text)
        return self.sentences[max(bisect_right(self._starts, offset) - 1, 0)]

    def cues_in(self, start: int, end: int, *concepts: str) -> list[Cue]:
        """Cues that lie inside [start, end), of the given concepts (all when none is given)."""
        found = []
        for index in range(bisect_right(self._cue_starts, start - 1), len(self.cues)):
            cue = self.cues[index]
            if cue.start >= end:
                break
            if cue.end <= end and (not concepts or cue.concept in concepts):
                found.append(cue)
        return found

    def spans_in(self, start: int, end: int, *kinds: str) -> list[Span]:
        """Spans that start inside [start, end), of the given kinds (all when none is given)."""
        found = []
        for index in range(bisect_right(self._span_starts, start - 1), len(self.spans)):
            span = self.spans[index]
            if span.start >= end:
                break
            if not kinds or span.kind in kinds:
                found.append(span)
        return found

    def spans_over(self, start: int, end: int, *kinds: str) -> list[Span]:
        """Spans that share a letter with [start, end), of the given kinds."""
        return [span for span in self.spans_in(max(start - 60, 0), end, *kinds) if span.end > start]

    def span_before(self, start: int, end: int, *kinds: str) -> Span | None:
        """The last span of ``kinds`` that lies in [start, end): looked for backwards, as the nearest is the one
        wanted."""
        for index in range(bisect_left(self._span_starts, end) - 1, -1, -1):
            span = self.spans[index]
            if span.start < start:
                return None
            if span.kind in kinds and span.end <= end:
                return span
        return None

    def span_after(self, start: int, end: int, *kinds: str) -> Span | None:
        """The first span of ``kinds`` that starts in [start, end)."""
        for index in range(bisect_left(self._span_starts, start), len(self.spans)):
            span = self.spans[index]
            if span.start >= end:
                return None
            if span.kind in kinds:
                return span
        return None

    def claim(self, start: int, end: int) -> None:
        """Mark a piece as read: it belongs to a field and to no other."""
        self._claimed[start:end] = b"\x01" * max(end - start, 0)

    def is_free(self, start: int, end: int) -> bool:
        return not any(self._claimed[start:end])


def _sentences(text: str, plain: str, found: list[Span]) -> list[tuple[int, int]]:
    inside = bytearray(len(text))
    for span in found:
        inside[span.start + 1 : span.end] = b"\x01" * max(span.end - span.start - 1, 0)
    relaxed = len(_CHATTY.findall(plain[:20_000])) > 1
    sentences, start, line = [], 0, 0
    for match in _STOP.finditer(text):
        if match.group() == "\n":
            ends = _line_ends(text, line, match.start())
            line = match.end()
        else:
            ends = not inside[match.start()] and _is_full_stop(plain, start, match, relaxed)
            ends = ends and not _is_ordinal(plain, inside, match.start())
        if ends:
            if text[start : match.end()].strip():
                sentences.append((start, match.end()))
            start = match.end()
    if text[start:].strip():
        sentences.append((start, len(text)))
    return [piece for sentence in sentences for piece in _bounded(text, *sentence)]


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A sentence in pieces that are not too long, cut at blanks: whatever looks around inside one stays linear."""
    while end - start > _LONGEST_SENTENCE:
        blank = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE)
        stop = blank if blank > start else start + _LONGEST_SENTENCE
        yield start, stop
        start = stop
    yield start, end


def _line_ends(text: str, line: int, stop: int) -> bool:
    """Whether the line break at ``stop`` ends a sentence, and is not a mail program's wrapping."""
    here = text[line:stop].strip()
    following = text[stop + 1 : stop + 80]
    if (
        not here
        or not following.strip(" \t\r")
        or following.lstrip(" \t\r").startswith("\n")
        or BULLET.match(following)
    ):
        return True
    if BULLET.match(text, line) and following[:1].isupper():
        return True  # a heading below a list's last item
    return len(here) < _WRAPPED or _CJK.search(here[-10:]) is not None


def _is_ordinal(plain: str, inside: bytearray, stop: int) -> bool:
    """A short number of its own before the stop ("am 3. Platz"), not the end of a longer value."""
    word = plain[max(stop - 4, 0) : stop].split()[-1:] or [""]
    lone = stop > 0 and not inside[stop - 1] and word[0].isdigit() and len(word[0]) <= 2
    return lone and plain[stop : stop + 2] == ". "


def _is_full_stop(plain: str, start: int, match: re.Match[str], relaxed: bool) -> bool:
    """``relaxed``: the writer starts sentences in lower case."""
    if match.group()[0] in "!?。！？":
        return True
    before = plain[max(start, match.start() - 20) : match.start()].split()
    word = before[-1].lower().lstrip("(\"'") if before else ""
    after = plain[match.end() : match.end() + 40].lstrip()
    begins = bool(after) and (after[0].isupper() or after[0].isdigit() or after[0] in "\"'({[<" or _CJK.match(after))
    if not begins and (not relaxed or word in _ABBREVIATIONS or len(word) < 3):
        return not after or "\n" in plain[match.end() : match.end() + 3]
    if (
        word in _ABBREVIATIONS
        or word.endswith("str")
        or (len(word) == 1 and word.isalpha())
        or word in {"o.o", "s.l", "b.v", "n.v", "s.a", "s.r.l", "s.p.a"}
    ):
        return bool(after) and after.split()[0].lower() in _STARTERS
    return True


_STARTERS: Final = frozenset(load_words("stops")["starter"])
