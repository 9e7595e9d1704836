"""The cases that this process runs, each under a lease of its own where other processes may want to run it too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from langchain_core.runnables import RunnableConfig

from checkpoints import leases
from checkpoints.database import T, Tx, Work
from graph.context import Context
from onboarding.errors import LeaseLost, StorageUnavailable


@dataclass
class Lease:
    """The right to run one case. ``token`` None: nobody else is there (SQLite)."""

    case_id: str
    context: Context
    """The product's, with a database that refuses to write once the lease is lost."""
    token: int | None = None
    scope: asyncio.Timeout | None = field(default=None, repr=False)

    @property
    def config(self) -> RunnableConfig:
        """What the graph is called with: the checkpoints carry the token."""
        fence = {} if self.token is None else {"fence": self.token}
        return {"configurable": {"thread_id": self.case_id} | fence}

    async def last(self, work: Work[T]) -> T:
        """Run the last write of a run: the case is free when it is committed. Raises LeaseLost."""

        def ending(tx: Tx) -> T:
            result = work(tx)
            self.release(tx)
            return result

        return await self.context.db.write(ending)

    def release(self, tx: Tx) -> None:
        if self.token is not None:
            leases.release(tx, self.case_id, self.token)


class Leases:
    """Takes leases and renews them together, as long as there are any."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seconds = context.settings.lease_seconds
        self._kept: dict[str, Lease] = {}
        self._renewing: asyncio.Task[None] | None = None

    def take(self, tx: Tx, case_id: str, *, due: bool = True) -> Lease | None:
        """The lease of the case, or None when another process has it or (``due``) no work is due."""
        db = self._context.db
        if db.owner is None:
            return Lease(case_id, self._context)
        token = leases.take(tx, case_id, db.owner, self._seconds, due=due)
        if token is None:
            return None
        return Lease(case_id, replace(self._context, db=leases.Fenced(db, case_id, token)), token)

    @asynccontextmanager
    async def keeping(self, lease: Lease) -> AsyncIterator[None]:
        """Inside, the lease is renewed; once another runner has it, what runs inside is cancelled. Raises LeaseLost.

        A loop that was busy for longer than the lease goes on if nobody took the case meanwhile: every write is
        checked anyway, and an effect is noted by such a write before its call.
        """
        if lease.token is None:
            yield
            return
        try:
            async with asyncio.timeout(None) as lease.scope:
                self._kept[lease.case_id] = lease
                try:
                    self._renew()
                    yield
                finally:
                    del self._kept[lease.case_id]
        except TimeoutError:
            if lease.scope is not None and lease.scope.expired():
                raise LeaseLost() from None
            raise

    def _renew(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_while_needed())

    async def _renew_while_needed(self) -> None:
        while self._kept:
            await asyncio.sleep(leases.sign_seconds(self._seconds))
            held: dict[str, int] = {id_: lease.token for id_, lease in self._kept.items() if lease.token is not None}
            try:
                kept = await self._context.db.write(partial(leases.renew, tokens=held, seconds=self._seconds))
            except StorageUnavailable:
                continue  # whoever needs it finds out by the next write
            for case_id, token in held.items():
                if case_id not in kept:
                    self._lost(case_id, token)

    def _lost(self, case_id: str, token: int) -> None:
        lease = self._kept.get(case_id)
        if lease is not None and lease.token == token and lease.scope is not None and not lease.scope.expired():
            lease.scope.reschedule(asyncio.get_running_loop().time())
