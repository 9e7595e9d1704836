"""What a worker shows to machines that watch it: alive, ready, metrics; on a port of its own, and nothing else."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graph.metrics import MEDIA_TYPE, Metrics
from graph.wiring import Product
from onboarding.errors import OnboardingError
from onboarding.settings import BadSettings
from tools.listening import Server, bind

LEAST_FREE: Final = 50_000_000


async def trouble(product: Product) -> str | None:
    """Why nothing could be stored now, None when it could: the ledger takes a write and the disk has room.

    Raises StorageUnavailable.
    """
    await product.context.db.write(lambda tx: tx.conn.exec_driver_sql("SELECT 1").scalar())
    free = shutil.disk_usage(product.settings.data_dir).free
    return f"Only {free // 1_000_000} MB are free in the data folder." if free < LEAST_FREE else None


@asynccontextmanager
async def watched(product: Product, metrics: Metrics) -> AsyncIterator[str]:
    """``/healthz``, ``/readyz`` and ``/metrics`` at the configured address while this is open; yields their URL."""
    host, _, port = product.settings.worker_address.rpartition(":")
    if not host or not port.isdecimal():
        raise BadSettings("ONBOARD_WORKER_ADDRESS: it is `host:port`.")
    listener = bind(host.strip("[]"), int(port))
    server = Server(uvicorn.Config(_app(product, metrics), log_config=None, access_log=False, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def _app(product: Product, metrics: Metrics) -> Starlette:
    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        try:
            problem = await trouble(product)
        except OnboardingError as error:
            problem = error.detail
        return JSONResponse({"status": problem or "ready"}, 503 if problem else 200)

    async def page(_: Request) -> Response:
        return Response(await metrics.page(product), media_type=MEDIA_TYPE)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", page)])
