"""CSV → candidates: any delimiter, byte-order mark, quotes, CRLF; a header line and one row, or label/value lines."""

import csv
import io
from collections.abc import Sequence
from typing import Final

from onboarding.reading.candidate import Candidate
from onboarding.reading.collect import Collector, Key
from onboarding.reading.flattened import path_steps
from onboarding.reading.labels import read_label, squash
from onboarding.reading.legal_forms import is_entity
from onboarding.reading.placing import PERSON_SCOPES, place
from onboarding.reading.tables import HEADS
from onboarding.reading.text import remove_format

_DELIMITERS: Final = (",", ";", "\t", "|")
_IN_ONE_CELL: Final = frozenset(
    ["legal_name", "trading_name", "registration_number", "vat_number", "tax_id", "incorporation_date", "bank.iban",
     "website", "contact.email", "contact.phone", "mcc"]
)  # fmt: skip
"""Values that never stand in several cells: what stands behind them is a note."""
_MOST_COLUMNS: Final = 2000
_MOST_ROWS: Final = 200
WRAPPERS: Final = (
    *PERSON_SCOPES,
    "@company",
    "@contact",
    "@bank",
    "@address",
    "@figures",
    "@registration",
    "@birth",
    "volume",
)


def read_table(text: str, *, source: str) -> list[Candidate]:
    """All labelled cells in column order. Further rows of the same merchant add people. Never raises."""
    collector = Collector(source)
    rows = _rows(text)
    if not rows:
        return []
    if _is_vertical(rows):
        rows = rows[squash(rows[0][1]) in HEADS :]
        several = any(_names_merchants(row) for row in rows)
        for number, row in enumerate(rows, start=1):
            _vertical(collector, row, f"row {number}, column {_short(row[0])}", several=several)
        return collector.candidates
    order = _people_first(rows[0])
    header = [rows[0][at] for at in order]
    rows = [rows[0], *([row[at] if at < len(row) else "" for at in _whole(order, row)] for row in rows[1:])]
    for number, row in enumerate(rows[1:], start=1):
        _row(collector, header, row, number)
    if len(rows) == 1:
        for cell in header:
            collector.emit("extra", cell, f"row 1, column {_short(cell)}")
    return collector.candidates


def _row(collector: Collector, header: Sequence[str], row: Sequence[str], number: int) -> None:
    for position, cell in enumerate(row[:_MOST_COLUMNS]):
        label = header[position] if position < len(header) else ""
        where = f"row {number}, column {_short(label) or position + 1}"
        if not cell.strip():
            continue
        if label.strip():
            collector.add(_trail(label), cell, where)
        else:
            collector.emit("extra", cell, where)


def _trail(label: str) -> tuple[Key, ...]:
    """``owner.name`` and ``owners[0].name`` are wrappers and a label; "Org.nr" is one label."""
    if steps := path_steps(label):
        return steps
    parts = tuple(part.strip() for part in label.split(".") if part.strip())
    whole = read_label(label)
    if len(parts) > 1 and not (whole.segments and whole.unknown == 0 and " " in label):
        apart = [read_label(part) for part in parts]
        if all(part.segments and not part.unknown for part in apart) and apart[0].has(*WRAPPERS):
            return parts
    return (label,)


def _rows(text: str) -> list[list[str]]:
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    lines = text.lstrip("\n").split("\n", 1)
    if lines[0].lower().startswith("sep=") and len(lines) > 1:
        return _parse(lines[1], lines[0][4:5] or ",")
    return _parse(text, _delimiter(text))


def _parse(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(10_000_000)
    skip = delimiter in {",", ";"}
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=skip, strict=False)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row) and not _is_rule(row):
                rows.append(row)
            if len(rows) > _MOST_ROWS:
                break
    except csv.Error:
        return rows
    return _without_frame(rows)


def _is_rule(row: list[str]) -> bool:
    """A line of a drawn table (``|---|---|``)."""
    return all(set(cell.strip()) <= set("-:=+ ") for cell in row) and any("-" in cell for cell in row)


def _without_frame(rows: list[list[str]]) -> list[list[str]]:
    """Without the empty outer columns that ``| a | b |`` leaves."""
    if rows and len(rows[0]) > 2 and all(not row[0].strip() and not row[-1].strip() for row in rows):
        rows = [row[1:-1] for row in rows]
    return [[cell.strip() if cell.strip() != cell and cell[:1] not in "\t\r" else cell for cell in row] for row in rows]


def _delimiter(text: str) -> str:
    """The delimiter that splits the header into most known labels."""
    head = remove_format(_first_record(text))
    best, most = ",", -1.0
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader([head], delimiter=delimiter), [])
        except csv.Error:
            continue
        known = sum(1 for cell in cells[:200] if read_label(cell).segments)
        score = known + len(cells) / 1000
        if len(cells) > 1 and score > most:
            best, most = delimiter, score
    return best


def _first_record(text: str) -> str:
    """The first line that is not empty, further lines while a quote is open."""
    lines = [line for line in text.split("\n", 40)[:40] if line.strip()]
    head = ""
    for line in lines:
        head = f"{head} {line}" if head else line
        if head.count('"') % 2 == 0:
            break
    return head[:20_000]


def _is_vertical(rows: list[list[str]]) -> bool:
    """Whether each line is a label and its value: the first column knows more labels than the first line."""
    if len(rows) < 3 or any(len(row) < 2 for row in rows) or max(map(len, rows)) > 3:
        return False
    down = sum(1 for row in rows if read_label(row[0]).segments)
    across = sum(1 for cell in rows[0] if read_label(cell).segments)
    return down > across and down * 2 > len(rows)


def _people_first(header: Sequence[str]) -> list[int]:
    """The columns with a row's one person in front: whose share or birth date a cell says stands in the same row."""
    paths = [place(tuple(key for key in _trail(label) if isinstance(key, str))).path or "" for label in header]
    named = [at for at, path in enumerate(paths) if path in ("persons[].name", "persons[].phrase")]
    own = [at for at, path in enumerate(paths) if path.startswith("persons[].")]
    order = list(range(len(header)))
    if len(named) == 1 and own and own[0] < named[0]:
        order.remove(named[0])
        order.insert(order.index(own[0]), named[0])
    return order


def _whole(order: Sequence[int], row: Sequence[str]) -> list[int]:
    """``order`` and the cells beyond the header."""
    return [*order, *range(len(order), len(row))]


def _names_merchants(row: Sequence[str]) -> bool:
    """Whether the cells of one label are the names of several companies: each column is a merchant."""
    return place((row[0],)).path == "legal_name" and sum(is_entity(cell) for cell in row[1:]) > 1


def _vertical(collector: Collector, row: Sequence[str], where: str, *, several: bool) -> None:
    """One label with its value, perhaps in several cells; of several merchants the first, and the others' names."""
    if not several and place((row[0],)).path not in _IN_ONE_CELL:
        collector.add((row[0],), _joined(row[1:]), where)
        return
    collector.add((row[0],), row[1], where)
    for cell in row[2:]:
        if several and cell.strip() and place((row[0],)).path == "legal_name":
            collector.add((row[0],), cell, where)
        elif cell.strip():
            collector.emit("extra", cell, where)


def _joined(cells: Sequence[str]) -> str:
    return ", ".join(cell for cell in cells if cell.strip())


def _short(label: str) -> str:
    return label.strip()[:80]
