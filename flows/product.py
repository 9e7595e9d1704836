"""The product that this process opened, for the flows that run in it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from graph.places import Places
from graph.wiring import Product, open_product, running
from onboarding.settings import Settings


class Home:
    """An open product, and the places in which this process runs its cases."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.places = Places()


_open: Final[list[Home]] = []


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Home]:
    """Open the product as a worker has it: once for all flow runs of this process."""
    async with open_product(settings, self_url=settings.public_url, role="worker") as product, running(product):
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
