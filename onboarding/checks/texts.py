"""Every text that came in, one by one and with its place: what the scans of policy 8 run on."""

import csv
import html
import io
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pydantic import JsonValue

from onboarding.reading import mime
from onboarding.submission import Part, Submission

_PAIRED_VALUES: Final = 200
"""A longer value is scanned by itself only."""


class Text(NamedTuple):
    """``role``: ``value`` as sent, or ``key`` (also a CSV header); ``decoded`` is the readable view of a mail,

    a document or a text with entities, ``raw`` what that view was made from; ``pair`` is a key and its value written as
    ``key: value``, so that JSON reads like the text it imitates.
    """

    source: str
    where: str | None
    text: str
    role: str = "value"

    def place(self, at: int) -> str | None:
        """Where in the source offset ``at`` of the text stands: its path, with the line inside a longer text."""
        line = self.text.count("\n", 0, at) + 1
        if self.where is None:
            return f"line {line}"
        return self.where if line == 1 else f"{self.where}, line {line}"


def texts_of(submission: Submission) -> list[Text]:
    """All texts of all parts, in order. Never raises: what cannot be decoded is listed as it stands."""
    from onboarding.reading.documents import Pages, documents_of  # here: parsers are loaded only once a document came

    pages = documents_of(submission.parts)
    parts = enumerate(submission.parts)
    return [text for at, part in parts for text in _with_entities(_of_part(part, pages.get(at, Pages()).texts))]


def _of_part(part: Part, pages: Sequence[str]) -> Iterator[Text]:
    if part.format in ("pdf", "image"):
        yield from (Text(part.source, f"page {number}", page, "decoded") for number, page in enumerate(pages, start=1))
    elif not isinstance(part.content, str):
        yield from _of_json(part.content, part.source)
    elif part.format == "csv":
        yield from _of_csv(part.content, part.source)
    else:
        decoded = mime.decode(part.content)
        if decoded != part.content:
            yield Text(part.source, None, decoded, "decoded")
            yield Text(part.source, None, part.content, "raw")
        else:
            yield Text(part.source, None, part.content)


def _of_json(content: JsonValue, source: str) -> Iterator[Text]:
    stack: list[tuple[str, JsonValue]] = [("", content)]
    while stack:
        path, value = stack.pop()
        if isinstance(value, str):
            yield Text(source, path or None, value)
        elif isinstance(value, list):
            stack.extend((f"{path}[{at}]", value[at]) for at in range(len(value) - 1, -1, -1))
        elif isinstance(value, dict):
            for key, item in value.items():
                name = f"{path}.{key}" if path else key
                yield Text(source, f"{name} (key)", key, "key")
                if not item or isinstance(item, int | float) or (isinstance(item, str) and len(item) < _PAIRED_VALUES):
                    yield Text(source, name, f"{key}: {item}", "pair")
            stack.extend((f"{path}.{key}" if path else key, value[key]) for key in reversed(value))


def _of_csv(content: str, source: str) -> Iterator[Text]:
    first = content.lstrip("\ufeff\r\n").split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        rows = []
    if len(rows) < 2:
        yield Text(source, None, content)
        return
    yield from (Text(source, f"column {at}", name, "key") for at, name in enumerate(rows[0], start=1))
    for number, row in enumerate(rows[1:], start=1):
        for at, cell in enumerate(row):
            name = rows[0][at] if at < len(rows[0]) else str(at + 1)
            yield Text(source, f"row {number}, column {name}", cell)
            if len(cell) < _PAIRED_VALUES:
                yield Text(source, f"row {number}, column {name}", f"{name}: {cell}", "pair")


def _with_entities(texts: Iterator[Text]) -> Iterator[Text]:
    """Beside each text with character entities, the text a browser would show."""
    for text in texts:
        yield text
        if "&" in text.text and text.role != "pair":
            shown = html.unescape(text.text)
            if shown != text.text:
                yield text._replace(text=shown, role="decoded")
