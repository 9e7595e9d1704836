"""Errors as RFC 9457 problem details: one table from the error family to HTTP, one shape for all of them."""

import logging
import uuid
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from onboarding import door, errors, settings

MEDIA_TYPE: Final = "application/problem+json"
STATUS_OF: Final[dict[type[errors.OnboardingError], int]] = {
    errors.OnboardingError: 500,
    errors.BadInput: 422,
    door.MalformedInput: 400,
    errors.InvalidDecision: 422,
    errors.CaseNotFound: 404,
    errors.IdempotencyKeyReused: 422,
    errors.Conflict: 409,
    errors.AlreadyDecided: 409,
    errors.CaseChanged: 409,
    errors.CaseReassigned: 409,
    errors.NotWaiting: 409,
    errors.LeaseLost: 409,
    errors.Forbidden: 403,
    errors.FourEyes: 403,
    errors.SignInRefused: 403,
    errors.ProviderUnavailable: 502,
    errors.Unauthorized: 401,
    errors.LinkExpired: 410,
    errors.LinkUnknown: 404,
    errors.StorageUnavailable: 503,
    errors.ServiceUnavailable: 502,
    errors.ServiceRefused: 502,
    errors.GateRefused: 500,
    errors.TamperedRecord: 500,
    errors.ReviewTampered: 409,
    errors.UnknownGraphVersion: 500,
    errors.OtherInstallation: 500,
    errors.NewerLedger: 500,
    errors.DataDirInUse: 500,
    errors.RecordingMissing: 409,
    settings.BadSettings: 500,
}
CODE_OF: Final = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
_log = logging.getLogger("onboard.api")


class FieldProblem(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457. ``code`` is stable, ``detail`` is for people, ``errors`` name fields; a code may add members."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[FieldProblem] = Field(default_factory=list)


def problem(status: int, code: str, detail: str | None = None, **extra: Any) -> JSONResponse:
    """One problem document as a response."""
    body = Problem(title=code.replace("_", " ").capitalize(), status=status, code=code, detail=detail, **extra)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}.get(status)
    return JSONResponse(body.model_dump(mode="json"), status, headers=headers, media_type=MEDIA_TYPE)


def codes() -> str:
    """Every code an answer may carry, in words for the document."""
    ours = {kind.code: (status, (kind.__doc__ or "").split("\n")[0]) for kind, status in STATUS_OF.items()}
    others = {code: (status, code.replace("_", " ").capitalize() + ".") for status, code in CODE_OF.items()}
    others["invalid_request"] = (422, "A field of the request is not valid; `errors` names it.")
    others["not_ready"] = (503, "The service is not ready.")
    told = sorted((ours | others).items(), key=lambda item: (item[1][0], item[0]))
    return "\n".join(f"* `{code}` ({status}): {words}" for code, (status, words) in told)


def status_of(error: errors.OnboardingError) -> int:
    """The status of the nearest class in the table."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def of(error: errors.OnboardingError) -> JSONResponse:
    """The problem document of one of our errors."""
    status, extra = status_of(error), dict(error.extra)
    if field := extra.pop("field", None):
        extra["errors"] = [{"field": str(field), "message": error.detail}]
    detail = error.detail if status < 500 or status == 503 else (type(error).__doc__ or "").split("\n")[0]
    return problem(status, error.code, detail, **extra)


def install(app: FastAPI) -> None:
    """Answer every error of the family, of FastAPI and of Starlette, and everything unforeseen, as a problem."""

    @app.exception_handler(errors.OnboardingError)
    async def ours(request: Request, error: errors.OnboardingError) -> JSONResponse:
        if isinstance(error, errors.CaseNotFound) and (actor := getattr(request.state, "actor", None)):
            # in the log and not in a trail: nobody writes into another client's case by asking for it
            _log.warning(
                "a case was asked for that this caller has not",
                extra={"actor": actor.name, "path": request.url.path[:200]},
            )
        return of(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"field": _path(item["loc"]), "message": item["msg"]} for item in error.errors()]
        return problem(
            422, "invalid_request", "; ".join(f"{f['field']}: {f['message']}" for f in fields), errors=fields
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, CODE_OF.get(error.status_code, "http_error"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        error_id = uuid.uuid4().hex[:12]
        _log.exception("unforeseen error", extra={"error_id": error_id})
        return problem(500, "internal_error", f"Something went wrong here; error id {error_id}.", error_id=error_id)


def _path(loc: tuple[int | str, ...]) -> str:
    """``("body", "request", 0, "path")`` as ``request[0].path``."""
    out = ""
    for part in loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else str(part)
    return out or str(loc[0] if loc else "request")


def problems_content() -> dict[str, Any]:
    """The content of a problem document, for OpenAPI."""
    return {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def responses(*kinds: type[errors.OnboardingError], also: tuple[int, ...] = ()) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of the errors a call can answer with; every call may answer 401, 403, 503 and 500."""
    by_status: dict[int, list[str]] = {401: ["unauthorized"], 403: ["forbidden"], 500: ["internal_error"]}
    by_status[503] = ["storage_unavailable"]
    for kind in kinds:
        by_status.setdefault(STATUS_OF[kind], []).append(kind.code)
    for status in also:
        by_status.setdefault(status, []).append(CODE_OF[status])
    return {
        status: {
            "description": ", ".join(f"`{code}`" for code in dict.fromkeys(codes)),
            "content": problems_content(),
        }
        for status, codes in sorted(by_status.items())
    }
