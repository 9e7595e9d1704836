"""The merchant's case by their own link: how it stands, the answer to what was asked, and withdrawing."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import JsonValue
from starlette.datastructures import FormData

from api.auth import Served
from api.merchant.page import (
    ANSWER,
    NOT_STORED,
    UNKNOWN,
    CutShort,
    MerchantRoute,
    answers_of,
    by_label,
    csrf_of,
    documents,
    given_back,
    posted,
    show,
    typed,
)
from graph import merchants
from onboarding.door import make_part
from onboarding.errors import Conflict, LinkUnknown, StorageUnavailable
from onboarding.submission import Part

router = APIRouter(prefix="/merchant", route_class=MerchantRoute)
DONE: Final = {
    "sent": "We have received your application.",
    "answered": "Thank you, we have received your answer.",
    "withdrawn": "Your application is withdrawn.",
}
LONGEST: Final = 10_000
_ID: Final = re.compile(r"[\w-]{1,64}")
TOO_LATE: Final = "It cannot be withdrawn at this point. Please write to us."


@router.head("/{token}")
@router.get("/{token}")
async def look(
    token: str, request: Request, product: Served, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """How it stands. Opening it, by whatever scanner, changes nothing."""
    seen = await merchants.look(product.service, token)
    return _page(request, product, token, seen, note=DONE.get(done))


def _page(
    request: Request,
    product: Served,
    token: str,
    seen: merchants.Followed,
    *,
    status: int = 200,
    note: str | None = None,
    kept: list[str] | None = None,
    problems: dict[str, str] | None = None,
    late: list[tuple[str, str]] | None = None,
    anyway: bool = False,
) -> Response:
    kept = (kept or [""] * len(seen.asked))[: len(seen.asked)]
    return show(
        request,
        "status.html",
        status,
        seen=seen,
        asked=list(zip(seen.asked, kept, strict=True)),
        token=token,
        csrf=csrf_of(product, token),
        note=note,
        problems=problems or {},
        late=late is not None,
        typed=late,
        longest=LONGEST,
        anyway=anyway,
    )


@router.post("/{token}/answer")
async def answer(token: str, request: Request, product: Served) -> Response:
    """Take the answer to the request that was shown; twice is once. What was not taken comes back, and is said."""
    try:
        form, cut = await posted(request, token), None
    except CutShort as short:
        form, cut = short.form, short
    try:
        return await _answer(token, form, cut, request, product)
    except (LinkUnknown, StorageUnavailable) as error:
        given = answers_of(form)
        if isinstance(error, LinkUnknown):
            return given_back(request, given, UNKNOWN, 404)
        return given_back(request, given, NOT_STORED, 503, onward=(f"/merchant/{token}", "Back to the page"))


async def _answer(token: str, form: FormData, cut: CutShort | None, request: Request, product: Served) -> Response:
    request_id = typed(form, "request") if _ID.fullmatch(typed(form, "request")) else ""
    seen, paths = await merchants.asked(product.service, token, request_id)
    texts = _texts(form, len(paths))
    again = partial(_page, request, product, token, seen, kept=texts)
    if cut is not None and seen.request_id == request_id:
        return again(status=cut.status, problems={"documents": f"{cut.words} Please choose your files again."})
    parts, problems = await _parts(form, paths, texts)
    if problems and seen.request_id == request_id:
        return again(status=422, problems=problems)
    # A merchant may truly not know the day: who says so is heard, and a person judges it. But they say so knowingly;
    # a slip of the pen is seen at once, and not a week later in another letter.
    if typed(form, "anyway") != "yes" and seen.request_id == request_id:
        unread = await merchants.unread(product.service, seen.case_id, _answers(paths, texts))
        told = {f"answer_{n}": unread[path] for n, path in enumerate(paths) if path in unread and texts[n].strip()}
        if told:
            lost = {"documents": "Please choose your files again."} if len(parts) > 1 else {}
            return again(status=422, problems=told | lost, anyway=True)
    try:
        taken = not problems and not cut and await merchants.answer(product.service, token, request_id, parts)
    except StorageUnavailable:
        if seen.request_id != request_id:
            raise
        return again(status=503, problems={"storage": NOT_STORED})
    if taken:
        return RedirectResponse(f"/merchant/{token}?done=answered", 303)
    now = await merchants.look(product.service, token)
    late = by_label(list(zip_longest(paths, texts, fillvalue="")))
    return _page(request, product, token, now, status=409, late=late)


def _texts(form: FormData, least: int = 0) -> list[str]:
    """The answers in the order of what was asked."""
    most = max([least, *(int(found[1]) + 1 for name in form if (found := ANSWER.fullmatch(name)))])
    return [typed(form, f"answer_{number}") for number in range(most)]


async def _parts(form: FormData, paths: Sequence[str], texts: list[str]) -> tuple[list[Part], dict[str, str]]:
    """What was answered, and what is wrong with it by field."""
    problems: dict[str, str] = {}
    for number, text in enumerate(texts[: len(paths)]):
        if len(text) > LONGEST:
            problems[f"answer_{number}"] = f"This is longer than {LONGEST} characters."
        elif "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
            problems[f"answer_{number}"] = "This contains a character that cannot be kept."
    answers: dict[str, JsonValue] = {**_answers(paths, texts)} if not problems else {}
    parts = [make_part(answers, "json", kind="answers")] if answers else []
    files, unreadable = await documents(form)
    parts += files
    if unreadable:
        problems["documents"] = f"{unreadable} Please choose your files again."
    if not parts and not problems:
        problems["answer_0" if paths else "documents"] = "Please answer, or add a document."
    return parts, problems


def _answers(paths: Sequence[str], texts: list[str]) -> dict[str, str]:
    """What was answered by path; two questions about one field make one answer."""
    answers: dict[str, str] = {}
    for path, text in zip(paths, texts, strict=False):
        if text.strip():
            answers[path] = f"{answers[path]}\n{text.strip()}" if path in answers else text.strip()
    return answers


@router.head("/{token}/withdraw")
@router.get("/{token}/withdraw")
async def ask(token: str, request: Request, product: Served) -> Response:
    """The page that asks whether they mean it."""
    seen = await merchants.look(product.service, token)
    return show(request, "withdraw.html", seen=seen, token=token, csrf=csrf_of(product, token))


@router.post("/{token}/withdraw")
async def withdraw(token: str, request: Request, product: Served) -> Response:
    """End it; twice is once."""
    await posted(request, token)
    try:
        await merchants.withdraw(product.service, token)
    except Conflict:
        seen = await merchants.look(product.service, token)
        return _page(request, product, token, seen, status=409, problems={"withdraw": TOO_LATE})
    return RedirectResponse(f"/merchant/{token}?done=withdrawn", 303)
