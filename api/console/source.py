"""What came in, line by line, with the passages marked that fields and findings were read from."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from pydantic import JsonValue

from onboarding.case import CaseView
from onboarding.reading import mime
from onboarding.rows import DELIMITERS
from onboarding.submission import Part

LINE: Final = re.compile(r"(?:(.*), )?line (\d+), column (\d+)")
PAGE: Final = re.compile(r"page (\d{1,4})")
DOCUMENTS: Final = ("pdf", "image")
MOST_LINES: Final = 2_000
MOST_CHARS: Final = 20_000
"""A longer line is cut on the page; the part can be downloaded whole."""


class Piece(NamedTuple):
    """A run of characters. ``anchor`` is set where a passage starts, ``marked`` while one or more cover it."""

    text: str
    anchors: list[str]
    marked: bool


class Shown(NamedTuple):
    """One line of a part: its label (a line number, a JSON path, a column) and its text in pieces."""

    label: str
    pieces: list[Piece]


class PartShown(NamedTuple):
    """``lines`` is empty for what is no text; ``more`` counts the lines that are not shown.

    ``pending``: pages of it that something was read from are not at hand yet. ``raw``: of a mail whose readable view
    the lines are, its own lines as they came.
    """

    number: int
    part: Part
    lines: list[Shown]
    more: int
    pending: bool = False
    raw: Sequence[Shown] = ()


class Passage(NamedTuple):
    """What a field or a finding was read from."""

    anchor: str
    source: str
    where: str
    raw: str


class Sources(NamedTuple):
    """``places`` holds the anchor of every passage that was found, by the name it was given."""

    parts: list[PartShown]
    places: dict[str, str]


def passages(view: CaseView) -> dict[str, Passage]:
    """The passages of a case: fields by their path, evidence as ``finding number:evidence number``."""
    named = [(path, at.source, at.where, at.raw) for path, at in view.provenance.items()]
    for number, finding in enumerate(view.findings):
        for index, evidence in enumerate(finding.evidence):
            named.append((f"{number}:{index}", evidence.source, evidence.where, evidence.quote or ""))
    return {
        name: Passage(f"at-{number}", source, where, raw)
        for number, (name, source, where, raw) in enumerate(named)
        if where
    }


def pages_wanted(part: Part, wanted: Iterable[Passage]) -> frozenset[int]:
    """The pages of a document that something was read from, counted from 1."""
    if part.format not in DOCUMENTS:
        return frozenset()
    named = (PAGE.fullmatch(passage.where) for passage in wanted if passage.source == part.source)
    return frozenset(int(found[1]) for found in named if found)


Pages = Mapping[int, Mapping[int, str] | None]
"""The text of pages by the number of the part and of the page; None while they are being read."""


def sources(parts: Sequence[Part], wanted: dict[str, Passage], pages: Pages | None = None) -> Sources:
    """Every part as lines with its passages marked; of a document the ``pages`` that are at hand."""
    shown, placed = [], set()
    for index, part in enumerate(parts):
        texts = (pages or {}).get(index, {})
        lines = list(_lines(part) if part.format not in DOCUMENTS else _page_lines(texts or {}))
        spans = _spans(lines, [passage for passage in wanted.values() if passage.source == part.source])
        rendered = [Shown(label, _pieces(text, spans.get(at, []))) for at, (label, text) in enumerate(lines)]
        placed |= {anchor for of_line in spans.values() for _, _, anchor in of_line}
        more = max(0, len(rendered) - MOST_LINES)
        raw = [Shown(label, _pieces(text, [])) for label, text in _as_sent(part)]
        shown.append(PartShown(index, part, rendered[:MOST_LINES], more, pending=texts is None, raw=raw))
    return Sources(shown, {name: passage.anchor for name, passage in wanted.items() if passage.anchor in placed})


def _lines(part: Part) -> Iterator[tuple[str, str]]:
    if part.format == "text" and isinstance(part.content, str):
        yield from _numbered(mime.decode(part.content))  # places count the lines of a mail's readable view
    elif part.format == "csv" and isinstance(part.content, str):
        yield from _cells(part.content)
    elif part.format == "json":
        yield from _leaves(part.content, "" if part.kind in ("answers", "corrections") else "$")


def _as_sent(part: Part) -> list[tuple[str, str]]:
    """The first lines of a mail as it came, where they are not what is shown."""
    if part.format != "text" or not isinstance(part.content, str) or not mime.is_mime(part.content):
        return []
    return list(islice(_numbered(part.content), MOST_LINES))


def _numbered(text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        yield str(number), line


def _page_lines(texts: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    for page, text in sorted(texts.items()):
        for number, line in enumerate(text.split("\n"), start=1):
            yield f"page {page}, line {number}", line


def _cells(text: str) -> Iterator[tuple[str, str]]:
    plain = text.removeprefix("\ufeff").lstrip("\r\n")
    delimiter = max(DELIMITERS, key=plain.split("\n", 1)[0].count)
    rows = list(csv.reader(io.StringIO(plain), delimiter=delimiter))
    for number, row in enumerate(rows[1:], start=1):
        for at, cell in enumerate(row):
            label = rows[0][at].strip() if at < len(rows[0]) else ""
            yield f"row {number}, column {label or at + 1}", cell


def _leaves(content: JsonValue, root: str) -> Iterator[tuple[str, str]]:
    """Every scalar with its path, in the order it was written, without recursion."""
    waiting: list[tuple[str, JsonValue]] = [(root, content)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            inner = [(_step(path, key), item) for key, item in value.items()]
            waiting.extend(reversed(inner))
        elif isinstance(value, list) and value:
            waiting.extend(reversed([(f"{path}[{at}]", item) for at, item in enumerate(value)]))
        else:
            yield path or "$", value if isinstance(value, str) else json.dumps(value)


def _step(path: str, key: str) -> str:
    """As the reader of JSON names its places; the answers of a merchant name the field itself."""
    if not path:
        return key
    return f"{path}.{key}" if re.fullmatch(r"[\w-]{1,80}", key) else f"{path}['{key[:80]}']"


Spans = dict[int, list[tuple[int, int, str]]]


def _spans(lines: list[tuple[str, str]], wanted: Sequence[Passage]) -> Spans:
    """Per line where passages start and end. One that cannot be found in its line marks the whole line."""
    by_label: dict[str, int] = {}
    for at, (label, _) in enumerate(lines):
        by_label.setdefault(label, at)
    spans: Spans = {}
    for passage in wanted:
        line, start = _line_of(lines, by_label, passage)
        if line is None:
            continue
        text, raw = lines[line][1], passage.raw.split("\n", 1)[0].rstrip("\r…")
        if not raw or not text.startswith(raw, start):
            start = max(text.find(raw), 0) if raw else 0
        found = bool(raw) and text.startswith(raw, start)
        whole = 0 if PAGE.fullmatch(passage.where) else len(text)  # of a page, not its first line
        spans.setdefault(line, []).append((start, start + len(raw) if found else whole, passage.anchor))
    return spans


def _line_of(lines: list[tuple[str, str]], by_label: dict[str, int], passage: Passage) -> tuple[int | None, int]:
    named = LINE.fullmatch(passage.where)
    if named and named[1] is None:
        return by_label.get(named[2]), int(named[3]) - 1
    if PAGE.fullmatch(passage.where):
        return _on_page(lines, passage), 0
    where = named[1] if named else passage.where
    where = f"$.{where}" if where not in by_label and f"$.{where}" in by_label else where
    if where in by_label:
        return by_label[where], 0
    inside = [at for at, (label, _) in enumerate(lines) if label.startswith((f"{where}.", f"{where}["))]
    return next((at for at in inside if passage.raw in lines[at][1]), inside[0] if inside else None), 0


def _on_page(lines: list[tuple[str, str]], passage: Passage) -> int | None:
    """The line that says it, as a whole word where there is one; else the page's first."""
    raw = passage.raw.split("\n", 1)[0].rstrip("\r…")
    of_page = [at for at, (label, _) in enumerate(lines) if label.startswith(f"{passage.where}, ")]
    word = re.compile(rf"(?<!\w){re.escape(raw)}(?!\w)")
    whole = [at for at in of_page if raw and word.search(lines[at][1])]
    return next(iter([*whole, *(at for at in of_page if raw and raw in lines[at][1]), *of_page]), None)


def _pieces(text: str, spans: Sequence[tuple[int, int, str]]) -> list[Piece]:
    """The line cut where passages start and end; they may overlap."""
    text = text[:MOST_CHARS]
    cuts = sorted({0, len(text), *(min(at, len(text)) for start, end, _ in spans for at in (start, end))})
    pieces = []
    for start, end in zip(cuts, cuts[1:] or [len(text)], strict=False):
        anchors = [anchor for first, _, anchor in spans if min(first, len(text)) == start]
        covered = any(first <= start and end <= last for first, last, _ in spans)
        pieces.append(Piece(text[start:end], anchors, covered))
    return pieces
