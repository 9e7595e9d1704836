"""The link in an approval letter: GET renders the confirmation page and changes nothing; the form's POST decides."""

import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from api.auth import Served
from api.bodies import CONFIRMATION
from api.console.forms import reasons as offered
from api.limits import TooLarge
from api.posted import said_twice
from api.problems import problems_content, status_of
from graph import links
from graph.correspondence import rejection_draft
from onboarding.decision import worst
from onboarding.errors import AlreadyDecided, InvalidDecision, OnboardingError
from onboarding.letters.reasons import stated
from onboarding.letters.words import when

router = APIRouter(prefix="/review", tags=["review"])
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


def visible(text: str) -> str:
    """``text`` with every character shown that would otherwise hide, reverse or break what a reader sees."""
    return "".join(
        f"[U+{ord(char):04X}]" if unicodedata.category(char) in ("Cf", "Cc") and char not in "\n\t" else char
        for char in text
    )


templates.env.filters["visible"] = visible
HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
}
MOST_FIELDS: Final = 100
Filled = tuple[str | None, list[str]]
"""Comment and reason codes."""
FORMS: Final = frozenset({"", "application/x-www-form-urlencoded", "multipart/form-data"})
"""What a browser sends; nothing at all is the form nobody typed anything in."""
STILL_GOOD: Final = frozenset({403, 422, 503})
"""After these nothing was decided, and the link still works."""
PAGE: Final[dict[str, Any]] = {"content": {"text/html": {"schema": {"type": "string"}}}}
PAGES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The page."} | PAGE,
    403: {"description": "A second approval must come from another person."} | PAGE,
    404: {"description": "No such link."} | {"content": PAGE["content"] | problems_content()},
    409: {"description": "Decided already, or the case changed since."} | PAGE,
    410: {"description": "The link is no longer valid."} | PAGE,
    422: {"description": "The form cannot be taken; nothing was decided."} | PAGE,
    503: {"description": "Nothing was stored; try again."} | PAGE,
}


@router.head("/{token:path}", include_in_schema=False)
@router.get("/{token:path}", response_class=HTMLResponse, responses=PAGES)
async def show(token: str, request: Request, product: Served) -> HTMLResponse:
    """The confirmation page. Fetching it, however often and by whatever scanner, decides nothing."""
    try:
        return await _page(token, request, product)
    except OnboardingError as error:
        return _sorry(request, error)


async def _page(token: str, request: Request, product: Served, filled: Filled | None = None) -> HTMLResponse:
    """The page, with the letter of a rejection as it would leave; ``filled`` as somebody left it."""
    link = await links.look(product.service, token)
    reasons = offered(link.record)
    comment, ticked = filled or (None, [choice.code for choice in reasons if choice.advised])
    context = {
        "link": link,
        "findings": worst(link.record.findings),
        "reasons": reasons,
        "ticked": ticked,
        "comment": comment,
        "letter": rejection_draft(product.context, link.case.id, link.record, stated(ticked)),
        "due": when(datetime.fromisoformat(link.case.review.due_at))
        if link.case.review and link.case.review.due_at
        else "",
    }
    return templates.TemplateResponse(request, "confirm.html", context, headers=HEADERS)


@router.post("/{token:path}", response_class=HTMLResponse, responses=PAGES, openapi_extra={"requestBody": CONFIRMATION})
async def decide(token: str, request: Request, product: Served) -> HTMLResponse:
    """Decide as the link says; asked for the letter of a rejection only, show it and decide nothing."""
    comment = None
    try:
        (comment, codes), draft = await _filled_in(request)
        if draft:
            return await _page(token, request, product, (comment, codes))
        case = await links.use(product.service, token, reason_codes=codes, comment=comment)
    except OnboardingError as error:
        return _sorry(request, error, comment)
    return templates.TemplateResponse(request, "decided.html", {"case": case}, headers=HEADERS)


async def _filled_in(request: Request) -> tuple[Filled, bool]:
    """What the form holds, line breaks as typed, and whether only the letter is asked for.

    Raises InvalidDecision, BadInput, TooLarge.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in FORMS:  # its words would be dropped unread, and the link decide all the same
        raise InvalidDecision("This page takes its own form only.")
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except TooLarge:
        raise
    except (MultiPartException, HTTPException, ValueError, LookupError) as error:
        raise InvalidDecision("The form cannot be read.") from error
    if twice := said_twice(form):
        raise twice
    if (do := form.get("do", "")) not in ("", "draft"):
        raise InvalidDecision(f"do: this page has no button {str(do)[:40]!r}.", field="do")
    comment, *codes = (str(text) for text in (form.get("comment", ""), *form.getlist("reason_codes")))
    if "\x00" in comment or any("\ud800" <= char <= "\udfff" for char in comment):
        raise InvalidDecision("comment: it contains a character that cannot be kept.")
    return (comment.replace("\r\n", "\n").strip() or None, codes), do == "draft"


def _sorry(request: Request, error: OnboardingError, typed: str | None = None) -> HTMLResponse:
    standing = error.extra.get("decision") if isinstance(error, AlreadyDecided) else None
    status = status_of(error)
    context = {
        "message": error.detail,
        "code": error.code,
        "standing": standing,
        "again": status in STILL_GOOD,
        "typed": typed,
    }
    return templates.TemplateResponse(request, "sorry.html", context, status_code=status, headers=HEADERS)
