"""The merchant's case by their own link: how it stands, the answer to what was asked, and withdrawing."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import JsonValue
from starlette.datastructures import FormData

from api.auth import Served
from api.merchant.page import MerchantRoute, csrf_of, posted, show, typed, uploads
from graph import merchants
from onboarding.door import make_part, uploaded_part
from onboarding.errors import BadInput, Conflict
from onboarding.submission import Part

router = APIRouter(prefix="/merchant", route_class=MerchantRoute)
DONE: Final = {
    "sent": "We have received your application.",
    "answered": "Thank you, we have received your answer.",
    "withdrawn": "Your application is withdrawn.",
}
LONGEST: Final = 10_000
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
) -> Response:
    kept = kept or [""] * len(seen.asked)
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
        longest=LONGEST,
    )


@router.post("/{token}/answer")
async def answer(token: str, request: Request, product: Served) -> Response:
    """Take the answer to the request that was shown; twice is once. What was typed comes back with every error."""
    seen = await merchants.look(product.service, token)
    form = await posted(request, token)
    request_id = typed(form, "request")
    if seen.request_id == request_id:
        kept = [typed(form, f"answer_{number}") for number in range(len(seen.asked))]
        parts, problems = await _parts(form, seen, kept)
        if problems:
            return _page(request, product, token, seen, status=422, kept=kept, problems=problems)
        await merchants.answer(product.service, token, request_id, parts)
    return RedirectResponse(f"/merchant/{token}?done=answered", 303)


async def _parts(form: FormData, seen: merchants.Followed, kept: list[str]) -> tuple[list[Part], dict[str, str]]:
    """What was answered, and what is wrong with it by field."""
    problems: dict[str, str] = {}
    answers: dict[str, JsonValue] = {}
    for number, (item, text) in enumerate(zip(seen.asked, kept, strict=True)):
        if len(text) > LONGEST:
            problems[f"answer_{number}"] = f"This is longer than {LONGEST} characters."
        elif "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
            problems[f"answer_{number}"] = "This contains a character that cannot be kept."
        elif text.strip():
            before = answers.get(item.path)
            answers[item.path] = f"{before}\n{text.strip()}" if before else text.strip()
    parts = [make_part(answers, "json", kind="answers")] if answers else []
    for name, body in await uploads(form):
        try:
            parts.append(uploaded_part(name, body))
        except BadInput as error:
            problems["documents"] = f"{error.detail} Please choose your files again."
    if not parts and not problems:
        problems["answer_0" if seen.asked else "documents"] = "Please answer, or add a document."
    return parts, problems


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
