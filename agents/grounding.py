"""What a model says is believed where it can be pointed at: a quote is looked up in the source, by code.

Compared are NFKD-folded texts without format characters and with single blanks, so that typography, line breaks and
full-width forms do not hide a true quote; letters, digits and case have to agree.
"""

import unicodedata
from functools import cache
from typing import Final, NamedTuple

LONGEST_QUOTE: Final = 600
_ALIKE: Final = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‑": "-", "−": "-"}
)


class Source(NamedTuple):
    """One text that was read: ``name`` as evidence names it."""

    name: str
    text: str


class Found(NamedTuple):
    """Where a quote stands: ``start`` and ``end`` in the source's text, which is ``quote`` as written there."""

    source: Source
    start: int
    end: int

    @property
    def quote(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def where(self) -> str:
        """``line L, column C``, both from 1."""
        before = self.source.text[: self.start]
        return f"line {before.count(chr(10)) + 1}, column {self.start - (before.rfind(chr(10)) + 1) + 1}"


@cache
def _folded_char(char: str) -> str:
    if unicodedata.category(char) == "Cf":
        return ""
    return unicodedata.normalize("NFKD", char.translate(_ALIKE)).translate(_ALIKE)


def fold_mapped(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters where it came from."""
    folded: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for part in _folded_char(char):
            if not part.isspace():
                folded.append(part)
                origin.append(index)
            elif folded and folded[-1] != " ":
                folded.append(" ")
                origin.append(index)
    return "".join(folded), origin


def folded(text: str) -> str:
    """The comparing form of a quote: see the module."""
    return fold_mapped(text)[0].strip()


class Grounds:
    """The sources, folded once, in which quotes are looked up."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = [(source, *fold_mapped(source.text)) for source in sources]

    def find(self, quote: str) -> Found | None:
        """The first place of ``quote``; None when it stands nowhere, says nothing, or is longer than a quote."""
        wanted = folded(quote)
        if not any(char.isalnum() for char in wanted) or len(quote) > LONGEST_QUOTE:
            return None
        for source, text, origin in self._sources:
            at = _whole(text, wanted)
            if at >= 0:
                return Found(source, origin[at], origin[at + len(wanted) - 1] + 1)
        return None

    def find_in(self, value: str, quote: str) -> Found | None:
        """The place of ``value`` inside ``quote`` inside a source; None where any of the three does not hold."""
        outer = self.find(quote)
        if outer is None:
            return None
        inner = Grounds([Source(outer.source.name, outer.quote)]).find(value)
        return inner and Found(outer.source, outer.start + inner.start, outer.start + inner.end)


def _whole(text: str, wanted: str) -> int:
    """Where ``wanted`` stands and does not cut a number: ``12`` is no quote of ``3125``. -1: nowhere."""
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        cut_before = at > 0 and wanted[0].isdigit() and text[at - 1].isdigit()
        cut_after = end < len(text) and wanted[-1].isdigit() and text[end].isdigit()
        if not cut_before and not cut_after:
            return at
        at = text.find(wanted, at + 1)
    return -1
