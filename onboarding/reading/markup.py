"""XML and HTML: a tolerant, linear scanner; a tree for data, plain text for pages.

Standard parsers are not used on purpose: they raise on what people send, expand entities, or take quadratic time on
unclosed comments. Markup is stripped, entities and CDATA are decoded, attributes are values (policy 4.1).
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import Final, Literal, NamedTuple

Kind = Literal["open", "close", "single", "text"]
HTML_TAGS: Final = frozenset(
    [
        "html",
        "head",
        "body",
        "div",
        "span",
        "p",
        "br",
        "hr",
        "b",
        "i",
        "u",
        "em",
        "strong",
        "a",
        "font",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "dl",
        "dt",
        "dd",
        "table",
        "thead",
        "tbody",
        "tr",
        "td",
        "th",
        "center",
        "blockquote",
        "pre",
        "img",
        "meta",
        "style",
        "script",
        "title",
        "section",
        "article",
        "header",
        "footer",
        "small",
        "sup",
        "sub",
        "label",
        "form",
    ]
)
_ROW: Final = frozenset(
    [
        "tr",
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "dl",
        "br",
        "hr",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "dt",
        "dd",
        "blockquote",
        "section",
        "article",
        "title",
    ]
)
_CELL: Final = frozenset(["td", "th"])
_SILENT: Final = frozenset(["script", "style", "head"])
_TAG: Final = re.compile(r"</?([^\W\d][\w.:-]{0,80})")
_ATTRIBUTE: Final = re.compile(r"""([^\W\d][\w.:-]{0,80})\s{0,5}=\s{0,5}(?:"([^"]*)"|'([^']*)'|([^\s"'>/]+))""")
_DEEPEST: Final = 60


class Token(NamedTuple):
    """One piece of markup; ``offset`` is where its content starts in the source, ``attributes`` carry their own
    offsets."""

    kind: Kind
    value: str
    offset: int
    attributes: tuple[tuple[str, str, int], ...] = ()


class Flat(NamedTuple):
    """Plain text and, for each piece of it, where it came from (offset in ``text``, offset in the source)."""

    text: str
    anchors: list[tuple[int, int]]


def is_markup(text: str) -> bool:
    """Whether the whole text is an XML or HTML document, not prose that mentions a tag."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith("<") or (
        _TAG.match(start) is None and not start.startswith(("<?xml", "<!--", "<!DOCTYPE", "<!doctype"))
    ):
        return False
    return "</" in text or "/>" in text


def is_html(tokens: list[Token]) -> bool:
    """Whether most tags are HTML's own, so that they carry layout and not meaning."""
    names = [token.value for token in tokens if token.kind in ("open", "single")]
    return bool(names) and 2 * sum(name.lower() in HTML_TAGS for name in names) > len(names)


def scan(text: str) -> list[Token]:
    """All tokens in order. Linear in the length of ``text``; whatever is not markup is text."""
    tokens: list[Token] = []
    at, length = 0, len(text)
    closers: dict[str, int] = {}
    while at < length:
        opened = text.find("<", at)
        if opened != at:
            stop = length if opened < 0 else opened
            tokens.append(Token("text", unescape(text[at:stop]), at))
            at = stop
            continue
        at = _special(text, at, closers, tokens)
    return tokens


def _special(text: str, at: int, closers: dict[str, int], tokens: list[Token]) -> int:
    """Read what starts with ``<`` at ``at``; the offset after it."""
    for opener, closer in (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")):
        if text.startswith(opener, at):
            end = _find(text, closer, at + len(opener), closers)
            if end < 0:
                break
            if opener == "<![CDATA[":
                tokens.append(Token("text", text[at + len(opener) : end], at + len(opener)))
            return end + len(closer)
    name = _TAG.match(text, at)
    end = _find(text, ">", at, closers) if name else -1
    if name is None or end < 0:
        tokens.append(Token("text", text[at], at))
        return at + 1
    if text[at + 1] == "/":
        tokens.append(Token("close", name.group(1), at))
        return end + 1
    end = _end_of_tag(text, name.end(), end)
    kind: Kind = "single" if text[end - 1] == "/" else "open"
    tokens.append(Token(kind, name.group(1), at, tuple(_attributes(text, name.end(), end))))
    return end + 1


def _find(text: str, closer: str, start: int, closers: dict[str, int]) -> int:
    """``text.find`` that remembers what is not there, so that unclosed openers stay linear."""
    known = closers.get(closer, 0)
    if known < 0 or known >= start:
        return known
    closers[closer] = text.find(closer, start)
    return closers[closer]


def _end_of_tag(text: str, start: int, end: int) -> int:
    """The closing ``>`` of a tag, past one that stands inside a quoted attribute (looked for in 2,000 characters)."""
    window = text[start : start + 2000]
    quote = ""
    for index, char in enumerate(window):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'" and window[index - 1 : index] == "=":
            quote = char
        elif char == ">":
            return start + index
    return end


def _attributes(text: str, start: int, end: int) -> Iterator[tuple[str, str, int]]:
    for match in _ATTRIBUTE.finditer(text, start, min(end, start + 20_000)):
        index = match.lastindex or 2
        if not match.group(1).startswith(("xmlns", "xsi:")):
            yield match.group(1), unescape(match.group(index)), match.start(index)


def to_text(html: str) -> str:
    """A page as plain text: one line a row or paragraph, cells joined by `` | ``."""
    return flatten(scan(html)).text


def flatten(tokens: list[Token]) -> Flat:
    """As :func:`to_text`, with the place of every piece."""
    pieces: list[str] = []
    anchors: list[tuple[int, int]] = []
    length, silent, fresh = 0, "", True
    for token in tokens:
        name = token.value.lower() if token.kind != "text" else ""
        piece = ""
        if silent:
            silent = "" if token.kind == "close" and name == silent else silent
        elif token.kind == "open" and name in _SILENT:
            silent = name
        elif token.kind == "text":
            piece = re.sub(r"[ \t\r\n\f]+", " ", token.value)
            piece = piece.lstrip(" ") if fresh else piece
        elif name in _CELL:
            piece = " | " if token.kind == "open" and not fresh else ""
        elif name in _ROW:
            piece = "" if fresh and name != "br" else "\n"
        if piece:
            anchors.append((length, token.offset))
            pieces.append(piece)
            length += len(piece)
            fresh = piece.endswith("\n")
    return Flat("".join(pieces), anchors)
