"""Applying on our own page: choose, fill in, upload, save, come back by a link, send. Nothing typed is lost."""

import re
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from api.auth import Served
from api.console.throttle import place_of
from api.merchant.page import (
    FIELD,
    MOST_FILES,
    NOT_STORED,
    TOO_OFTEN,
    UNKNOWN,
    CutShort,
    MerchantRoute,
    answers_of,
    csrf_of,
    documents,
    gate_of,
    given_back,
    later,
    posted,
    show,
    typed,
)
from graph import applying
from onboarding import form as questions
from onboarding.application import EntityType, Role
from onboarding.errors import BadInput, LinkUnknown, StorageUnavailable
from onboarding.submission import Part

router = APIRouter(prefix="/apply", route_class=MerchantRoute)
NOT_SENT: Final = "What you typed is saved, but it could not be sent just now: please send it again in a minute."
LATE: Final = (
    "The application was sent before, so nothing that is written here was added to it. If something has to be changed, "
    "please write to us."
)
DONE: Final = {"saved": "Saved. You can close this page and come back by your link."}
_DROP: Final = re.compile(r"drop:(\d{1,4})")
_ROLES: Final[frozenset[Role]] = frozenset(questions.ROLES)


@router.head("")
@router.get("")
async def start(request: Request, product: Served) -> Response:
    """Choose the country and the legal form: the questions follow from them."""
    return _start(request, product)


def _start(request: Request, product: Served, status: int = 200, **more: Any) -> HTMLResponse:
    kept = {"country": "", "entity_type": "", "email": ""} | more.pop("kept", {})
    context = {"countries": questions.countries(), "forms": questions.LEGAL_FORMS, "csrf": csrf_of(product, "")}
    return show(request, "start.html", status, kept=kept, problems=more.pop("problems", {}), **context)


@router.post("")
async def begin(request: Request, product: Served) -> Response:
    """Keep a draft from here on, and mail its link."""
    sent = await posted(request, "")
    kept = {name: typed(sent, name) for name in ("country", "entity_type", "email")}
    if problems := applying.wrong(**kept):
        return _start(request, product, 422, kept=kept, problems=problems)
    gate = gate_of(request)
    if not gate.begun.allowed(place_of(request)):
        return later(_start(request, product, 429, kept=kept, problems={"email": TOO_OFTEN}))
    mail = gate.letters.allowed(kept["email"].strip().lower())
    try:
        token = await applying.begin(product.context, **kept, mail=mail)
    except StorageUnavailable:
        return _start(request, product, 503, kept=kept, problems={"email": NOT_STORED})
    return RedirectResponse(f"/apply/{token}", 303)


@router.head("/resume")
@router.get("/resume")
async def forgotten(request: Request, product: Served) -> Response:
    """Where an address is given."""
    return show(request, "resume.html", csrf=csrf_of(product, ""), asked=False)


@router.post("/resume")
async def resume(request: Request, product: Served) -> Response:
    """The answer is the same for everybody; only an address that began something gets a letter."""
    sent = await posted(request, "")
    address = typed(sent, "email").strip()[:254]
    if address and gate_of(request).letters.allowed(address.lower()):
        await applying.resume(product.context, address)
    return show(request, "resume.html", asked=True)


