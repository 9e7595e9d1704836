"""The queue: what waits for a person, soonest due on top; every other case by status; taking, giving, giving back."""

from typing import Annotated, Any, Final, get_args
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from api.auth import Served
from api.console.page import ConsoleRoute, Posted, Seated, allow, show
from api.console.tally import Counted, Tally
from checkpoints.desk import MOST_OF_ONE, ORDERS
from checkpoints.reviews import OF_PEOPLE
from graph import desk as verbs
from graph.deciding import SENIOR
from graph.service import Actor
from onboarding.case import Status
from onboarding.errors import BadInput

router = APIRouter(route_class=ConsoleRoute)
PAGE: Final = 50
STATUSES: Final = get_args(Status)
WAITING: Final = "waiting"
REFRESH: Final = 30
"""Seconds after which the page loads itself again, for whoever asked for that."""
KEPT: Final = ("status", "order", "stage", "risk", "country", "assignee", "refresh")
"""What a saved view holds; what was searched for is nobody's standing wish."""
MOST_AT_ONCE: Final = 200
Word = Annotated[str, Query(max_length=200)]
Address = Annotated[str, Query(max_length=2_000)]
Short = Annotated[str, Query(max_length=20)]


@router.get("")
async def queue(
    request: Request,
    product: Served,
    desk: Seated,
    status: Word = WAITING,
    q: Word = "",
    order: Short = "due",
    stage: Short = "",
    assignee: Word = "",
    country: Annotated[str, Query(max_length=2)] = "",
    risk: Short = "",
    cursor: Word = "",
    refresh: Short = "",
    done: Annotated[int | None, Query(ge=0, le=MOST_AT_ONCE)] = None,
    left: Annotated[int, Query(ge=0, le=MOST_AT_ONCE)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = PAGE,
) -> Response:
    """One page of cases. Without any choice it is the view that the person saved."""
    allow(desk, "read")
    board = await verbs.board(product.service, desk.actor)
    if not request.url.query and board.view:
        return RedirectResponse(f"/console?{board.view}", 303)
    if any("\x00" in text for text in (q, assignee, country, cursor)):
        raise BadInput("A NUL character cannot be searched for.")
    chosen = {"status": status, "q": q, "order": order if order in ORDERS else "due", "stage": stage}
    chosen |= {"assignee": assignee, "country": country.upper(), "risk": risk, "refresh": "on" if refresh else ""}
    chosen["limit"] = "" if limit == PAGE else str(limit)
    rows, more = await _rows(product, desk.actor, chosen, cursor, limit)
    tally: Tally = request.app.state.tally
    counted = await tally.now(desk.actor.client)
    return show(
        request,
        "queue.html",
        live=True,
        since="",
        seen=_signature(counted, board),
        desk=desk,
        rows=rows,
        chosen=chosen,
        statuses=STATUSES,
        stages=OF_PEOPLE,
        orders=list(ORDERS),
        counted=counted,
        board=board,
        mine=_mine(board),
        senior=desk.actor.role in SENIOR,
        refresh=REFRESH if refresh else None,
        done=done,
        left=left,
        here=_address(chosen, cursor),
        following=_address(chosen, more) if more else None,
        first=_address(chosen, None) if cursor else None,
        switched=_address(chosen | {"refresh": "" if refresh else "on"}, cursor),
        tab=lambda **more: _address({"refresh": chosen["refresh"], "order": chosen["order"]} | more, None),
    )


@router.get("/counts")
async def counts(request: Request, product: Served, desk: Seated, since: Word, seen: Word, back: Address) -> Response:
    """The counts, for a page that shows ``seen``; 204 while they are the same.

    What is said to have changed has changed since the page's first question, ``since``: the counts it was loaded with
    may be some seconds older than its rows.
    """
    allow(desk, "read")
    tally: Tally = request.app.state.tally
    counted, board = await tally.now(desk.actor.client), await verbs.board(product.service, desk.actor)
    now = _signature(counted, board)
    if now == seen and since:
        return Response(status_code=204)
    here = back if back.startswith("/console?") else "/console"
    return show(
        request,
        "news_counts.html",
        since=since or now,
        seen=now,
        here=here,
        counted=counted,
        mine=_mine(board),
        stages=OF_PEOPLE,
    )


def _signature(counted: Counted, board: verbs.Board) -> str:
    """What is counted, as one word."""
    stages = (counted.counts.stages.get(stage, 0) for stage in OF_PEOPLE)
    return ".".join(map(str, (counted.counts.waiting, counted.counts.late, board.mine, *stages)))


def _mine(board: verbs.Board) -> str:
    return f"{board.mine}{'+' if board.mine >= MOST_OF_ONE else ''}"


async def _rows(
    product: Served, actor: Actor, chosen: dict[str, str], cursor: str, limit: int
) -> tuple[list[Any], str | None]:
    """The page's rows, and the cursor of the next."""
    status, q = chosen["status"], chosen["q"].strip()
    filters = {
        "assignee": chosen["assignee"] or None,
        "country": chosen["country"] or None,
        "risk_level": chosen["risk"] or None,
        "queue_stage": chosen["stage"] or None,
    }
    if status == WAITING:
        after = cursor.split("~") if cursor else None
        rows, following = await verbs.waiting(
            product.service, actor, filters=filters, q=q, order=chosen["order"], after=after, limit=limit
        )
        return rows, "~".join(following) if following else None
    filters["status"] = status if status in STATUSES else None
    before = min(int(cursor), 2**62) if cursor.isascii() and cursor.isdecimal() else None
    found, last = await verbs.listed(product.service, actor, filters=filters, q=q, before=before, limit=limit)
    return found, str(last) if last is not None else None


def _address(chosen: dict[str, Any], cursor: str | None) -> str:
    given = {name: value for name, value in (chosen | {"cursor": cursor}).items() if value}
    return f"/console?{urlencode(given)}"


@router.post("/cases/{case_id}/claim")
async def claim(case_id: str, product: Served, desk: Seated, form: Posted) -> Response:
    """Take the case."""
    allow(desk, "decide")
    await verbs.claim(product.service, desk.actor, case_id)
    return RedirectResponse(_back(form, f"/console/cases/{case_id}"), 303)


@router.post("/cases/{case_id}/let-go")
async def let_go(case_id: str, product: Served, desk: Seated, form: Posted) -> Response:
    """Give the case back."""
    allow(desk, "decide")
    await verbs.let_go(product.service, desk.actor, case_id)
    return RedirectResponse(_back(form, f"/console/cases/{case_id}"), 303)


@router.post("/assign")
async def assign(product: Served, desk: Seated, form: Posted) -> Response:
    """Take, give or give back every case that was ticked."""
    allow(desk, "decide")
    ids = [str(value)[:100] for value in form.getlist("case")]
    if not ids or len(ids) > MOST_AT_ONCE:
        raise BadInput(f"Tick 1 to {MOST_AT_ONCE} cases first.")
    to = {"take": desk.actor.name, "back": None}.get(str(form.get("what")), str(form.get("to", "")))
    if to == "":
        raise BadInput("Choose whom to give them to.")
    made = await verbs.give(product.service, desk.actor, ids, to)
    told = urlencode({"done": made.done, "left": len(made.refused)})
    back = _back(form, "/console?status=waiting")
    return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{told}", 303)


@router.post("/view")
async def save(product: Served, desk: Seated, form: Posted) -> Response:
    """Keep the order and filters that are shown as this person's own, or forget what was kept."""
    wanted = dict(parse_qsl(_back(form, "").partition("?")[2]))
    kept = urlencode({name: wanted[name][:200] for name in KEPT if wanted.get(name)})
    await verbs.save_view(product.service, desk.actor, None if form.get("forget") else kept or "status=waiting")
    return RedirectResponse(_back(form, "/console?status=waiting"), 303)


def _back(form: FormData, otherwise: str) -> str:
    """To the queue as it was, or where it is said: nowhere else."""
    given = str(form.get("back") or "")
    return given if given.startswith("/console?") else otherwise
