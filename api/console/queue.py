"""The queue: what waits for a person, soonest due on top; every other case by status; taking and giving back."""

from typing import Annotated, Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.auth import Served
from api.console.page import ConsoleRoute, Posted, Seated, allow, show
from graph import desk as verbs
from onboarding.case import Status
from onboarding.errors import BadInput

router = APIRouter(route_class=ConsoleRoute)
PAGE: Final = 50
STATUSES: Final = get_args(Status)
WAITING: Final = "waiting"
Word = Annotated[str, Query(max_length=200)]


@router.get("")
async def queue(
    request: Request,
    product: Served,
    desk: Seated,
    status: Word = WAITING,
    q: Word = "",
    assignee: Word = "",
    country: Annotated[str, Query(max_length=2)] = "",
    risk: Annotated[str, Query(max_length=10)] = "",
    cursor: Word = "",
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> Response:
    """One page of cases."""
    allow(desk, "read")
    if any("\x00" in text for text in (q, assignee, country, cursor)):
        raise BadInput("A NUL character cannot be searched for.")
    chosen = {"status": status, "q": q, "assignee": assignee, "country": country.upper(), "risk": risk}
    chosen["limit"] = "" if limit == PAGE else str(limit)
    filters = {"assignee": assignee or None, "country": country.upper() or None, "risk_level": risk or None}
    if status == WAITING:
        due, _, review_id = cursor.partition("~")
        after = (due, review_id) if review_id else None
        rows, following = await verbs.waiting(product.service, filters=filters, q=q.strip(), after=after, limit=limit)
        more = "~".join(following) if following else None
    else:
        filters["status"] = status if status in STATUSES else None
        before = min(int(cursor), 2**62) if cursor.isascii() and cursor.isdecimal() else None
        found, last = await verbs.listed(product.service, filters=filters, q=q.strip(), before=before, limit=limit)
        rows, more = found, str(last) if last is not None else None
    return show(
        request,
        "queue.html",
        desk=desk,
        rows=rows,
        chosen=chosen,
        statuses=STATUSES,
        here=_address(chosen, cursor),
        following=_address(chosen, more) if more else None,
        first=_address(chosen, None) if cursor else None,
    )


def _address(chosen: dict[str, Any], cursor: str | None) -> str:
    given = {name: value for name, value in (chosen | {"cursor": cursor}).items() if value}
    return f"/console?{urlencode(given)}"


@router.post("/cases/{case_id}/claim")
async def claim(case_id: str, product: Served, desk: Seated, form: Posted) -> Response:
    """Take the case."""
    allow(desk, "decide")
    await verbs.claim(product.service, desk.actor, case_id)
    return RedirectResponse(_back(form.get("back"), case_id), 303)


@router.post("/cases/{case_id}/let-go")
async def let_go(case_id: str, product: Served, desk: Seated, form: Posted) -> Response:
    """Give the case back."""
    allow(desk, "decide")
    await verbs.let_go(product.service, desk.actor, case_id)
    return RedirectResponse(_back(form.get("back"), case_id), 303)


def _back(given: Any, case_id: str) -> str:
    """To the queue as it was, or to the case: nowhere else."""
    return str(given) if str(given or "").startswith("/console?") else f"/console/cases/{case_id}"
