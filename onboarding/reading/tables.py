"""Tables drawn with ``|``: label and value columns, or a header over rows of people (markdown and plain)."""

import re
from typing import Final, NamedTuple

from onboarding.reading.labelled import Key, Line, Pair, known
from onboarding.reading.labels import read_label, squash
from onboarding.reading.prose_page import Page

_RULE: Final = re.compile(r"[\s|:+=\-─━┼│]*[-=─━]{2,}[\s|:+=\-─━┼│]*")
HEADS: Final = frozenset(
    squash(word)
    for word in [
        "field",
        "value",
        "feld",
        "wert",
        "angabe",
        "champ",
        "valeur",
        "veld",
        "waarde",
        "campo",
        "valor",
        "項目",
        "内容",
        "値",
        "voce",
        "valore",
        "pole",
        "wartość",
        "fält",
        "värde",
        "항목",
        "내용",
        "값",
        "item",
        "details",
        "detail",
        "data",
        "question",
        "answer",
        "frage",
        "antwort",
        "information",
        "eintrag",
        "donnée",
        "réponse",
        "gegevens",
        "dato",
        "risposta",
        "dane",
        "uppgift",
    ]
)


_CELL: Final = re.compile(r"\S+(?: \S+)*")
_LONGEST_ROW: Final = 400


class Cell(NamedTuple):
    """[start, end) of a cell's text."""

    start: int
    end: int


class Table(NamedTuple):
    """Rows of cells; ``after`` the index of the first line below; ``ruled`` if a rule follows the first row."""

    page: Page
    rows: list[list[Cell]]
    after: int
    ruled: bool

    def text(self, cell: Cell) -> str:
        return self.page.text[cell.start : cell.end]

    def pairs(self, sections: tuple[Key, ...]) -> list[Pair]:
        """The table's values under their labels."""
        header = [self.text(cell) for cell in self.rows[0]]
        wide = len(self.rows[0]) > 2 or (self.ruled and not self._is_head(header) and self._over())
        if wide and len(self.rows) > 1 and sum(known(cell) for cell in header) * 2 > len(header) and self._over():
            return self._under_header(sections, header)
        rows = self.rows[1:] if self._is_head(header) else self.rows
        return [pair for row in rows for pair in self._across(sections, row)]

    def is_labelled(self) -> bool:
        """Whether anything in the first row or column is a label: bars also stand between contact details."""
        labels = [self.text(cell) for cell in [*self.rows[0], *(row[0] for row in self.rows)]]
        return self.ruled or any(known(label) for label in labels)

    def _is_head(self, header: list[str]) -> bool:
        return all(squash(cell) in HEADS or not cell for cell in header)

    def _over(self) -> bool:
        """Whether the first row, not the first column, holds the labels."""
        down = sum(known(self.text(row[0])) for row in self.rows if row)
        across = sum(known(self.text(cell)) for cell in self.rows[0])
        return across > down or (across == len(self.rows[0]) and down < len(self.rows))

    def _under_header(self, sections: tuple[Key, ...], header: list[str]) -> list[Pair]:
        people = any(read_label(cell).has("dob", "pct", "nationality", "roles", "first_name") for cell in header)
        scope: tuple[Key, ...] = sections
        if people and not any(
            isinstance(key, str) and read_label(key).has("@owner", "@person", "@director") for key in sections
        ):
            scope = ("persons",)
        found = []
        for number, row in enumerate(self.rows[1:]):
            for label, cell in zip(header, row, strict=False):
                if label and cell.end > cell.start:
                    path: tuple[Key, ...] = (*scope, number, label) if people else (*sections, label)
                    found.append(Pair(path, cell.start, cell.end, True))
        return found

    def _across(self, sections: tuple[Key, ...], row: list[Cell]) -> list[Pair]:
        cells = [cell for cell in row if cell.end > cell.start]
        if len(cells) < 2:
            return []
        if len(cells) % 2 == 0 and len(cells) > 2 and all(known(self.text(cell)) for cell in cells[::2]):
            return [
                Pair((*sections, self.text(label).rstrip(" :")), value.start, value.end, True)
                for label, value in zip(cells[::2], cells[1::2], strict=True)
            ]
        return [Pair((*sections, self.text(cells[0]).rstrip(" :")), cells[1].start, cells[-1].end, True)]


def table_at(page: Page, lines: list[Line], at: int) -> Table | None:
    """The table that starts at line ``at``, if one does: a run of lines split by ``|`` and no other labels."""
    if at < len(lines) and "|" not in page.plain[lines[at].start : lines[at].end]:
        return _aligned(page, lines, at)
    rows: list[list[Cell]] = []
    ruled, index = False, at
    while index < len(lines):
        line = lines[index]
        text = page.plain[line.start : line.end]
        if rows and _RULE.fullmatch(text):
            ruled = ruled or len(rows) == 1
        elif "|" not in text or _labelled_otherwise(page, line):
            if not _RULE.fullmatch(text) or not text:
                break
        else:
            rows.append(_cells(page, line))
        index += 1
    rows = [row for row in rows if row]
    if not rows or all(len(row) < 2 for row in rows):
        return None
    return Table(page, rows, index, ruled)


def _aligned(page: Page, lines: list[Line], at: int) -> Table | None:
    """A table set with blanks: a line of people's labels, two blanks or more apart, over rows of as many cells."""
    header = _spaced(page, lines[at])
    texts = [page.text[cell.start : cell.end] for cell in header]
    if len(header) < 2 or not all(known(text) for text in texts):
        return None
    if not any(read_label(text).has("dob", "pct", "nationality") for text in texts):
        return None
    rows = [header]
    for line in lines[at + 1 :]:
        cells = _spaced(page, line)
        if len(cells) != len(header) or known(page.text[cells[0].start : cells[0].end]):
            break
        rows.append(cells)
    return Table(page, rows, at + len(rows), True) if len(rows) > 1 else None


def _spaced(page: Page, line: Line) -> list[Cell]:
    if line.end - line.start > _LONGEST_ROW:
        return []
    return [Cell(*match.span()) for match in _CELL.finditer(page.plain, line.start, line.end)]


def _labelled_otherwise(page: Page, line: Line) -> bool:
    """ "Legal name: X | VAT: Y": pairs with colons, and the bars only between them."""
    return any(
        page.plain[mark.end : mark.value].strip() in (":", "=") for mark in line.marks
    ) and not page.plain.startswith("|", line.start)


def _cells(page: Page, line: Line) -> list[Cell]:
    text = page.plain[line.start : line.end]
    cells, at = [], 0
    for piece in re.split(r"\|", text):
        stripped = piece.strip(" *`\t")
        offset = line.start + at + (piece.index(stripped) if stripped else 0)
        cells.append(Cell(offset, offset + len(stripped)))
        at += len(piece) + 1
    if text.startswith("|"):
        cells = cells[1:]
    if text.endswith("|") and len(cells) > 1:
        cells = cells[:-1]
    return cells
