"""Documents: text and tables of PDF files with page numbers; images where an OCR engine is installed.

What a hostile, encrypted or broken file does to a parser stays here: such a document has no candidates.
"""

import base64
import binascii
import io
import logging
from bisect import bisect_right
from collections.abc import Callable, Collection
from datetime import date
from functools import partial
from typing import Any, Final

from onboarding.reading.candidate import Candidate
from onboarding.reading.textual import read_text
from onboarding.submission import Part

MOST_PAGES: Final = 30
MOST_BYTES: Final = 20_000_000
MOST_PAGE_BYTES: Final = 2_000_000
"""A page whose decoded drawing commands are longer is read as plain text only: laying it out could take minutes."""
MOST_PAGE_CHARACTERS: Final = 100_000
CONFIDENCE: Final = 0.8
"""A document is worth less than what the merchant typed: words in a PDF have lost their order before we see them."""

logging.getLogger("pypdf").setLevel(logging.CRITICAL)
logging.getLogger("pdfminer").setLevel(logging.CRITICAL)


def read_document(part: Part, *, as_of: date) -> list[Candidate]:
    """Candidates of a ``pdf`` or ``image`` part (content in base64); ``where`` is ``page N``. Never raises."""
    data = _bytes_of(part.content)
    pages = pdf_pages(data) if part.format == "pdf" else image_pages(data) if part.format == "image" else []
    starts, line = [], 1
    for page in pages:
        starts.append(line)
        line += page.count("\n") + 1
    candidates = read_text("\n".join(pages), source=part.source, as_of=as_of)
    return [
        candidate.model_copy(
            update={"where": _page(candidate.where, starts), "confidence": candidate.confidence * CONFIDENCE}
        )
        for candidate in candidates
    ]


def page_texts(part: Part, numbers: Collection[int]) -> dict[int, str]:
    """The text of these pages of a ``pdf`` or ``image`` part, counted from 1, as it was read. Never raises."""
    data = _bytes_of(part.content)
    pages = pdf_pages(data, numbers) if part.format == "pdf" else image_pages(data) if part.format == "image" else []
    return {number: text for number, text in enumerate(pages, start=1) if number in numbers}


def pdf_pages(data: bytes, only: Collection[int] | None = None) -> list[str]:
    """The text of each page, tables as rows joined by `` | ``, form fields as ``name: value`` lines; [] if unreadable.

    ``only`` names pages, counted from 1: the others are left empty.
    """
    return _guarded(lambda: _pdf_pages(data, only)) or []


def image_pages(data: bytes) -> list[str]:
    """What OCR reads in an image, as one page; [] if there is no OCR engine or nothing to read."""
    return _guarded(lambda: _ocr(data)) or []


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception:  # noqa: BLE001 - parsers of hostile files raise anything, and a document must never stop a case
        return None


def _bytes_of(content: Any) -> bytes:
    if not isinstance(content, str) or len(content) > MOST_BYTES * 4 // 3 + 4:
        return b""
    try:
        return base64.b64decode(content, validate=False)
    except (binascii.Error, ValueError):
        return b""


def _page(where: str | None, starts: list[int]) -> str | None:
    words = (where or "").split()
    if len(words) < 2 or not words[1].rstrip(",").isdigit():
        return where
    return f"page {max(bisect_right(starts, int(words[1].rstrip(','))), 1)}"


def _pdf_pages(data: bytes, only: Collection[int] | None) -> list[str]:
    from pypdf import PdfReader  # imported here: most cases bring no document

    if not data.lstrip()[:5].startswith(b"%PDF"):
        return []
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        return []
    pages = [
        (_guarded(partial(_page_text, data, page)) or "") if only is None or number in only else ""
        for number, page in enumerate(reader.pages[:MOST_PAGES], start=1)
    ]
    fields = _guarded(reader.get_form_text_fields) or {}
    filled = [f"{name}: {value}" for name, value in fields.items() if value]
    if filled:
        pages[:1] = ["\n".join([*filled, *pages[:1]])]
    return pages


def _page_text(data: bytes, page: Any) -> str:
    contents = page.get_contents()
    size = len(contents.get_data()) if contents is not None else 0
    laid_out = _guarded(lambda: _laid_out(data, page.page_number)) if 0 < size <= MOST_PAGE_BYTES else None
    text = laid_out or (page.extract_text() if size <= 5 * MOST_PAGE_BYTES else "")
    return str(text)[:MOST_PAGE_CHARACTERS]


def _laid_out(data: bytes, number: int) -> str:
    """Text in reading order; each ruled table once, as rows, and not again as loose words."""
    import pdfplumber

    with pdfplumber.open(io.BytesIO(data), pages=[number + 1]) as pdf:
        page = pdf.pages[0]
        tables = page.find_tables()
        rest = page
        for table in tables:
            rest = rest.outside_bbox(table.bbox, strict=False)
        rows = [" | ".join(_cell(cell) for cell in row) for table in tables for row in table.extract()]
        return "\n".join(text for text in (rest.extract_text() or "", *rows) if text.strip())


def _cell(cell: str | None) -> str:
    return " ".join((cell or "").split())


def _ocr(data: bytes) -> list[str]:
    import pytesseract
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > 50_000_000:
            return []
        return [str(pytesseract.image_to_string(image, timeout=20))]
