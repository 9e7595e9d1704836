"""Signing in: ask for a personal link by letter, open it (which changes nothing), confirm it (which uses it up)."""

from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.auth import Served
from api.console.page import (
    ConsoleRoute,
    Posted,
    Seated,
    cookie_name,
    read_form,
    same_origin,
    show,
    sorry,
    token_of,
)
from api.console.throttle import Throttle, place_of
from checkpoints.sessions import LASTS
from graph import elsewhere, signing
from graph.wiring import Product
from onboarding.errors import LinkExpired, LinkUnknown

router = APIRouter(route_class=ConsoleRoute)
LETTERS_EACH: Final = (5, timedelta(minutes=15))
TRIES_EACH: Final = (60, timedelta(minutes=15))
STATE: Final = "onboard_state"
"""The cookie that says in which browser a sign-in elsewhere was begun."""
LONGEST_ADDRESS: Final = 254


class Gate:
    """The two limits: letters to one address, and from one place asking for letters or trying links that are none."""

    def __init__(self, product: Product) -> None:
        self.letters = Throttle(*LETTERS_EACH, product.context.clock)
        self.tries = Throttle(*TRIES_EACH, product.context.clock)


def _too_often(request: Request) -> Response | None:
    gate: Gate = request.app.state.gate
    if gate.tries.allowed(place_of(request)):
        return None
    answer = sorry(request, "Too many tries from your address. Wait some minutes and try again.", 429)
    answer.headers["Retry-After"] = "300"
    return answer


@router.get("/sign-in")
async def form(request: Request, to: Annotated[str, Query(max_length=500)] = "") -> Response:
    """Where an address is given."""
    return show(request, "sign_in.html", leads_to=signing.inside(to), words=None)


@router.get("/oidc")
async def leave(request: Request, product: Served, to: Annotated[str, Query(max_length=500)] = "") -> Response:
    """To the company's provider."""
    if refused := _too_often(request):
        return refused
    left = await elsewhere.leave(product.context, _provider(request), to)
    answer = RedirectResponse(left.url, 303)
    # lax: the way back begins on the provider's page, and a strict cookie would stay at home
    answer.set_cookie(
        STATE, left.state, max_age=600, path="/console/oidc", httponly=True, samesite="lax", secure=_tls(product)
    )
    return answer


@router.get("/oidc/callback")
async def arrive(
    request: Request,
    product: Served,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """Back from the provider: open the session, and go on from a page of ours, for a strict cookie's sake."""
    if refused := _too_often(request):
        return refused
    kept = request.cookies.get(STATE, "")
    begun = await elsewhere.arrive(product.context, _provider(request), state=state, kept=kept, code=code)
    answer = show(request, "onward.html", leads_to=begun.leads_to)
    answer.delete_cookie(STATE, path="/console/oidc", httponly=True, samesite="lax")
    _seat(answer, product, begun)
    return answer


def _provider(request: Request) -> Any:
    """Raises 404 where none is configured."""
    if request.app.state.provider is None:
        raise HTTPException(404, "Nobody can sign in elsewhere here.")
    return request.app.state.provider


def _tls(product: Product) -> bool:
    return product.settings.public_url.startswith("https://")


def _seat(answer: Response, product: Product, begun: signing.Begun) -> None:
    """Give the browser its session."""
    answer.set_cookie(
        cookie_name(product),
        begun.token,
        max_age=int(LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="strict",
        secure=_tls(product),
    )


@router.post("/sign-in")
async def ask(request: Request, product: Served) -> Response:
    """The answer is the same for everybody; only an address of ours gets a letter."""
    same_origin(request, product)
    if refused := _too_often(request):
        return refused
    sent = await read_form(request)
    address = str(sent.get("address", "")).strip()[:LONGEST_ADDRESS]
    if address and request.app.state.gate.letters.allowed(address.lower()):
        await signing.ask(product.context, address, str(sent.get("to", "")))
    return show(request, "asked.html")


@router.head("/sign-in/{token}")
@router.get("/sign-in/{token}")
async def look(token: str, request: Request, product: Served) -> Response:
    """The page that asks for the click. Fetching it, by whatever scanner, uses nothing up."""
    return show(request, "confirm.html", name=await signing.look(product.context, token))


@router.post("/sign-in/{token}")
async def begin(token: str, request: Request, product: Served) -> Response:
    """Use the link up and open the session."""
    same_origin(request, product)
    try:
        begun = await signing.begin(product.context, token)
    except (LinkUnknown, LinkExpired):
        if refused := _too_often(request):
            return refused
        raise
    answer = RedirectResponse(begun.leads_to, 303)
    _seat(answer, product, begun)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, product: Served, desk: Seated, form: Posted) -> Response:
    """End the session here and in the ledger."""
    await signing.end(product.context, token_of(request, product))
    answer = show(request, "sign_in.html", leads_to=signing.HOME, words="You are signed out.")
    answer.delete_cookie(cookie_name(product), path="/", httponly=True, samesite="strict")
    return answer
