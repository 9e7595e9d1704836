"""What all pages of the console share: headers, who is signed in, the checks of a posted form, and errors as pages."""

import hmac
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates
from jinja2 import pass_context
from jinja2.runtime import Context
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from api.auth import MAY, Served
from api.console.words import ENGLISH, age, fitting, locale_of, moment, money, visible
from api.limits import TooLarge
from api.posted import said_twice
from api.problems import status_of
from graph import signing
from graph.service import Actor
from graph.wiring import Product
from onboarding.errors import BadInput, Forbidden, OnboardingError
from onboarding.letters.fields import capital, label

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would hide the origin of our own forms from us
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
LIVE: Final = HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"
"""The policy of the pages that renew a part of themselves, by the one script that we ship (htmx, without eval)."""
MOST_FIELDS: Final = 600


@pass_context
def _moment(context: Context, text: str | None) -> str:
    return moment(text, context.get("locale", ENGLISH))


@pass_context
def _money(context: Context, amount: str | None, currency: str | None) -> str:
    return money(amount, currency, context.get("locale", ENGLISH))


templates = Jinja2Templates(directory=Path(__file__).parent.parent / "templates")
templates.env.filters |= {
    "moment": _moment,
    "money": _money,
    "visible": visible,
    "label": lambda path, people=(): capital(label(path, people)),
}
templates.env.globals["fitting"] = fitting


class Desk(NamedTuple):
    """The person at the desk, and what their forms must carry."""

    actor: Actor
    csrf: str

    def may(self, what: str) -> bool:
        """Whether the role allows it, by the same table as the API's."""
        return self.actor.role in MAY[what]


class SignedOut(Exception):
    """Nobody is signed in; the page leads to signing in, and back to ``leads_to``. ``typed`` is given back as text."""

    def __init__(self, leads_to: str, words: str | None = None, typed: str | None = None) -> None:
        self.leads_to, self.words, self.typed = leads_to, words, typed


class ConsoleRoute(APIRoute):
    """Every answer carries the headers, every error is a page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer = await inner(request)
            except SignedOut as gone:
                answer = signed_out(request, gone)
            except OnboardingError as error:
                answer = sorry(request, error.detail, status_of(error))
            except HTTPException as error:
                answer = sorry(request, str(error.detail), error.status_code)
            except RequestValidationError:
                answer = sorry(request, "This address cannot be read.", 422)
            for name, value in HEADERS.items():
                answer.headers.setdefault(name, value)
            return answer

        return handle


def show(request: Request, template: str, status: int = 200, *, live: bool = False, **context: Any) -> HTMLResponse:
    """A page. ``desk`` is in the context when somebody is signed in; a ``live`` one renews a part of itself."""
    now: datetime = request.app.state.product.context.clock()
    context |= {"locale": locale_of(request.headers.get("accept-language"))}
    context |= {"elsewhere": request.app.state.provider is not None}
    context |= {"now": now, "age": lambda text: age(text, now), "live": live}
    headers = {"Content-Security-Policy": LIVE} if live else None
    return templates.TemplateResponse(request, f"console/{template}", context, status_code=status, headers=headers)


def sorry(request: Request, words: str, status: int, typed: str | None = None) -> HTMLResponse:
    """An error in words; ``typed`` is given back as text."""
    return show(request, "sorry.html", status, words=words, typed=typed, desk=getattr(request.state, "desk", None))


def signed_out(request: Request, gone: SignedOut) -> Response:
    """To the sign-in page. A link in a letter arrives without the cookie, so it is first followed from here."""
    if request.headers.get("hx-request"):
        return show(request, "news_signed_out.html")
    if request.method != "GET":
        return show(request, "sign_in.html", 401, leads_to=gone.leads_to, words=gone.words, typed=gone.typed)
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return show(request, "onward.html", leads_to=request.url.path)
    return RedirectResponse(f"/console/sign-in?to={quote(gone.leads_to)}", 303)


def cookie_name(product: Product) -> str:
    """With the prefix that binds it to this host, where the transport allows it."""
    return "__Host-onboard" if product.settings.public_url.startswith("https://") else "onboard_session"


def token_of(request: Request, product: Product) -> str:
    return request.cookies.get(cookie_name(product), "")


def csrf_of(product: Product, token: str) -> str:
    """What the forms of this session carry: of the session, and nothing that another page could know."""
    return product.context.lookup.token("csrf", token)


async def seated(request: Request, product: Served) -> Desk:
    """Who is signed in, with the role of this moment. Raises SignedOut."""
    token = token_of(request, product)
    seat = await signing.seat(product.context, token)
    if seat is None or seat.actor is None:
        words = "Your session has ended. Sign in again to go on." if seat is not None else None
        reason = str((await read_form(request)).get("reason", "")) if request.method == "POST" else None
        raise SignedOut(signing.inside(_page_of(request)), words, reason)
    request.state.desk = Desk(seat.actor, csrf_of(product, token))
    return request.state.desk  # type: ignore[no-any-return]


def _page_of(request: Request) -> str:
    """The page that was asked for, or that a form stood on: what is posted has no page of its own."""
    path = request.url.path
    return path if request.method == "GET" else path.rpartition("/")[0]


async def posted(request: Request, product: Served) -> FormData:
    """The form, if one of our own pages sent it in this session. Raises Forbidden, BadInput, TooLarge."""
    same_origin(request, product)
    form = await read_form(request)
    given = str(form.get("csrf", ""))
    if not hmac.compare_digest(given.encode(), csrf_of(product, token_of(request, product)).encode()):
        raise Forbidden("This form is not from your session. Open the page again.")
    if any("\x00" in value for _, value in form.multi_items() if isinstance(value, str)):
        raise BadInput("The form contains a character that cannot be kept.")
    return form


async def read_form(request: Request) -> FormData:
    """Raises BadInput, TooLarge."""
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except TooLarge:
        raise
    except (MultiPartException, HTTPException, ValueError, LookupError) as error:
        raise BadInput("The form cannot be read.") from error
    if twice := said_twice(form):
        raise twice
    return form


def same_origin(request: Request, product: Product) -> None:
    """Browsers name the page that posts; only our own may. Raises Forbidden."""
    public = urlsplit(product.settings.public_url)
    ours = {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}
    if (
        request.headers.get("origin") not in ours
        or request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
    ):
        raise Forbidden("This form was not sent from a page of ours.")


def allow(desk: Desk, what: str) -> None:
    """Raises Forbidden."""
    if not desk.may(what):
        raise Forbidden(f"The role {desk.actor.role} may not {what}.")


Seated = Annotated[Desk, Depends(seated)]
Posted = Annotated[FormData, Depends(posted)]
elsewhere = APIRouter(route_class=ConsoleRoute)


@elsewhere.get("/{rest:path}")
async def nowhere(rest: str, desk: Seated) -> Response:
    """Any other address under /console."""
    raise HTTPException(404, "There is no such page.")
