"""A worker: runs cases and serves no one, but for what machines watch."""

import asyncio
import signal
from collections.abc import Callable

from graph.metrics import Metrics
from graph.watch import watched
from graph.wiring import Product, open_product, running
from onboarding.settings import BadSettings, Settings
from tools.garbage import spare_the_collector


async def work(settings: Settings, ready: Callable[[str], None]) -> None:
    """Run cases until SIGTERM or SIGINT, then drain. ``ready`` is called with the URL of the metrics."""
    if settings.engine == "prefect":
        raise BadSettings("ONBOARD_ENGINE: the workers of Prefect are started by `python -m flows.worker`.")
    metrics, stopped, loop = Metrics(), asyncio.Event(), asyncio.get_running_loop()
    async with (
        open_product(settings, self_url=settings.public_url, role="worker", observer=metrics) as product,
        watched(product, metrics) as url,
    ):
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, stopped, product)
        async with running(product):
            spare_the_collector()
            ready(url)
            await stopped.wait()


def _stop(stopped: asyncio.Event, product: Product) -> None:
    product.runner.drain()
    stopped.set()
