"""The graph API for backends and reviewers: submit, read, decide, answer, withdraw.

A backend's token reaches the cases that its own client submitted; any other is ``case_not_found`` to it.
"""

import hashlib
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BeforeValidator, Field, JsonValue, ValidationError

from api.aside import aside
from api.auth import Admin, Decider, Reader, Served, Submitter
from api.bodies import ANSWERS, APPLICATION, DECISION, ROWS
from api.intake import idempotency, intake, is_json, json_body
from api.problems import responses
from graph.service import PAGE
from onboarding import errors
from onboarding.case import CaseView, Status
from onboarding.decision import Decision
from onboarding.door import MalformedInput, json_value, make_part
from onboarding.model import Value
from onboarding.rows import Row
from onboarding.submission import Part

router = APIRouter(prefix="/v1/cases", tags=["cases"])
MAX_REFERENCE: Final = 200
_EMPTY_IS_NONE: Final = BeforeValidator(lambda value: None if value == "" else value)
"""`?status=&limit=` is a form nobody filled in, not a filter."""
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200, min_length=1)]


class CaseList(Value):
    items: list[CaseView]
    next_cursor: str | None = None


class RowResult(Value):
    """How one CSV row fared: a case, or a problem."""

    row: int
    status: int
    case: CaseView | None = None
    problem: dict[str, JsonValue] | None = None


class RowResults(Value):
    items: list[RowResult]


SEARCHED: Final = (
    "Words of the names, of the registration number or of the e-mail address, all of them; of names also how a word "
    "begins (3 to 15 letters). Or the whole reference, or the id."
)


class DecisionBody(Decision):
    """A decision, and the review it is meant for; ``review_id`` may be left out while exactly one review waits."""

    review_id: str | None = Field(default=None, max_length=100)


@router.post(
    "",
    status_code=202,
    response_model=CaseView,
    openapi_extra={"requestBody": APPLICATION},
    responses={200: {"model": CaseView, "description": "This key and body came before: the same case."}, **ROWS}
    | responses(errors.BadInput, MalformedInput, errors.IdempotencyKeyReused, also=(413, 415)),
)
async def submit(
    request: Request,
    product: Served,
    actor: Submitter,
    key: IdempotencyKey = None,
    external_ref: Annotated[str | None, Query(max_length=MAX_REFERENCE, pattern=r"^[^\x00-\x1f]*$")] = None,
) -> Response:
    """Submit an application. Answered only once it is durable. A CSV makes one case a row.

    ``external_ref`` is the caller's own reference; a JSON application may carry it as a field instead.
    """
    body = await intake(request)
    applications = [body.parts] if body.parts else [[row.part] for row in body.rows if row.part]
    idem = idempotency(key, body.body_hash)
    if len(body.rows) == 1 and not applications:
        raise errors.BadInput(f"row 1 {body.rows[0].problem}", field="row 1")
    found, new = await product.service.submit(
        actor, applications, key=idem, external_ref=external_ref or _reference(body.parts)
    )
    status = 202 if new else 200
    if len(body.rows) > 1:
        return _rows(body.rows, iter(found), status)
    return answer(found[0], status, headers={"Location": found[0].links.self})


