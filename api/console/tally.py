"""How many cases wait, for the head of the queue: counted beside the pages and not for each of them."""

import asyncio
from datetime import datetime
from typing import Final, NamedTuple

from checkpoints.desk import Counts
from graph import desk as verbs
from graph.wiring import Product

FRESH: Final = 2.0
"""Seconds for which a count is shown as it is; then the next page has it counted anew, and does not wait for it."""
STALE: Final = 10.0
"""Seconds after which a page waits for the new count."""


class Counted(NamedTuple):
    """The counts, and when they were taken."""

    counts: Counts
    at: datetime


class Tally:
    """One count for all who look, taken by one at a time."""

    def __init__(self, product: Product) -> None:
        self._product = product
        self._counted: Counted | None = None
        self._running: asyncio.Task[Counted] | None = None

    async def now(self, client: str | None = None) -> Counted:
        """The counts, at most :data:`STALE` seconds old; of a client's own cases of this moment.

        Raises StorageUnavailable.
        """
        if client is not None:
            return Counted(await verbs.counts(self._product.service, client), self._product.context.clock())
        known = self._counted
        age = (self._product.context.clock() - known.at).total_seconds() if known is not None else STALE
        if known is not None and 0 <= age < FRESH:
            return known
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._count())
        return known if known is not None and 0 <= age < STALE else await asyncio.shield(self._running)

    async def _count(self) -> Counted:
        counts = await verbs.counts(self._product.service)
        self._counted = Counted(counts, self._product.context.clock())
        return self._counted
