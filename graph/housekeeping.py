"""What must happen now and then, as verbs: the in-process engine calls them on a timer, other engines schedule them.

Each is idempotent, does a bounded piece of work and raises StorageUnavailable only.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

from checkpoints import outbox
from checkpoints.saver import LedgerSaver
from graph import clock, rescreening, upkeep
from graph.builder import Graph
from graph.context import Context
from graph.dispatch import Dispatcher
from graph.relay import Deliver, relay

SUSPECT: Final = 2
"""Begun this often without ending a step: from then on it runs alone, so that a crash is nobody else's fault."""
RESCREEN_SECONDS: Final = 600.0
"""How often those who became active meanwhile are looked for, while the list stays the same."""


class Housekeeping:
    """The verbs over one context."""

    def __init__(self, context: Context, graph: Graph, dispatcher: Dispatcher, deliver: Deliver) -> None:
        self.context = context
        self._graph = graph
        self._dispatcher = dispatcher
        self._deliver = deliver
        self._screened = 0
        self._again = 0.0

    async def tick(self) -> None:
        """End the waits whose time has come."""
        await clock.tick(self.context)

    async def sweep(self) -> int:
        """Have every case advanced that has work due; returns how many."""
        due = await clock.due(self.context)
        for case_id, attempts in due:
            self._dispatcher.nudge(case_id, suspect=attempts >= SUSPECT)
        return len(due)

    async def relay(self, going: Callable[[], bool] = lambda: True) -> int:
        """Send every letter that is due, while ``going`` says so; returns how many were taken."""
        taken = 0
        while going() and (now := await relay(self.context, self._deliver, going)):
            taken += now
        return taken

    async def take_up_letters(self) -> None:
        """Nothing is on the wire: what was taken and not sent is free again. Elsewhere others may be sending."""
        if self.context.db.dialect == "sqlite":
            await self.context.db.write(outbox.take_up)

    async def seal(self) -> bool:
        """Seal the audit trail, if it is time; returns whether it was sealed."""
        return await upkeep.seal(self.context)

    async def rescreen(self) -> int:
        """Screen some active merchants again if the list changed or some time has passed; returns how many came up."""
        path = self.context.settings.watchlist
        if path is None or (self._screened == (changed := path.stat().st_mtime_ns) and monotonic() < self._again):
            return 0
        found, more = await rescreening.rescreen(self.context)
        if not more:
            self._screened, self._again = changed, monotonic() + RESCREEN_SECONDS
        return found

    async def prune(self) -> int:
        """Let cases closed long ago shed their checkpoints; returns how many did."""
        saver = self._graph.checkpointer
        return await upkeep.prune(self.context, saver) if isinstance(saver, LedgerSaver) else 0
