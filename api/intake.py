"""Reading a request's body into parts: what the content type says, nothing guessed."""

import hashlib
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from graph.service import Key
from onboarding.door import MEDIA, MalformedInput, Row, application_part, csv_rows, decode, document_part
from onboarding.errors import BadInput
from onboarding.submission import Part

TYPES: Final = ("application/json", "text/plain", "text/csv", "message/rfc822", "multipart/form-data")
MAX_KEY: Final = 200
MAX_FILES: Final = 20


@dataclass(frozen=True)
class Intake:
    """``parts`` of one application, or the ``rows`` of a CSV; ``body_hash`` tells one body from another."""

    body_hash: str
    parts: list[Part]
    rows: list[Row]


def media_type(header: str | None) -> tuple[str, str | None]:
    """``(type, charset)`` of a Content-Type header."""
    kind, options = parse_options_header(header or "")
    charset = options.get(b"charset")
    return kind.decode("latin-1").lower(), charset.decode("latin-1") if charset else None


async def intake(request: Request) -> Intake:
    """Read the body. Raises BadInput naming the field, HTTPException 415 for a content type nobody reads."""
    kind, charset = media_type(request.headers.get("content-type"))
    if kind not in TYPES:
        raise HTTPException(415, f"Send one of {', '.join(TYPES)}.")
    if kind == "multipart/form-data":
        return await _form(request)
    body = await request.body()
    digest = hashlib.sha256(kind.encode() + b"\0" + body).hexdigest()
    if kind == "text/csv":
        return Intake(digest, [], csv_rows(decode(body, charset)))
    return Intake(digest, [application_part(body, kind, charset)], [])


async def _form(request: Request) -> Intake:
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FILES)
    except (MultiPartException, HTTPException) as error:
        raise MalformedInput(f"Not a valid form: {getattr(error, 'detail', None) or error}") from error
    digest = hashlib.sha256(b"form")
    parts: list[Part] = []
    for name, value in form.multi_items():
        body, kind, filename = await _field(value)
        digest.update(f"\0{name}\0{kind}\0{filename}\0".encode() + hashlib.sha256(body).digest())
        if name == "application":
            kind = "application/json" if kind == "text/plain" and body.lstrip()[:1] in (b"{", b"[") else kind
            parts.insert(0, application_part(body, kind))
        elif name == "documents":
            parts.append(document_part(filename, body, kind))
        else:
            raise BadInput(f"{name[:100]}: the form takes `application` and `documents`.", field=name[:100])
    if not parts:
        raise BadInput("application: the form carries neither an application nor documents.", field="application")
    return Intake(digest.hexdigest(), parts, [])


async def _field(value: UploadFile | str) -> tuple[bytes, str, str]:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass"), "text/plain", ""
    kind, _ = media_type(value.content_type)
    if kind not in MEDIA:
        raise HTTPException(415, f"A part of type {kind[:80] or 'unknown'} cannot be read.")
    return await value.read(), kind, value.filename or ""


def idempotency(header: str | None, body_hash: str) -> Key | None:
    """The client's key with this body's hash. Raises BadInput for a key nobody could have meant."""
    if header is None:
        return None
    if not 0 < len(header) <= MAX_KEY or not header.isprintable():
        raise BadInput(f"Idempotency-Key: 1 to {MAX_KEY} printable characters.", field="Idempotency-Key")
    return Key(header, body_hash)
