"""For machines that watch us: alive, ready, metrics. No token."""

import shutil
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.auth import Served
from api.problems import MEDIA_TYPE, problem

router = APIRouter(tags=["operations"])
LEAST_FREE: Final = 50_000_000
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
    await product.context.db.write(lambda tx: tx.conn.exec_driver_sql("SELECT 1").scalar())
    free = shutil.disk_usage(product.settings.data_dir).free
    if free < LEAST_FREE:
        return problem(503, "not_ready", f"Only {free // 1_000_000} MB are free in the data folder.")
    return JSONResponse({"status": "ready"})


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, product: Served) -> Response:
    """Prometheus metrics."""
    page = await request.app.state.metrics.page(product)
    return Response(page, media_type="text/plain; version=0.0.4; charset=utf-8")
