"""A CSV at the door: one application a row. A bad row is reported, the others are read."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from onboarding.door import make_part
from onboarding.errors import BadInput
from onboarding.submission import Part

MAX_ROWS: Final = 1_000
DELIMITERS: Final = ",;\t|"
Cells = list[str] | str
"""The cells of one record, or why it cannot be read."""


class Row(NamedTuple):
    """One row of a CSV: its number from 1 (the header not counted), and its part or why it cannot be read."""

    number: int
    part: Part | None
    problem: str | None


def csv_rows(text: str) -> list[Row]:
    """One part per data row, each with the header line above it.

    Raises BadInput when there is no header, no row at all, or more than MAX_ROWS.
    """
    lines = text.removeprefix("\ufeff")
    first = lines.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    header: list[str] | None = None
    rows: list[Row] = []
    for cells in _records(list(io.StringIO(lines, newline="")), delimiter):
        if header is None:
            if isinstance(cells, str):
                raise BadInput(f"The CSV's header cannot be read: {cells}.")
            header = cells
        elif len(rows) >= MAX_ROWS:
            raise BadInput(f"The CSV has more than {MAX_ROWS} rows; send it in pieces.")
        else:
            rows.append(_row(len(rows) + 1, header, cells, delimiter))
    if not rows:
        raise BadInput("The CSV has no data row under its header.")
    return rows


def _records(lines: Sequence[str], delimiter: str) -> Iterator[Cells]:
    """Records that are not blank. After one that cannot be read it goes on at the line after its first.

    A quote that is never closed would swallow the rest of the file: csv's limit on a field ends that early.
    """
    start = 0
    while start < len(lines):
        reader = csv.reader(islice(lines, start, None), delimiter=delimiter, strict=True)
        read = 0
        try:
            for cells in reader:
                read = reader.line_num
                if any(cell.strip() for cell in cells):
                    yield cells
            return
        except csv.Error as error:
            start += read + 1
            yield f"is not valid CSV in line {start}: {error}"


def _row(number: int, header: Sequence[str], cells: Cells, delimiter: str) -> Row:
    if isinstance(cells, str):
        return Row(number, None, cells)
    if len(cells) != len(header):
        return Row(number, None, f"has {len(cells)} cells where the header has {len(header)}")
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, cells])
    return Row(number, make_part(out.getvalue(), "csv", media_type="text/csv"), None)
