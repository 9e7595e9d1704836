"""The words of a web page: linear in its size whatever the page is, and never more than a reader needs."""

import codecs
import re
from email.message import Message
from html import unescape
from string import ascii_uppercase
from typing import Final

MAX_TEXT: Final = 50_000
UNSEEN: Final = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object", "textarea"})
LOWER: Final = {ord(char): char.lower() for char in ascii_uppercase}  # str.lower() would shift places: İ grows
MARKUP: Final = re.compile(r"<[a-z/!?]", re.IGNORECASE)
TAG: Final = re.compile(r"/?([a-z][a-z0-9]*)", re.IGNORECASE)
CHARSETS: Final = frozenset(
    codecs.lookup(name).name
    for name in (
        *("ascii", "utf-8", "utf-8-sig", "utf-16", "gb2312", "gbk", "gb18030", "big5"),
        *("shift_jis", "cp932", "euc-jp", "iso-2022-jp", "euc-kr", "cp949", "koi8-r", "koi8-u"),
        *(f"iso8859-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
        *(f"cp{n}" for n in range(1250, 1259)),
    )
)
"""Only plain character sets: Python also knows codecs that are slow (punycode) or no text at all."""


def content_type(header: str) -> tuple[str, str]:
    """Media type and character set (a known one, else UTF-8) of a ``Content-Type`` header."""
    parsed = Message()
    parsed["content-type"] = header[:200].encode("ascii", "replace").decode()
    try:
        charset = codecs.lookup(str(parsed.get_param("charset") or "utf-8")).name
    except (LookupError, ValueError):
        charset = "utf-8"
    media_type = header.partition(";")[0].strip().lower()
    return media_type, charset if charset in CHARSETS else "utf-8"


def page_text(content: bytes, media_type: str, charset: str) -> tuple[str | None, str]:
    """``(title, text)``: one blank between words, at most 50,000 characters; hidden text is text like any other."""
    source = content.decode(charset, "replace")
    if media_type == "text/plain":
        return None, _squeezed(source)
    title, words = _seen(source)
    return _squeezed(title)[:300] or None, _squeezed(words)


def _seen(source: str) -> tuple[str, str]:
    """Walk the page once; whatever is not closed ends the walk, so no page takes more than linear time."""
    lower, at, pieces, title = source.translate(LOWER), 0, [], ""
    while (opened := source.find("<", at)) >= 0:
        pieces.append(source[at:opened])
        if not MARKUP.match(source, opened):
            pieces.append("<")  # a lonely one is text
            at = opened + 1
            continue
        comment = source.startswith("<!--", opened)
        closed = source.find("-->" if comment else ">", opened)
        if closed < 0:
            return title, "".join(pieces)
        at = closed + (3 if comment else 1)
        tag = TAG.match(source, opened + 1)
        pieces.append(" ")
        name = tag[1].lower() if tag and source[opened + 1] != "/" else ""
        if name in UNSEEN or name == "title":
            ended = lower.find(f"</{name}", at)
            ended = len(source) if ended < 0 else ended
            title = title or (source[at:ended] if name == "title" else "")
            at = ended
    return title, "".join([*pieces, source[at:]])


def _squeezed(text: str) -> str:
    return " ".join(unescape(text[: MAX_TEXT * 8]).split())[:MAX_TEXT]
