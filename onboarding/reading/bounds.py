"""How much of a submission is read: enough for every honest application, little enough to take seconds.

Reading, checking and asking a model all work on the same cut view of a submission. What lies beyond is kept and shown
as it came, nobody's rules have read it, and a finding says so: padding must not hide anything from a reviewer.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, TypeVar, get_args

from pydantic import JsonValue

from onboarding.finding import Evidence, Finding, finding
from onboarding.reading import mime
from onboarding.reading.candidate import Candidate
from onboarding.reading.documents import Pages, documents_of
from onboarding.submission import Part, PartKind, Submission

MOST_OF_A_TEXT: Final = 100_000
"""Characters of one text: a mail thread of three months has 60,000; a character costs some twenty microseconds."""
MOST_OF_ALL: Final = 150_000
"""Characters of all parts of one kind together: application, answers, corrections, documents."""
MOST_VALUES: Final = 5_000
"""Keys and values of all JSON parts of one kind together; the longest form has some hundreds."""
MOST_PEOPLE: Final = 200
"""Persons, entities and statements of ownership of one source: each is screened and compared with the others."""
_DEEPEST: Final = 200
_Key = TypeVar("_Key", str, int)
_NUMBERED: Final = ("persons[", "ownership[")


class Cut(NamedTuple):
    """A part that was read in part: its source, and how much of it ("100,000 of 4,000,000 characters")."""

    source: str
    read: str


@dataclass(frozen=True)
class Bounded:
    """``submission`` with its parts cut; ``cuts`` names them. ``pages`` are its documents', by the part's position."""

    submission: Submission
    cuts: list[Cut] = field(default_factory=list)

    @cached_property
    def pages(self) -> dict[int, Pages]:
        """Parsed when asked for, once."""
        return documents_of(self.submission.parts)


def bounded(submission: Submission) -> Bounded:
    """The part of ``submission`` that is read. The same object where that is all of it."""
    left = {kind: _Left() for kind in get_args(PartKind)}  # a long application leaves room for what corrects it
    cuts: list[Cut] = []
    parts = [_part(part, left[part.kind], cuts) for part in submission.parts]
    return Bounded(submission.model_copy(update={"parts": parts}) if cuts else submission, cuts)


def some_people(candidates: Sequence[Candidate], cuts: list[Cut]) -> list[Candidate]:
    """``candidates`` of one source without those of the persons and ownership links past MOST_PEOPLE."""
    numbers: dict[str, None] = {
        c.path.partition("]")[0]: None for c in candidates if c.path.startswith(_NUMBERED)
    }  # fmt: skip
    kept: set[str] = set()
    for kind in _NUMBERED:
        kept.update([number for number in numbers if number.startswith(kind)][:MOST_PEOPLE])
    if len(kept) == len(numbers):
        return list(candidates)
    cuts.append(Cut(candidates[0].source, f"{len(kept):,} of {len(numbers):,} persons and shares"))
    return [c for c in candidates if not c.path.startswith(_NUMBERED) or c.path.partition("]")[0] in kept]


def read_in_part(cuts: Sequence[Cut]) -> list[Finding]:
    """The one finding about all that was not read; none if everything was."""
    if not cuts:
        return []
    names = ", ".join(dict.fromkeys(cut.source for cut in cuts[:5]))
    message = f"Too long to be read to its end: {names}. A person has to look at the rest."
    evidence = [Evidence(source=cut.source, detail=f"read: {cut.read}") for cut in cuts[:20]]
    return [finding("INPUT_READ_IN_PART", message, raised_by="rule:reading.bounds@1", evidence=evidence)]


@dataclass
class _Left:
    characters: int = MOST_OF_ALL
    values: int = MOST_VALUES

    def take(self, text: str) -> str:
        """The start of ``text`` that may still be read."""
        text = _narrow(text[: min(MOST_OF_A_TEXT, self.characters)])
        self.characters -= len(text)
        return text


def _narrow(text: str) -> str:
    """``text``, shorter where folding its letters would make it many times as long (U+FDFA is 18 letters)."""
    if text.isascii() or len(unicodedata.normalize("NFKC", text)) <= 2 * len(text) + 1_000:
        return text
    return text[: len(text) // 18]


def _part(part: Part, left: _Left, cuts: list[Cut]) -> Part:
    if part.format in ("pdf", "image"):
        return part
    if isinstance(part.content, str):
        text = part.content if len(part.content) <= MOST_OF_A_TEXT else mime.decode(part.content)
        cut: JsonValue = left.take(text)
        if cut == text:
            return part if text == part.content else part.model_copy(update={"content": text})
        read = f"{len(str(cut)):,} of {len(text):,} characters"
    else:
        count = _Count()
        cut = _value(part.content, left, count, 0)
        if not count.missed:
            return part
        read = f"{count.values:,} of {count.values + count.missed:,} keys and values"
    cuts.append(Cut(part.source, read))
    return part.model_copy(update={"content": cut})


@dataclass
class _Count:
    values: int = 0
    missed: int = 0


def _value(value: JsonValue, left: _Left, count: _Count, depth: int) -> JsonValue:
    """A JSON value without what exceeds the allowance, in document order; what is cut is counted as missed."""
    if isinstance(value, str):
        cut = left.take(value)
        count.missed += len(cut) < len(value)
        count.values += len(cut) == len(value)
        return cut
    if isinstance(value, dict):
        return {key: _value(value[key], left, count, depth + 1) for key in _items(list(value), left, count, depth)}
    if isinstance(value, list):
        return [_value(value[at], left, count, depth + 1) for at in _items(range(len(value)), left, count, depth)]
    count.values += 1
    return value


def _items(items: Sequence[_Key], left: _Left, count: _Count, depth: int) -> Iterator[_Key]:
    """Keys or positions while there is room for them; the others are counted."""
    for at, item in enumerate(items):
        size = len(item) if isinstance(item, str) else 1
        if not left.values or size > left.characters or depth > _DEEPEST:
            count.missed += len(items) - at
            return
        left.values -= 1
        left.characters -= size
        yield item