@router.head("/{token}")
@router.get("/{token}")
async def look(
    token: str, request: Request, product: Served, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The form as it was left. Opening it, by whatever scanner, changes nothing."""
    draft = await applying.look(product.context, token)
    if isinstance(draft, applying.Sent):
        return RedirectResponse(f"/merchant/{token}", 303)
    return _form(request, product, token, draft, note=DONE.get(done))


def _form(
    request: Request,
    product: Served,
    token: str,
    draft: applying.Draft,
    *,
    status: int = 200,
    values: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    note: str | None = None,
    anyway: bool = False,
    cut: bool = False,
) -> Response:
    policy, as_of = product.context.policy, product.context.clock().date()
    form: EntityType = draft.entity_type  # type: ignore[assignment]
    names = questions.names(draft.country, form, draft.people, policy, as_of)
    return show(
        request,
        "apply.html",
        status,
        token=token,
        csrf=csrf_of(product, token),
        draft=draft,
        shown=applying.version_of(draft),
        country=questions.countries().get(draft.country, draft.country),
        legal_form=questions.LEGAL_FORMS[form],
        sections=questions.sections(draft.country, form, policy, as_of),
        people=[questions.person(number, policy) for number in range(draft.people)],
        roles=questions.ROLES,
        values=values if values is not None else draft.values,
        problems={path: words for path in [*names, *(problems or {})] if (words := (problems or {}).get(path))},
        names=names,
        note=note,
        anyway=anyway,
        cut=cut,
        longest=questions.LONGEST,
        most_files=MOST_FILES,
    )


@router.post("/{token}")
async def work(token: str, request: Request, product: Served) -> Response:
    """Every button saves first. Then it adds a person, takes a file away, or sends. Whatever fails gives back."""
    try:
        sent, cut = await posted(request, token), None
    except CutShort as short:
        sent, cut = short.form, short
    try:
        return await _work(token, sent, cut, request, product)
    except LinkUnknown:
        return given_back(request, answers_of(sent), UNKNOWN, 404)
    except StorageUnavailable:
        onward = (f"/apply/{token}", "Back to the form, as it was last saved")
        return given_back(request, answers_of(sent), NOT_STORED, 503, onward=onward)


async def _work(token: str, sent: FormData, cut: CutShort | None, request: Request, product: Served) -> Response:
    draft = await applying.look(product.context, token)
    if isinstance(draft, applying.Sent):
        return await _sent_before(token, sent, draft, request, product, whole=cut is None)
    values, problems = _values(sent, draft, product)
    if cut is not None:
        told = {"documents": cut.words}
        return _form(request, product, token, draft, status=cut.status, values=values, problems=told, cut=True)
    try:
        return await _kept(token, sent, draft, values, problems, request, product)
    except StorageUnavailable:
        told = {"storage": NOT_STORED}
        return _form(request, product, token, draft, status=503, values=values, problems=told)


async def _kept(
    token: str,
    sent: FormData,
    draft: applying.Draft,
    values: dict[str, str],
    problems: dict[str, str],
    request: Request,
    product: Served,
) -> Response:
    do = typed(sent, "do")
    files, problem = await documents(sent)
    if problem:
        problems["documents"] = problem
    keepable = {path: draft.values.get(path, "") if path in problems else value for path, value in values.items()}
    kept = await _save(product, token, draft, keepable, files, do, problems)
    if isinstance(kept, applying.Sent):
        return await _sent_before(token, sent, kept, request, product)
    if not problems and do == "send":
        problems = await applying.problems(product.context, token)
        if not problems or typed(sent, "anyway") == "yes":
            return await _send(token, kept, request, product)
        return _form(request, product, token, kept, status=422, problems=problems, anyway=True)
    if problems:
        return _form(request, product, token, kept, status=422, values=values, problems=problems)
    return RedirectResponse(f"/apply/{token}?done=saved{'#people' if do == 'more' else ''}", 303)


async def _send(token: str, kept: applying.Draft, request: Request, product: Served) -> Response:
    try:
        await applying.send(product.service, token)
    except StorageUnavailable:
        return _form(request, product, token, kept, status=503, problems={"storage": NOT_SENT})
    return RedirectResponse(f"/merchant/{token}?done=sent", 303)


async def _sent_before(
    token: str, sent: FormData, made: applying.Sent, request: Request, product: Served, *, whole: bool = True
) -> Response:
    """A second click finds all that it holds in the case; another tab may hold more, which was not taken."""
    texts = {path: ",".join(map(str, sent.getlist(path))) for path in sent if FIELD.fullmatch(path)}
    files, unreadable = await documents(sent)
    if whole and unreadable is None and await applying.holds(product.context, made.case_id, texts, files):
        return RedirectResponse(f"/merchant/{token}?done=sent", 303)
    return given_back(request, answers_of(sent), LATE, 409, onward=(f"/merchant/{token}", "See how it stands"))


async def _save(
    product: Served,
    token: str,
    draft: applying.Draft,
    values: dict[str, str],
    files: list[Part],
    do: str,
    problems: dict[str, str],
) -> applying.Draft | applying.Sent:
    """What can be kept is kept; files that are too many are said."""
    people = draft.people + (do == "more")
    drop = _DROP.fullmatch(do)
    number = int(drop[1]) if drop else None
    try:
        return await applying.save(product.context, token, values, people=people, files=files, drop=number)
    except BadInput as error:
        problems["documents"] = error.detail
        return await applying.save(product.context, token, values, people=people, drop=number)


def _values(sent: FormData, draft: applying.Draft, product: Served) -> tuple[dict[str, str], dict[str, str]]:
    """What was typed into the fields of this form, and what of it cannot be kept.

    A form that was opened before another tab saved leaves alone what it holds nothing of.
    """
    as_of = product.context.clock().date()
    names = questions.names(draft.country, draft.entity_type, draft.people, product.context.policy, as_of)
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for path in names:
        if path.endswith(".roles"):
            values[path] = ",".join(role for role in sent.getlist(path) if role in _ROLES)
            continue
        values[path] = typed(sent, path)
        if len(values[path]) > questions.LONGEST:
            problems[path] = f"This is longer than {questions.LONGEST} characters."
        elif "\x00" in values[path] or any("\ud800" <= char <= "\udfff" for char in values[path]):
            problems[path] = "This contains a character that cannot be kept."
    if (shown := typed(sent, "shown")) and shown != applying.version_of(draft):
        values = {path: value or draft.values.get(path, "") for path, value in values.items()}
    return values, problems
