"""Reading a request's body into parts: what the content type says, nothing guessed."""

import hashlib
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from pydantic import JsonValue
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from api.aside import aside
from api.limits import TooLarge
from graph.service import Key
from onboarding.door import MEDIA, MalformedInput, application_part, decode, document_part, json_value
from onboarding.errors import BadInput
from onboarding.rows import Row, csv_rows
from onboarding.submission import Part

TYPES: Final = ("application/json", "text/plain", "text/csv", "message/rfc822", "multipart/form-data")
MAX_KEY: Final = 200
MAX_FILES: Final = 20
MAX_PART: Final = 2**31
"""No limit of its own: the cap on the whole body holds for every part."""


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


def is_json(request: Request) -> bool:
    """Whether the body says that it is JSON."""
    return media_type(request.headers.get("content-type"))[0] == "application/json"


async def json_body(request: Request) -> JsonValue:
    """A JSON body by the door's rules. Raises BadInput, HTTPException 415 when it does not say that it is JSON."""
    if not is_json(request):
        raise HTTPException(415, "Send application/json.")
    body = await request.body()
    return await aside(len(body), json_value, body)


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
        return Intake(digest, [], await aside(len(body), lambda: csv_rows(decode(body, charset))))
    return Intake(digest, [await aside(len(body), application_part, body, kind, charset)], [])


async def _form(request: Request) -> Intake:
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=MAX_FILES, max_part_size=MAX_PART)
    except TooLarge:
        raise
    except (MultiPartException, HTTPException, ValueError, LookupError) as error:
        raise MalformedInput(f"Not a valid form: {getattr(error, 'detail', None) or 'it cannot be read'}") from error
    digest = hashlib.sha256(b"form")
    applications: list[Part] = []
    documents: list[Part] = []
    for name, value in form.multi_items():
        body, kind, charset, filename = await _field(value)
        digest.update(repr((name, kind, filename)).encode() + hashlib.sha256(body).digest())
        if name == "application":
            applications.append(await aside(len(body), _application, filename, body, kind, charset))
        elif name == "documents":
            documents.append(await aside(len(body), document_part, filename, body, kind))
        else:
            raise BadInput(f"{name[:100]!r}: the form takes `application` and `documents`.", field=name[:100])
    if len(applications) > 1:
        raise BadInput("application: one form is one application.", field="application")
    if not applications and not documents:
        raise BadInput("application: the form carries neither an application nor documents.", field="application")
    return Intake(digest.hexdigest(), applications + documents, [])


def _application(filename: str, body: bytes, kind: str, charset: str | None) -> Part:
    """The part named ``application``; a filled-in PDF or a scan is read as the document it is."""
    if MEDIA[kind] in ("pdf", "image"):
        return document_part(filename, body, kind)
    if kind == "text/csv":
        rows = csv_rows(decode(body, charset))
        if len(rows) > 1 or rows[0].part is None:
            problem = rows[0].problem or f"has {len(rows)} rows"
            raise BadInput(f"application: a CSV in a form is one row; it {problem}.", field="application")
        return rows[0].part
    looks_like_json = kind == "text/plain" and body.lstrip()[:1] in (b"{", b"[")
    return application_part(body, "application/json" if looks_like_json else kind, charset)


async def _field(value: UploadFile | str) -> tuple[bytes, str, str | None, str]:
    """``(body, type, charset, filename)`` of one part. Raises HTTPException 415 for a type nobody reads."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass"), "text/plain", None, ""
    kind, charset = media_type(value.content_type or "text/plain")  # RFC 7578: what a part is that does not say
    if kind not in MEDIA:
        raise HTTPException(415, f"A part of type {kind[:80] or 'unknown'} cannot be read.")
    return await value.read(), kind, charset, value.filename or ""


def idempotency(header: str | None, body_hash: str) -> Key | None:
    """The client's key with this body's hash. Raises BadInput for a key nobody could have meant."""
    if header is None:
        return None
    if not 0 < len(header) <= MAX_KEY or not header.isprintable():
        raise BadInput(f"Idempotency-Key: 1 to {MAX_KEY} printable characters.", field="Idempotency-Key")
    return Key(header, body_hash)
