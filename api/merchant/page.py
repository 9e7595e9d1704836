"""What all of a merchant's pages share: headers, limits, the checks of a posted form, and errors as pages."""

import hmac
import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from api.aside import aside
from api.auth import product_of
from api.console.page import HEADERS, MOST_FIELDS, same_origin, templates
from api.console.throttle import Throttle, place_of
from api.limits import TooLarge
from api.locales import locale_of, moment
from api.posted import said_twice
from api.problems import status_of
from graph.applying import uploaded
from graph.wiring import Product
from onboarding.errors import BadInput, Forbidden, LinkUnknown, OnboardingError
from onboarding.letters.fields import capital, label
from onboarding.submission import Part

FORMS_EACH: Final = (300, timedelta(minutes=15))
WRONG_EACH: Final = (60, timedelta(minutes=15))
LETTERS_EACH: Final = (5, timedelta(minutes=15))
BEGUN_EACH: Final = (20, timedelta(hours=1))
GIVEN_BACK_EACH: Final = (60, timedelta(minutes=15))
"""So many forms that come too often are read all the same, for what was typed to be given back."""
TOO_OFTEN: Final = "Too many tries from your address. Wait some minutes and try again."
MOST_FILES: Final = 10
ANSWER: Final = re.compile(r"answer_(\d{1,2})")
FIELD: Final = re.compile(r"(?!(?:csrf|do|shown|anyway|documents|request)$)[a-z_]+(\[\d{1,2}\])?(\.[a-z_]+)?")
"""A field of the form, not one of our own."""
BEFORE: Final = {"email": "Your e-mail address"}
"""Fields of ours that are asked for before there is an application."""
LONGEST_FIELD: Final = 200_000
"""Bytes of one field as it is read; what may be kept is less, and a longer one is given back with a word about it."""
templates.env.filters["local_moment"] = moment
NOT_STORED: Final = (
    "We could not store this just now, so nothing was saved or sent. What you typed is below: please try again in a "
    "minute. Files have to be chosen again."
)
UNKNOWN: Final = "This link does not work, or does not work any more. Please use the newest link we sent you."


class Gate:
    """How often one place may send forms, try links that are none and begin, and one address may get letters."""

    def __init__(self, product: Product) -> None:
        clock = product.context.clock
        self.forms, self.wrong = Throttle(*FORMS_EACH, clock), Throttle(*WRONG_EACH, clock)
        self.letters, self.begun = Throttle(*LETTERS_EACH, clock), Throttle(*BEGUN_EACH, clock)
        self.given_back = Throttle(*GIVEN_BACK_EACH, clock)


class CutShort(Exception):
    """A form of ours whose end could not be read, for ``error``; ``form`` is what had come until then."""

    def __init__(self, form: FormData, error: HTTPException | BadInput) -> None:
        self.form, self.words = form, error.detail
        self.status = status_of(error) if isinstance(error, OnboardingError) else error.status_code


