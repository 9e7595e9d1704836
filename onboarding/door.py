"""The door: bytes from outside become parts, or a clear error that names what is wrong. Nothing is stored before."""

import base64
import codecs
import json
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from email import message_from_bytes
from email.errors import MessageError
from typing import Any, Final

from pydantic import JsonValue

from onboarding.errors import BadInput
from onboarding.masking import mask_cards
from onboarding.submission import Part, PartFormat

MAX_DEPTH: Final = 64
MAX_NODES: Final = 50_000
MAX_MAIL_PARTS: Final = 50
MEDIA: Final[dict[str, PartFormat]] = {
    "application/json": "json",
    "text/plain": "text",
    "text/csv": "csv",
    "message/rfc822": "text",
    "application/pdf": "pdf",
    "image/png": "image",
    "image/jpeg": "image",
}
_CHARSETS: Final = re.compile(
    r"utf-8|utf-8-sig|utf-16(?:-[lb]e)?|utf-32(?:-[lb]e)?|ascii|iso8859-\d+|cp(?:125\d|437|85\d|866|874|932|949|950)|"
    r"koi8-[rtu]|mac-(?:roman|latin2|cyrillic|greek|turkish)|shift_jis(?:_2004|x0213)?|euc_(?:jp|kr|jis_2004)|"
    r"iso2022_(?:jp(?:_\w+)?|kr)|gb2312|gbk|gb18030|big5(?:hkscs)?|johab|tis-620|hz"
)


class MalformedInput(BadInput):
    """The body is not what its content type says."""

    code = "malformed_input"


def decode(body: bytes, charset: str | None = None) -> str:
    """Text from bytes. Raises MalformedInput naming the first bad byte, BadInput for NUL characters."""
    try:
        text = body.decode(_codec(charset))
    except UnicodeDecodeError as error:
        raise MalformedInput(f"The body is not valid {charset or 'UTF-8'} at byte {error.start}.") from error
    if "\x00" in text:
        raise BadInput("The body contains a NUL character.")
    if not text.strip():
        raise BadInput("The body is empty.")
    return text


def _codec(charset: str | None) -> str:
    """The codec of a charset that people write in. Python knows more: some are slow, some make half characters."""
    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        name = ""
    if not _CHARSETS.fullmatch(name):
        raise MalformedInput(f"The charset {(charset or '')[:40]!r} is not known.")
    return name


def mail_text(body: bytes, charset: str | None = None) -> str:
    """A raw mail as text. What is no UTF-8 is written anew by each part's own charset: a mail may mix them.

    Raises MalformedInput, BadInput.
    """
    try:
        return decode(body, charset)
    except MalformedInput:
        if body.lower().count(b"boundary=") > MAX_MAIL_PARTS:
            raise
        try:
            text = message_from_bytes(body).as_string()
        except (MessageError, RecursionError, ValueError, LookupError) as error:
            raise MalformedInput("The mail is neither UTF-8 nor in the charset it names.") from error
        return decode(text.encode("utf-8", "replace"))


