"""For machines that watch us: alive, ready, metrics. No token."""

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.auth import Served
from api.problems import MEDIA_TYPE, problem
from graph.metrics import MEDIA_TYPE as EXPOSITION
from graph.watch import trouble

router = APIRouter(tags=["operations"])
NOT_READY: Final[dict[int | str, dict[str, Any]]] = {
    503: {
        "description": "`not_ready`",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=NOT_READY)
async def readyz(product: Served) -> Response:
    """Submissions would be stored: the ledger takes a write and the disk has room."""
    if found := await trouble(product):
        return problem(503, "not_ready", found)
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, product: Served) -> Response:
    """Prometheus metrics."""
    page = await request.app.state.metrics.page(product)
    return Response(page, media_type=EXPOSITION)
