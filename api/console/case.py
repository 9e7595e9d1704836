"""One case: everything about it on a page, and the form that decides it, bound to the review that is shown."""

import base64
import binascii
import hmac
import json
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.auth import Served
from api.console import drawing, forms
from api.console.file import answer
from api.console.page import (
    ConsoleRoute,
    Desk,
    Posted,
    Seated,
    SignedOut,
    allow,
    csrf_of,
    read_form,
    same_origin,
    show,
    sorry,
    token_of,
)
from api.console.source import passages, sources
from api.problems import status_of
from api.story import told
from graph import correspondence, screened, signing
from graph import desk as verbs
from graph.dossier import dossier
from graph.picture import picture
from onboarding.case import CLOSED
from onboarding.catalogue import CATALOGUE, SEVERITIES
from onboarding.decision import worst
from onboarding.errors import AlreadyDecided, OnboardingError, StorageUnavailable
from onboarding.letters.letter import Letter
from onboarding.letters.reasons import stated
from onboarding.ownership_chart import ownership_chart

router = APIRouter(route_class=ConsoleRoute)
REST: Final = 3.0
"""Seconds to wait after a decision for the case to rest, so that the next page shows what came of it."""
Seq = Annotated[int, Query(ge=0, lt=2**31)]
NEWS: Final = frozenset(
    {"case.status", "case.assigned", "case.released", "case.withdrawal_requested", "decision.recorded"}
    | {"application.answer", "application.correction", "answer.not_taken", "screening.cleared", "screening.withdrawn"}
)
"""What whoever looks at the case should hear of while they look."""
DONE: Final = {
    "decision": "Your decision is recorded.",
    "release": "The case is out of quarantine.",
    "cleared": "It is remembered. No finding goes away by it.",
    "withdrawn": "It is taken back.",
}


@router.get("/cases/{case_id}")
async def case(
    case_id: str, request: Request, product: Served, desk: Seated, done: Annotated[str, Query(max_length=20)] = ""
) -> Response:
    """The page."""
    allow(desk, "read")
    return await _page(request, product, desk, case_id, note=DONE.get(done))


async def _page(
    request: Request,
    product: Served,
    desk: Desk,
    case_id: str,
    *,
    kept: forms.Typed | None = None,
    problem: str | None = None,
    note: str | None = None,
    status: int = 200,
    drafting: bool = False,
) -> Response:
    opened = await verbs.open_case(product.service, desk.actor, case_id)
    view = opened.view
    chart = ownership_chart(view.application)
    flow = picture(product.runner.graph, view, opened.waiting, opened.events)
    wanted = passages(view)
    found = sources(opened.parts, wanted, await request.app.state.pages.of(opened.parts, wanted.values()))
    typed = kept if kept is not None else opened.draft
    form = forms.refilled(typed) if typed is not None else forms.prepared(view)
    numbered = {id(finding): number for number, finding in enumerate(view.findings)}
    groups = [(level, [f for f in worst(view.findings) if f.severity == level]) for level in reversed(SEVERITIES)]
    return show(
        request,
        "case.html",
        status,
        live=view.status not in CLOSED,
        case_id=case_id,
        since=opened.events[-1]["seq"] if opened.events else 0,
        seen=opened.events[-1]["seq"] if opened.events else 0,
        news=[],
        desk=desk,
        opened=opened,
        case=view,
        fields=_fields(opened, found.places),
        groups=[(level, items) for level, items in groups if items],
        number_of=lambda finding: numbered[id(finding)],
        catalogue=CATALOGUE,
        sources=found,
        chart=chart,
        chart_drawing=drawing.of_ownership(chart) if chart else None,
        flow=flow,
        flow_drawing=drawing.of_flow(flow),
        step_words=drawing.step_words,
        told=told,
        form=form,
        drafted=opened.draft is not None,
        reasons=forms.reasons(view),
        letter=_letter(product, opened, form.reasons) if view.review else None,
        drafting=drafting,
        choices=forms.fields(view),
        refusal=_refusal(desk, opened),
        unsaid=[other for other in opened.related if other.shared and not other.codes],
        closed=view.status in CLOSED,
        problem=problem,
        note=note,
    )


def _letter(product: Served, opened: verbs.Opened, ticked: list[str]) -> Letter | None:
    """What a rejection would write to the merchant with these reasons."""
    if opened.record is None:
        return None
    return correspondence.rejection_draft(product.context, opened.view.id, opened.record, stated(ticked))


def _fields(opened: verbs.Opened, places: dict[str, str]) -> list[dict[str, Any]]:
    """Every field as read: its value, and what it was read from."""
    return [
        {"path": path, "value": value, "origin": opened.view.provenance.get(path), "anchor": places.get(path)}
        for path, value in opened.view.application.flat().items()
    ]


def _refusal(desk: Desk, opened: verbs.Opened) -> str | None:
    """Why this person cannot approve here, said before they try; the ledger enforces it whatever the page says."""
    if not desk.may("decide"):
        return f"Your role ({desk.actor.role}) may look but not decide."
    return opened.refusal


