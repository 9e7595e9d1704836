"""A worker: runs cases and serves no one, but for what machines watch: alive, ready, metrics."""

import asyncio
import signal
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from api import operations, problems
from api.metrics import Metrics
from api.serve import Server, bind
from graph.wiring import Product, open_product, running
from onboarding.settings import Settings


async def work(settings: Settings, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Run cases until SIGTERM or SIGINT, then drain. ``ready`` is called with the URL of the metrics."""
    listener = bind(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    metrics, stopped = Metrics(), asyncio.Event()
    async with open_product(settings, self_url=settings.public_url, role="worker", observer=metrics) as product:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, stopped, product)
        config = uvicorn.Config(_watched(product, metrics), log_config=None, access_log=False, lifespan="off")
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        async with running(product):
            ready(url)
            await stopped.wait()
        server.should_exit = True
        await task


def _stop(stopped: asyncio.Event, product: Product) -> None:
    product.runner.drain()
    stopped.set()


def _watched(product: Product, metrics: Metrics) -> FastAPI:
    """``/healthz``, ``/readyz`` and ``/metrics`` as on the service, and nothing else."""
    app = FastAPI(title="Worker", openapi_url=None)
    problems.install(app)
    app.include_router(operations.router)
    app.state.product = product
    app.state.metrics = metrics
    return app