def json_value(body: bytes) -> JsonValue:
    """A JSON document whose keys are unique and whose numbers are kept as written.

    Raises MalformedInput (not JSON, too deep) or BadInput naming the path (duplicate key, NUL, lone surrogate).
    """
    text = decode(body).removeprefix("\ufeff")
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_int=_integer, parse_float=_decimal, parse_constant=_refuse
        )
    except RecursionError as error:
        raise MalformedInput(f"The JSON is nested more than {MAX_DEPTH} levels deep.") from error
    except json.JSONDecodeError as error:
        raise MalformedInput(f"Not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    _inspect(value)
    return value  # type: ignore[no-any-return]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadInput(f"The key {twice[:100]!r} occurs twice in one object.", field=twice[:100])
    return document


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= 18 else digits


def _decimal(digits: str) -> float | str:
    value = float(digits)
    try:
        exact = Decimal(repr(value)) == Decimal(digits)
    except InvalidOperation:
        exact = False
    return value if exact else digits


def _refuse(name: str) -> None:
    raise MalformedInput(f"Not valid JSON: {name} is no number.")


def _inspect(document: JsonValue) -> None:
    """Walk without recursion: depth, size, and characters no database can keep."""
    queue: list[tuple[str, JsonValue, int]] = [("", document, 1)]
    count = 0
    while queue:
        path, value, depth = queue.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise MalformedInput(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
        if count > MAX_NODES:
            raise BadInput(f"The document has more than {MAX_NODES} values.")
        if isinstance(value, str):
            _storable(value, path)
        elif isinstance(value, dict):
            for key, inner in value.items():
                _storable(key, path or "a key")
                queue.append((f"{path}.{key}".lstrip("."), inner, depth + 1))
        elif isinstance(value, list):
            queue.extend((f"{path}[{index}]", inner, depth + 1) for index, inner in enumerate(value))


def _storable(text: str, path: str) -> None:
    if "\x00" in text:
        raise BadInput(f"{path[:200] or 'the value'} contains a NUL character.", field=path[:200])
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise BadInput(f"{path[:200] or 'the value'} contains half a character (a lone surrogate).", field=path[:200])


def application_part(body: bytes, media_type: str, charset: str | None = None) -> Part:
    """The one part of a new JSON or text application. Raises BadInput."""
    if MEDIA.get(media_type) == "json":
        value = json_value(body)
        if value == {} or value == []:
            raise BadInput("The application is empty.")
        if not isinstance(value, dict | list):
            raise BadInput("The application must be a JSON object, or a list of labelled values.")
        return make_part(value, "json", media_type=media_type)
    if media_type == "message/rfc822":
        return make_part(mail_text(body, charset), "text", media_type=media_type)
    return make_part(decode(body, charset), MEDIA.get(media_type, "text"), media_type=media_type)


def make_part(content: JsonValue, format_: PartFormat, *, source: str = "input", **fields: Any) -> Part:
    """A part with card numbers masked: no card number goes any further than this line."""
    masked, places = mask_cards(content) if format_ in ("json", "text", "csv") else (content, [])
    return Part(
        source=source,
        kind=fields.get("kind", "application"),
        format=format_,
        content=masked,
        media_type=fields.get("media_type"),
        masked_cards=places,
    )


PDF_STARTS: Final = 1024
"""A PDF's mark stands within its first kilobyte (ISO 32000-1, annex H)."""


def kind_of(body: bytes) -> str | None:
    """The media type of a document by its content, whatever it is called; None for what nobody here reads."""
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if b"%PDF-" in body[:PDF_STARTS]:
        return "application/pdf"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    odd = any(unicodedata.category(char) == "Cc" and char not in "\t\n\r\f" for char in text)
    return None if odd or not text.strip() else "text/plain"


def uploaded_part(name: str, body: bytes) -> Part:
    """A document from a person's browser, by its content. Raises BadInput naming the file."""
    media_type = kind_of(body)
    if media_type is None:
        clean = "".join(char for char in name if unicodedata.category(char)[0] != "C")[:100] or "unnamed"
        words = "is empty" if not body.strip() else "is no PDF, PNG or JPEG file and no plain text"
        raise BadInput(f"The file {clean!r} {words}.", field="documents")
    return document_part(name, body, media_type)


def document_part(name: str, body: bytes, media_type: str) -> Part:
    """An uploaded document. Raises BadInput for a kind that nobody here reads."""
    format_ = MEDIA.get(media_type)
    clean = "".join(char for char in name if unicodedata.category(char)[0] != "C")[:100] or "unnamed"
    if format_ is None:
        raise BadInput(
            f"The document {clean!r} is of a kind that cannot be read ({media_type[:80]}).", field="documents"
        )
    source = f"document:{clean}"
    if format_ in ("pdf", "image"):
        content = base64.b64encode(body).decode("ascii")
        return make_part(content, format_, source=source, kind="document", media_type=media_type)
    if format_ == "json":
        value = json_value(body)
    else:
        value = mail_text(body) if media_type == "message/rfc822" else decode(body)
    return make_part(value, format_, source=source, kind="document", media_type=media_type)