@router.get("/cases/{case_id}/news")
async def news(case_id: str, since: Seq, seen: Seq, request: Request, product: Served, desk: Seated) -> Response:
    """What happened after ``since``, for a page that knows of all until ``seen``; 204 while there is no more."""
    allow(desk, "read")
    events = await product.service.events(case_id, since, desk.actor.client)
    told_of = [event for event in events if event["type"] in NEWS]
    if not told_of or told_of[-1]["seq"] <= seen:
        return Response(status_code=204)
    last = told_of[-1]["seq"]
    return show(request, "news_case.html", case_id=case_id, since=since, seen=last, news=told_of, told=told)


@router.post("/cases/{case_id}/decision")
async def decide(case_id: str, request: Request, product: Served) -> Response:
    """Decide the review that was shown, or show the letter. Whatever stands in the way, what was typed comes back."""
    same_origin(request, product)
    form, token = await read_form(request), token_of(request, product)
    kept, seat = forms.typed(form), await signing.seat(product.context, token)
    here = signing.inside(f"/console/cases/{case_id}")
    genuine = hmac.compare_digest(str(form.get("csrf", "")).encode(), csrf_of(product, token).encode())
    if seat is None or seat.actor is None:
        if seat is None or not genuine:
            raise SignedOut(here, "You are not signed in. Nothing was decided.", forms.refilled(kept).comment)
        await verbs.keep_draft(product.service, seat.name, case_id, kept)
        words = "Your session has ended. Nothing was decided; what you typed is kept until you sign in again."
        raise SignedOut(here, words)
    desk = request.state.desk = Desk(seat.actor, csrf_of(product, token))
    allow(desk, "decide")
    if not genuine:
        words = "This form was opened in an earlier session. Nothing was decided: look again, then press again."
        return await _page(request, product, desk, case_id, kept=kept, problem=words, status=403)
    if form.get("action") == "draft":
        return await _page(request, product, desk, case_id, kept=kept, drafting=True)
    try:
        made = forms.decision(kept, str(form.get("action", "")))
        review_id = str(form.get("review_id", ""))
        await product.service.decide(desk.actor, case_id, made, review_id=review_id, channel="console")
    except OnboardingError as error:
        if error.code == "case_not_found":
            raise
        words, status = _said(error), status_of(error)
        try:
            return await _page(request, product, desk, case_id, kept=kept, problem=words, status=status)
        except StorageUnavailable:  # not even looking is possible
            return sorry(request, words, status, forms.refilled(kept).comment)
    if form.get("drafted"):
        with suppress(StorageUnavailable):  # what was decided is recorded; a draft that stays is shown once more
            await verbs.drop_draft(product.service, desk.actor.name, case_id)
    await request.app.state.watchers.rested(product, case_id, REST)
    return RedirectResponse(f"{here}?done=decision", 303)


def _said(error: OnboardingError) -> str:
    """Why nothing was decided, and who did instead."""
    standing = error.extra.get("decision") if isinstance(error, AlreadyDecided) else None
    if standing:
        return f"{standing['actor']} decided this review already: {standing['action']}. Nothing of yours was recorded."
    return f"{error.detail} Nothing was decided."


@router.post("/cases/{case_id}/screening")
async def screening(case_id: str, request: Request, product: Served, desk: Seated, form: Posted) -> Response:
    """Say of a hit that it is not the same person, or take that back."""
    allow(desk, "decide")
    said = {name: str(form.get(name, "")) for name in ("subject", "entry_id", "reason")}
    cleared = form.get("said") == "cleared"
    try:
        await screened.say(product.service, desk.actor, case_id, cleared=cleared, **said)
    except StorageUnavailable as error:
        return sorry(request, error.detail, status_of(error), said["reason"])
    return RedirectResponse(f"/console/cases/{case_id}?done={'cleared' if cleared else 'withdrawn'}#h-screening", 303)


@router.post("/cases/{case_id}/release")
async def release(case_id: str, request: Request, product: Served, desk: Seated, form: Posted) -> Response:
    """Take the case out of quarantine."""
    allow(desk, "administer")
    await product.service.release(desk.actor, case_id)
    await request.app.state.watchers.rested(product, case_id, REST)
    return RedirectResponse(f"/console/cases/{case_id}?done=release", 303)


@router.get("/cases/{case_id}/file")
async def file(case_id: str, product: Served, desk: Seated) -> Response:
    """The case as one HTML file, to be saved. Noted in its trail."""
    allow(desk, "read")
    return answer(await dossier(product.service, product.runner, desk.actor, case_id))


@router.get("/cases/{case_id}/parts/{number}")
async def part(case_id: str, number: int, product: Served, desk: Seated) -> Response:
    """One part of what came in, to be saved: never shown by the browser as a page of ours."""
    allow(desk, "read")
    parts = (await verbs.open_case(product.service, desk.actor, case_id)).parts
    if not 0 <= number < len(parts):
        raise HTTPException(404, "There is no such part.")
    found = parts[number]
    suffix, body = {"image": "bin", "text": "txt"}.get(found.format, found.format), b""
    try:
        if found.format in ("pdf", "image"):
            body = base64.b64decode(str(found.content), validate=True)
        else:
            text = found.content if isinstance(found.content, str) else json.dumps(found.content, ensure_ascii=False)
            body = text.encode("utf-8", "surrogatepass")
    except binascii.Error as error:
        raise HTTPException(422, "This part cannot be read.") from error
    headers = {"Content-Disposition": f'attachment; filename="part-{number}.{suffix}"'}
    return Response(body, media_type="application/octet-stream", headers=headers)
