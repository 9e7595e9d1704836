"""Forms: lines of label and value, however they are set (policy 10).

``Label: value``, ``label=value``, dotted leaders, ``|``, tabs, label over value, several pairs on one line, sections by
headings or indentation, lists. Which field a label means is decided by the glossary (labels.py, placing.py).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from onboarding.reading.labels import read_label
from onboarding.reading.placing import place
from onboarding.reading.prose_page import Page

Key = str | int
_SIGN: Final = r"=>|->|→|=(?!=)|\.{3,}|(?<=\s)\.\.(?=\s)|…+|_{3,}|(?:\. ){3,}"
_BLANKS: Final = r"(?<!\s)\s++"
"""A whole run of blanks, looked at once: a run tried from each of its blanks would take the square of its length."""
_WIDE: Final = rf"(?=[^\S\t]*+\t){_BLANKS}|{_BLANKS}(?<= {{3}})(?=\S)"
_SEPARATOR: Final = re.compile(
    rf"(?P<strong>(?:(?:{_BLANKS})?(?:{_SIGN})|{_WIDE})\s*:?)|(?P<colon>\s?:(?!/)|(?<=\S) [-] (?=\S)|\?(?= \S))"
)
_MARK: Final = r"[\s#*=_\-\[\]【】■□●◆◇▼▽<>~+]"
_DECORATION: Final = re.compile(rf"^[\s#*=_\-\[\]【】■□●◆◇▼▽・<>~+☐☑✓]+|(?<!{_MARK}){_MARK}++$")
_BULLET: Final = re.compile(r"(?P<dash>[-*•·‣▪–])\s+|(?:\(?\d{1,2}[.)]|[a-zA-Z][.)]|[①-⑳])\s+|[☐☑✓■●◆・]\s?")
_BOUNDARY: Final = re.compile(r"[;,|/(。、.・)]\s*|\s{2,}|(?<=[^\x00-\x7f]) ")
_NO_LABEL: Final = re.compile(r"\d{3}|\u3000|\s{2,}|[.!?] ")
_ASIDE: Final = re.compile(r" ?\([^()]*\)")
_MOST_WORDS: Final = 10
_LONGEST_LABEL: Final = 90
_LONGEST_LINE: Final = 5000


class Pair(NamedTuple):
    """A value under its labels: ``path`` as Collector.add takes it, [start, end) the value in the text, its own
    line."""

    path: tuple[Key, ...]
    start: int
    end: int
    alone: bool
    """Nothing but the value stands there, to the end of its line: no prose around it."""


class Mark(NamedTuple):
    """A label in a line: [start, end) the label, ``value`` where its value starts."""

    start: int
    end: int
    value: int


class Line(NamedTuple):
    """One line: [start, end) without indentation and bullet; ``indent`` in characters; ``item`` if a dash leads it."""

    start: int
    end: int
    indent: int
    item: bool
    listed: bool
    """A bullet of any kind leads it: a dash, a number, a letter."""
    marks: tuple[Mark, ...]


def lines_of(page: Page) -> list[Line]:
    """All lines with the labels found in them; blank lines have start == end."""
    found, at = [], 0
    for raw in page.plain.split("\n"):
        stripped = raw.strip()
        start = at + len(raw) - len(raw.lstrip()) if stripped else at
        end = start + len(stripped)
        bullet = _BULLET.match(stripped) if stripped else None
        body = start + (bullet.end() if bullet and bullet.end() < len(stripped) else 0)
        marks = tuple(_marks(page, body, min(end, body + _LONGEST_LINE))) if stripped else ()
        found.append(Line(body, end, start - at, bool(bullet and bullet.group("dash")), bullet is not None, marks))
        at += len(raw) + 1
    return found


def known(label: str, *, first: bool = True) -> bool:
    """Whether a text is a label that means something; inside a line every word of it has to."""
    if len(label) > _LONGEST_LABEL or len(label.split()) > _MOST_WORDS or not any(map(str.isalpha, label)):
        return False
    if (
        (sum(map(str.isalpha, label)) < 2 and label.isascii())
        or _NO_LABEL.search(_ASIDE.sub(" ", label))
        or (not first and (label[:1].isdigit() or "," in label or ";" in label))
    ):
        return False
    reading = read_label(label.strip(" *#\"'"))
    if not reading.segments:
        return False
    allowed = 1 if first and len(reading.segments) > 1 else 0
    return reading.unknown <= allowed


def _marks(page: Page, start: int, end: int) -> Iterator[Mark]:
    """The labels of one line, left to right."""
    taken = _covered(page, start, end)
    low = start
    for separator in _SEPARATOR.finditer(page.plain, start, end):
        at = separator.start()
        if at < low or taken[min(separator.end() - 1, end - 1) - start] or taken[at - start]:
            continue
        strong = separator.group("strong") is not None
        mark = _first_label(page, low, at, strong) if low == start else _inner_label(page, low, at)
        if mark is None and low == start and separator.group().strip() == ":":
            mark = _inner_label(page, low, at)
        if separator.group().strip() in ("-", "?") and (low != start or mark is None or not _means_field(page, mark)):
            continue
        if mark is not None and not _inside_bracket(page, start, mark, at):
            yield Mark(mark[0], mark[1], separator.end())
            low = separator.end()


def _inside_bracket(page: Page, start: int, mark: tuple[int, int], at: int) -> bool:
    """ "Jane Doe (director of the applicant): 60 %": the words before the colon close a bracket, they are no label."""
    opened = page.plain.rfind("(", start, mark[0])
    return page.plain[mark[0] : at].rstrip().endswith(")") and opened >= 0 and "(" not in page.plain[mark[0] : at]


def _means_field(page: Page, mark: tuple[int, int]) -> bool:
    return place((page.text[mark[0] : mark[1]],)).path is not None


def _covered(page: Page, start: int, end: int) -> bytearray:
    """Letters inside addresses, accounts, dates: a colon or dash there separates nothing."""
    taken = bytearray(max(end - start, 0) + 1)
    for span in page.spans_in(start, end, "url", "email", "iban", "date", "phone"):
        stop = min(span.end, end)
        taken[span.start - start : stop - start] = b"\x01" * (stop - span.start)
    return taken


def _first_label(page: Page, start: int, end: int, strong: bool) -> tuple[int, int] | None:
    label = page.plain[start:end].strip(" *#_\"'.")
    if not label or len(label) > _LONGEST_LABEL:
        return None
    at = page.plain.index(label, start)
    if known(label) or (strong and len(label.split()) <= 6 and any(map(str.isalpha, label))):
        return at, at + len(label)
    return None


def _inner_label(page: Page, low: int, end: int) -> tuple[int, int] | None:
    """The longest run of words before ``end`` that is a label through and through."""
    low = max(low, end - _LONGEST_LABEL)
    text = page.plain[low:end].rstrip()
    starts = [0] if low == end - len(page.plain[low:end]) else []
    starts += [match.start() for match in re.finditer(r"(?<![^\s;,|/(。、)\].・])[^\s;,|/(。、)\].・]", text)]
    for at in sorted(set(starts))[-_MOST_WORDS:]:
        label = text[at:].strip(" *")
        if label and known(label, first=False):
            begin = low + at + (len(text[at:]) - len(text[at:].lstrip(" *")))
            return begin, begin + len(label)
    return None


def heading(page: Page, line: Line) -> str | None:
    """The text of a line that is a label and nothing else ("Owner 1", "## Bank details", "[contact]", "Address:")."""
    if line.marks and (len(line.marks) > 1 or line.marks[0].value < line.end):
        return None
    text = _DECORATION.sub("", page.text[line.start : line.end]).strip().rstrip(":：").strip()
    if not text or len(text) > _LONGEST_LABEL or len(text.split()) > 8 or text.endswith((".", "!", ",")):
        return None
    return text.rstrip("?？") if known(text.rstrip("?？"), first=False) else None
