"""The product that this process opened, for the flows that run in it."""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from graph.metrics import Metrics
from graph.places import Places
from graph.watch import watched
from graph.wiring import Product, open_product, running
from onboarding.settings import Settings


class Home:
    """An open product, and the places in which this process runs its cases."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.places = Places()


_open: Final[list[Home]] = []
_log = logging.getLogger("onboard.prefect")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Home]:
    """Open the product as a worker has it: once for all flow runs of this process."""
    metrics = Metrics()
    async with (
        open_product(settings, self_url=settings.public_url, role="worker", observer=metrics) as product,
        watched(product, metrics) as url,
        running(product),
    ):
        _log.info("metrics on %s/metrics", url)
        _open.append(home := Home(product))
        try:
            yield home
        finally:
            _open.remove(home)


@asynccontextmanager
async def at_home() -> AsyncIterator[Home]:
    """The product of this process; under a worker of another type, which starts a process a run, one for this run."""
    if _open:
        yield _open[-1]
        return
    async with opened(Settings.from_environment(os.environ)) as home:
        yield home
