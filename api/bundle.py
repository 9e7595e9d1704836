"""A case to take away: a SQLite file with everything that was recorded of it, or an HTML file to be read."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.auth import Reader, Served
from api.console.file import answer
from api.problems import responses
from graph import archive
from graph.dossier import dossier
from onboarding import errors

router = APIRouter(prefix="/v1/cases/{case_id}", tags=["trail"])
MEDIA_TYPE: Final = "application/vnd.sqlite3"
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}, "description": "The bundle."}
}


PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The file."}
}


@router.get(
    "/bundle",
    response_class=Response,
    responses=FILE | responses(errors.CaseNotFound, errors.RecordingMissing),
)
async def bundle(
    case_id: str,
    product: Served,
    actor: Reader,
    redact: Annotated[bool, Query(description="Personal data under pseudonyms; documents left out.")] = False,
) -> Response:
    """The case as one SQLite file that Datasette shows and `onboard checkpoints import` reads. Noted in its trail."""
    body = await archive.packed(product.context, case_id, actor, redacted=redact)
    name = {"Content-Disposition": f'attachment; filename="case-{case_id}.db"'}
    return Response(body, media_type=MEDIA_TYPE, headers=name)


@router.get("/file", response_class=Response, responses=PAGE | responses(errors.CaseNotFound))
async def file(case_id: str, product: Served, actor: Reader) -> Response:
    """Everything that led to the case's outcome as one HTML file that needs no network. Noted in its trail."""
    return answer(await dossier(product.service, product.runner, actor, case_id))
