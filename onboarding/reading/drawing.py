"""A PDF page laid out within an allowance: what it draws and what it reads is counted, and too much ends it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_PAGES: Final = 60
"""Pages of all documents of a submission: passports, an extract and statements; nobody's contract archive."""
MOST_COMMANDS: Final = 400_000
"""Bytes of drawing commands of a submission, forms within pages counted each time they are drawn. A page of text has
5,000 to 30,000; a byte costs up to ten microseconds."""
MOST_LAID_OUT: Final = 20_000
"""Letters and lines of a submission that are laid out (tables, reading order), 70 microseconds each: some ten full
pages. What comes after is read as plain text, ten times as fast."""


class TooMuch(Exception):
    """The page draws more than is left of the allowance."""


@dataclass
class Allowance:
    """What is left for the documents of one submission; ``characters`` is of their text."""

    pages: int = MOST_PAGES
    commands: int = MOST_COMMANDS
    laid_out: int = MOST_LAID_OUT
    characters: int = 0

    def take_commands(self, size: int) -> None:
        """Count ``size`` bytes of commands. Raises TooMuch when they are not left."""
        if size > self.commands:
            raise TooMuch
        self.commands -= size


def laid_out(data: bytes, number: int, left: Allowance) -> str:
    """Text in reading order; each ruled table once, as rows, and not again as loose words.

    ``number`` counts pages from 0. Raises TooMuch, and whatever the parsers raise.
    """
    import pdfplumber

    with pdfplumber.open(io.BytesIO(data), pages=[number + 1]) as pdf:
        page = pdf.pages[0]
        page._layout = _layout(pdf, page, left)  # the one way to lay a page out with an end
        tables = page.find_tables()
        rest = page
        for table in tables:
            rest = rest.outside_bbox(table.bbox, strict=False)
        rows = [" | ".join(_cell(cell) for cell in row) for table in tables for row in table.extract()]
        return "\n".join(text for text in (rest.extract_text() or "", *rows) if text.strip())


def _cell(cell: str | None) -> str:
    return " ".join((cell or "").split())


def _layout(pdf: Any, page: Any, left: Allowance) -> Any:
    from pdfminer.pdfinterp import PDFPageInterpreter
    from pdfminer.pdftypes import stream_value
    from pdfplumber.page import PDFPageAggregatorWithMarkedContent

    class Canvas(PDFPageAggregatorWithMarkedContent):
        def render_char(self, *args: Any, **kwargs: Any) -> float:
            _one_more(left)
            return float(super().render_char(*args, **kwargs))

        def paint_path(self, *args: Any, **kwargs: Any) -> None:
            _one_more(left)
            super().paint_path(*args, **kwargs)

    class Counted(PDFPageInterpreter):
        def execute(self, streams: Sequence[object]) -> None:
            for stream in streams:
                left.take_commands(len(stream_value(stream).get_data()))
            super().execute(streams)

    canvas = Canvas(pdf.rsrcmgr, pageno=page.page_number, laparams=pdf.laparams)
    Counted(pdf.rsrcmgr, canvas).process_page(page.page_obj)
    return canvas.get_result()


def _one_more(left: Allowance) -> None:
    if left.laid_out <= 0:
        raise TooMuch
    left.laid_out -= 1