class MerchantRoute(APIRoute):
    """Every answer carries the headers, every error is a page, and nobody tries too often."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            answer = await _answered(request, inner)
            if answer.status_code == 503:
                answer.headers["Retry-After"] = "60"
            for name, value in HEADERS.items():
                answer.headers[name] = value
            return answer

        return handle


async def _answered(request: Request, inner: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    if not product_of(request).settings.self_service:
        return sorry(request, "There is no such page.", 404)
    if request.method == "POST" and not gate_of(request).forms.allowed(place_of(request)):
        return await _too_many(request)
    try:
        return await inner(request)
    except LinkUnknown:
        known = gate_of(request).wrong.allowed(place_of(request))
        return sorry(request, UNKNOWN, 404) if known else too_often(request)
    except OnboardingError as error:
        return sorry(request, error.detail, status_of(error))
    except CutShort as cut:
        return sorry(request, cut.words, cut.status)
    except HTTPException as error:
        return sorry(request, str(error.detail), error.status_code)
    except RequestValidationError:
        return sorry(request, "This address cannot be read.", 422)


def gate_of(request: Request) -> Gate:
    gate: Gate = request.app.state.merchant_gate
    return gate


def show(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """A page, with dates as the reader writes them."""
    context |= {"locale": locale_of(request)}
    return templates.TemplateResponse(request, f"merchant/{template}", context, status_code=status)


def sorry(request: Request, words: str, status: int) -> HTMLResponse:
    """An error in words."""
    return show(request, "sorry.html", status, words=words)


def too_often(request: Request) -> HTMLResponse:
    """For whoever tries and tries."""
    return later(sorry(request, TOO_OFTEN, 429))


def later(answer: HTMLResponse) -> HTMLResponse:
    """An answer to who tries too often."""
    answer.headers["Retry-After"] = "300"
    return answer


async def _too_many(request: Request) -> HTMLResponse:
    """A form that came too often: not worked on, and what was typed into a page of ours is given back."""
    if not gate_of(request).given_back.allowed(place_of(request)):
        return too_often(request)
    try:
        form = await posted(request, request.path_params.get("token", ""))
    except CutShort as cut:
        form = cut.form
    except OnboardingError:
        return too_often(request)
    page = request.url.path.removesuffix("/answer").removesuffix("/withdraw")
    return later(given_back(request, answers_of(form), TOO_OFTEN, 429, onward=(page, "Back to the page")))


def csrf_of(product: Product, token: str) -> str:
    """What the forms behind this link carry; without a link, those of a page anybody may open."""
    return product.context.lookup.token("merchant-form", token)


async def posted(request: Request, token: str) -> FormData:
    """The form, if a page of ours behind this very link sent it. Raises Forbidden, BadInput, TooLarge, CutShort."""
    product = product_of(request)
    same_origin(request, product)
    form, error = await _read(request)
    if not hmac.compare_digest(str(form.get("csrf", "")).encode(), csrf_of(product, token).encode()):
        raise error or Forbidden("This form is not from this page. Open the page again.")
    if error is not None:
        raise CutShort(form, error)
    return form


class _InMemory(MultiPartParser):
    """Files are held in memory, where the byte cap bounds them: a full disk loses no form."""

    spool_max_size = 0


async def _read(request: Request) -> tuple[FormData, HTTPException | BadInput | None]:
    """What can be read of the form, and why the rest cannot."""
    items: list[tuple[str, str | UploadFile]] = []
    try:
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            form = await request.form(max_fields=MOST_FIELDS)
            return form, said_twice(form)
        limits = {"max_files": MOST_FILES, "max_fields": MOST_FIELDS, "max_part_size": LONGEST_FIELD}
        parser = _InMemory(request.headers, request.stream(), **limits)
        items = parser.items
        form = await parser.parse()
        return form, said_twice(form)
    except TooLarge as error:
        return _texts(items), error
    except (MultiPartException, HTTPException, ValueError, LookupError):
        return _texts(items), BadInput("The form cannot be read. Was a text or the number of files too large?")


def _texts(items: list[tuple[str, str | UploadFile]]) -> FormData:
    return FormData([(name, value) for name, value in items if isinstance(value, str)])


def given_back(
    request: Request, given: list[tuple[str, str]], words: str, status: int, *, onward: tuple[str, str] | None = None
) -> HTMLResponse:
    """What was not taken, in words, with what was typed for the writer to keep. ``onward``: ``(address, words)``."""
    onward = onward or ("/apply/resume", "Have your link sent to you again")
    return show(request, "given_back.html", status, typed=given, words=words, onward=onward)


def answers_of(form: FormData) -> list[tuple[str, str]]:
    """``(label, text)`` of all that was typed: the fields of an application, and answers in the order of the page."""
    found = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and value.strip()]
    numbered = [(f"Answer {int(match[1]) + 1}", text) for name, text in found if (match := ANSWER.fullmatch(name))]
    return numbered + by_label([(name, text) for name, text in found if FIELD.fullmatch(name)])


def by_label(given: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """``(path, text)`` as ``(label, text)``, without what is empty."""
    return [(BEFORE.get(path) or capital(label(path)), text) for path, text in given if text.strip()]


def typed(form: FormData, name: str) -> str:
    """One field as it was typed, line breaks of any browser as one."""
    value = form.get(name, "")
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


async def documents(form: FormData) -> tuple[list[Part], str | None]:
    """The files that were chosen and can be read, and a word about one that cannot; a browser sends an empty one when
    none was chosen.
    """
    found = [item for item in form.getlist("documents") if isinstance(item, UploadFile)]
    read = [(item.filename or "", await item.read()) for item in found]
    files = [(name, body) for name, body in read if name or body]
    return await aside(sum(len(body) for _, body in files), uploaded, files)