def answer(case: CaseView, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The public case, written out once: what stands in it was checked when it was made."""
    return Response(case.model_dump_json(), status, headers, media_type="application/json")


def _reference(parts: list[Part]) -> str | None:
    """The backend's own reference, where a JSON application carries it."""
    content = parts[0].content if parts else None
    found = content.get("external_ref") if isinstance(content, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= MAX_REFERENCE and found.isprintable() else None


def _rows(rows: list[Any], found: Any, status: int) -> Response:
    results = []
    for row in rows:
        if row.part is not None:
            results.append(RowResult(row=row.number, status=status, case=next(found)))
        else:
            told = {
                "status": 422,
                "code": "bad_input",
                "title": "Bad input",
                "detail": f"row {row.number} {row.problem}",
            }
            results.append(RowResult(row=row.number, status=422, problem=told))
    return JSONResponse(RowResults(items=results).to_json(), 207)


@router.get("", response_model=CaseList, responses=responses(errors.BadInput))
async def listed(
    product: Served,
    actor: Reader,
    status: Annotated[Status | None, _EMPTY_IS_NONE] = None,
    q: Annotated[str | None, Query(max_length=200, description=SEARCHED)] = None,
    recommendation: Annotated[Literal["approve", "review", "reject"] | None, _EMPTY_IS_NONE] = None,
    assignee: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int | None, Query(ge=1, le=200, description="Default 50."), _EMPTY_IS_NONE] = None,
    cursor: Annotated[str | None, Query(max_length=20, pattern=r"^[0-9]+$"), _EMPTY_IS_NONE] = None,
) -> CaseList:
    """Cases, newest first. A backend's token lists those of its own client."""
    filters = {"status": status, "recommendation": recommendation, "assignee": assignee or None}
    if any("\x00" in text for text in (q or "", assignee or "")):
        raise errors.BadInput("q: a NUL character cannot be searched for.", field="q")
    before = min(int(cursor), 2**62) if cursor else None
    items, after = await product.service.listed(
        filters=filters, q=q, before=before, limit=limit or PAGE, client=actor.client
    )
    return CaseList(items=items, next_cursor=str(after) if after is not None else None)


@router.get("/{case_id}", response_model=CaseView, responses=responses(errors.CaseNotFound))
async def get(
    case_id: str,
    request: Request,
    product: Served,
    actor: Reader,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the case to rest.")] = 0,
) -> Response:
    """The case. With ``wait`` answered as soon as somebody outside is awaited or the case is closed, or after it."""
    if wait:
        await request.app.state.watchers.rested(product, case_id, wait, actor.client)
    return answer(await product.service.get(case_id, actor.client))


@router.post(
    "/{case_id}/decision",
    response_model=CaseView,
    openapi_extra={"requestBody": DECISION},
    responses=responses(
        errors.CaseNotFound,
        errors.AlreadyDecided,
        errors.CaseChanged,
        errors.NotWaiting,
        errors.ReviewTampered,
        errors.FourEyes,
        errors.InvalidDecision,
        MalformedInput,
        also=(413, 415),
    ),
)
async def decide(case_id: str, request: Request, product: Served, actor: Decider) -> Response:
    """Decide the waiting review. The same decision again changes nothing; a different one is refused."""
    body = _decision(await json_body(request))
    decision = Decision.from_json(body.model_dump(exclude={"review_id"}))
    case = await product.service.decide(actor, case_id, decision, review_id=body.review_id, channel="api")
    return answer(case)


def _decision(document: JsonValue) -> DecisionBody:
    try:
        return DecisionBody.model_validate(document)
    except ValidationError as error:
        found = [(("body", *item["loc"]), item["msg"]) for item in error.errors(include_input=False)]
        raise RequestValidationError([{"loc": loc, "msg": message} for loc, message in found]) from error


@router.post(
    "/{case_id}/information",
    response_model=CaseView,
    openapi_extra={"requestBody": ANSWERS},
    responses=responses(
        errors.CaseNotFound,
        errors.NotWaiting,
        errors.ReviewTampered,
        errors.BadInput,
        errors.IdempotencyKeyReused,
        MalformedInput,
        also=(413, 415),
    ),
)
async def inform(
    case_id: str, request: Request, product: Served, actor: Submitter, key: IdempotencyKey = None
) -> Response:
    """The answer to a request for information: answers by path, text, or documents."""
    if is_json(request):
        raw = await request.body()
        parts = [await aside(len(raw), lambda: _answers(json_value(raw)))]
        body_hash = hashlib.sha256(raw).hexdigest()
    else:
        body = await intake(request)
        parts, body_hash = body.parts or [_readable(row) for row in body.rows], body.body_hash
    idem = idempotency(key, f"{case_id}:{body_hash}")
    return answer(await product.service.inform(actor, case_id, parts, key=idem))


def _readable(row: Row) -> Part:
    """The part of a row. An answer is taken whole or not at all. Raises BadInput."""
    if row.part is None:
        raise errors.BadInput(f"row {row.number} {row.problem}", field=f"row {row.number}")
    return row.part


def _answers(document: JsonValue) -> Part:
    answers = document.get("answers") if isinstance(document, dict) else None
    if not isinstance(answers, dict) or not answers or set(document) != {"answers"}:  # type: ignore[arg-type]
        raise errors.BadInput('answers: send {"answers": {path: value}}.', field="answers")
    return make_part(answers, "json", kind="answers")


@router.post("/{case_id}/withdraw", response_model=CaseView, responses=responses(errors.CaseNotFound, errors.Conflict))
async def withdraw(case_id: str, product: Served, actor: Submitter) -> Response:
    """End an open case."""
    return answer(await product.service.withdraw(actor, case_id))


@router.post("/{case_id}/release", response_model=CaseView, responses=responses(errors.CaseNotFound, errors.Conflict))
async def release(case_id: str, product: Served, actor: Admin) -> Response:
    """Take a case out of quarantine and try again from where it stands."""
    return answer(await product.service.release(actor, case_id))
