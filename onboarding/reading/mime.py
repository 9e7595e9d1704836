"""Raw MIME mails become the text a person would read: headers decoded, charset and transfer encoding undone.

The decoded view starts with ``From``, ``To`` and ``Subject`` lines, a blank line, and the text parts. An attached
message follows
as a forwarded one. Places in evidence count lines and columns of this view (policy 4.1).
"""

import re
from email import message_from_string
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from typing import Any, Final

from onboarding.reading import markup

_HEAD: Final = re.compile(
    r"\A[\s\ufeff]{0,200}(?:[A-Za-z][A-Za-z0-9-]{1,40}:[^\n]{0,2000}\n(?:[ \t][^\n]{0,2000}\n){0,50}){1,80}"
)
_TELLTALE: Final = re.compile(
    r"^(?:mime-version|content-type|content-transfer-encoding)[ \t]*:|=\?[\w-]{2,40}\?[bq]\?", re.I | re.M
)
_SHOWN: Final = ("From", "Reply-To", "To", "Date", "Subject")
_MOST_PARTS: Final = 50
"""More parts than any honest mail has: such a text is read as it stands (the parser nests once a part)."""
FORWARD_MARK: Final = "---------- Forwarded message ----------"


def is_mime(text: str) -> bool:
    """Whether ``text`` opens with mail headers that say it is encoded."""
    head = _HEAD.match(text)
    return head is not None and _TELLTALE.search(head.group()) is not None


def decode(text: str) -> str:
    """The readable view of a raw mail; any other text unchanged. Never raises."""
    if not is_mime(text) or text.lower().count("boundary=") > _MOST_PARTS:
        return text
    try:
        message = message_from_string(text.lstrip("\ufeff \t\r\n"))
        return _view(message)
    except (MessageError, RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return text  # a mail that no parser takes is still text


def decode_words(value: str) -> str:
    """A header value with its RFC 2047 words decoded and folding undone; as written where that fails."""
    if "=?" not in value:
        return re.sub(r"\r?\n[ \t]+", " ", value).strip()
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    decoded = [part if isinstance(part, str) else to_text(part, charset) for part, charset in parts]
    return re.sub(r"\s*\r?\n\s*", " ", "".join(decoded)).strip()


def to_text(data: bytes, charset: str | None) -> str:
    """Bytes as text. Latin-1 labels mean windows-1252, as browsers read them; an unknown charset is guessed last."""
    name = (charset or "utf-8").lower().strip("\"' ")
    if name in {"iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii", "unknown-8bit"}:
        name = "utf-8" if name in {"us-ascii", "ascii", "unknown-8bit"} else "windows-1252"
    for candidate in (name, "utf-8", "windows-1252"):
        try:
            return data.decode(candidate)
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return data.decode("latin-1")


def _view(message: Message) -> str:
    lines = [f"{name}: {decode_words(str(message[name]))}" for name in _SHOWN if message[name] is not None]
    body = "\n\n".join(text.strip("\r\n") for text in _bodies(message) if text.strip())
    return "\n".join([*lines, "", body.replace("\r\n", "\n"), ""])


def _bodies(message: Message) -> list[str]:
    """The texts of a mail in order; of alternatives the plain one, else the first that says anything."""
    kind = message.get_content_type()
    children: Any = message.get_payload() if message.is_multipart() else []
    if kind == "message/rfc822" and children:
        return [f"{FORWARD_MARK}\n{_view(children[0])}"]
    if kind == "multipart/alternative":
        plain = [child for child in children if child.get_content_type() == "text/plain"]
        for child in [*plain, *children]:
            texts = [text for text in _bodies(child) if text.strip()]
            if texts:
                return texts
        return []
    if message.is_multipart():
        return [text for child in children for text in _bodies(child)]
    return [_leaf(message)] if message.get_content_maintype() == "text" else []


def _leaf(message: Message) -> str:
    encoding = str(message.get("Content-Transfer-Encoding", "")).strip().lower()
    charset = message.get_content_charset()
    if encoding in {"quoted-printable", "base64", "x-uuencode", "uuencode"}:
        data = message.get_payload(decode=True)
        text = to_text(data, charset) if isinstance(data, bytes) else str(message.get_payload())
    else:
        text = str(message.get_payload())  # 7bit and 8bit came to us as characters already
    return markup.to_text(text) if message.get_content_subtype() == "html" else text
