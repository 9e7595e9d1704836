"""Documents: text and tables of PDF files with page numbers; images where an OCR engine is installed.

What a hostile, encrypted or broken file does to a parser stays here: such a document has no candidates.
"""

import base64
import binascii
import io
import logging
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from datetime import date
from functools import lru_cache, partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from onboarding.reading.candidate import Candidate
from onboarding.reading.drawing import Allowance, TooMuch, laid_out
from onboarding.reading.textual import read_text
from onboarding.submission import Part

MOST_PAGES: Final = 30
MOST_BYTES: Final = 20_000_000
MOST_CHARACTERS: Final = 100_000
"""Characters of all documents of a submission: some forty full pages."""
MOST_FORM: Final = 20_000
"""Characters of a PDF form's fields."""
CONFIDENCE: Final = 0.8
"""A document is worth less than what the merchant typed: words in a PDF have lost their order before we see them."""

_Left = tuple[int, int, int, int]
"""Pages, commands, laid out and characters of an ``Allowance``."""

logging.getLogger("pypdf").setLevel(logging.CRITICAL)
logging.getLogger("pdfminer").setLevel(logging.CRITICAL)


class Pages(NamedTuple):
    """The text of each page that was read, and what was not ("12 of 40 pages"); None if everything was."""

    texts: tuple[str, ...] = ()
    cut: str | None = None


def documents_of(parts: Sequence[Part]) -> dict[int, Pages]:
    """The pages of each document among ``parts``, by its position. All share one allowance, in their order."""
    left = Allowance(characters=MOST_CHARACTERS)
    return {at: _pages(part, left) for at, part in enumerate(parts) if part.format in ("pdf", "image")}


def read_document(part: Part, pages: Pages, *, as_of: date) -> list[Candidate]:
    """Candidates of a ``pdf`` or ``image`` part whose ``pages`` were read; ``where`` is ``page N``. Never raises."""
    starts, line = [], 1
    for page in pages.texts:
        starts.append(line)
        line += page.count("\n") + 1
    candidates = read_text("\n".join(pages.texts), source=part.source, as_of=as_of)
    return [
        candidate.model_copy(
            update={"where": _page(candidate.where, starts), "confidence": candidate.confidence * CONFIDENCE}
        )
        for candidate in candidates
    ]


def page_texts(part: Part, numbers: Collection[int]) -> dict[int, str]:
    """The text of these pages of a ``pdf`` or ``image`` part, counted from 1, as it is read alone. Never raises."""
    pages = documents_of([part]).get(0, Pages())
    return {number: text for number, text in enumerate(pages.texts, start=1) if number in numbers}


def _pages(part: Part, left: Allowance) -> Pages:
    data = _bytes_of(part.content)
    if part.format == "image":
        return Pages(tuple(_guarded(lambda: _ocr(data)) or ()))
    pages, after = _remembered(_Bytes(data), left.pages, left.commands, left.laid_out, left.characters)
    left.pages, left.commands, left.laid_out, left.characters = after
    return pages


class _Bytes:
    """A document that is known by its digest: what is remembered of it does not keep the file."""

    def __init__(self, data: bytes) -> None:
        self.data: bytes | None = data
        self._digest = sha256(data).digest()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bytes) and other._digest == self._digest


@lru_cache(maxsize=32)
def _remembered(document: _Bytes, pages: int, commands: int, laid: int, characters: int) -> tuple[Pages, _Left]:
    """Reading, checking and asking a model look at the same documents one after the other: parsed once."""
    data, document.data = document.data or b"", None
    left = Allowance(pages, commands, laid, characters)
    found = _guarded(lambda: _pdf_pages(data, left)) or Pages()
    return found, (left.pages, left.commands, left.laid_out, left.characters)


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


def _pdf_pages(data: bytes, left: Allowance) -> Pages:
    from pypdf import PdfReader  # imported here: most cases bring no document

    if not data.lstrip()[:5].startswith(b"%PDF"):
        return Pages()
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        return Pages()
    texts: list[str] = []
    read = 0
    for number in range(min(len(reader.pages), left.pages)):
        text, whole = _page_text(data, reader, number, left)
        texts.append(text[: left.characters])
        read += whole and len(text) <= left.characters
        left.characters -= len(texts[-1])
        left.pages -= 1
    form = "\n".join(_guarded(partial(_filled, reader)) or [])
    if form:
        texts[:1] = ["\n".join([form[:MOST_FORM], *texts[:1]])]
    whole = read == len(reader.pages) and len(form) <= MOST_FORM
    return Pages(tuple(texts), None if whole else f"{read} of {len(reader.pages)} pages")


def _filled(reader: Any) -> list[str]:
    fields = reader.get_form_text_fields() or {}
    return [f"{name}: {value}" for name, value in fields.items() if value]


def _page_text(data: bytes, reader: Any, number: int, left: Allowance) -> tuple[str, bool]:
    """A page's text, and whether it is all that stands there: laid out if that is left, else plain, else nothing."""
    if not left.commands:
        return "", False
    page = _guarded(lambda: reader.pages[number])
    contents = _guarded(lambda: page.get_contents())
    size = len(_guarded(contents.get_data) or b"") if contents is not None else 0
    if not size:
        return "", True
    if size > left.commands:
        return "", False
    if left.laid_out:
        try:
            if text := laid_out(data, number, left):
                return text, True
        except TooMuch:
            left.laid_out = 0
        except Exception:  # noqa: BLE001 - as in _guarded: the other parser may know better
            left.commands = max(left.commands - size, 0)
    if size > left.commands:
        return "", False
    left.take_commands(size)
    return str(_guarded(page.extract_text) or ""), True


def _ocr(data: bytes) -> list[str]:
    import pytesseract
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > 50_000_000:
            return []
        return [str(pytesseract.image_to_string(image, timeout=20))]
