"""Places to run in: many at once, but a suspect alone, so that a crash is nobody else's fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Places:
    """Who runs in this process, and who may come in."""

    def __init__(self) -> None:
        self._active = 0
        self._loners = 0
        self._changed = asyncio.Condition()

    @property
    def taken(self) -> int:
        """How many run."""
        return abs(self._active)

    @asynccontextmanager
    async def place(self, *, alone: bool = False) -> AsyncIterator[None]:
        """A place to run in; ``alone`` waits until nobody else runs and lets nobody in."""
        async with self._changed:
            self._loners += alone  # whoever wants to be alone goes first, or a busy day would never let it
            try:
                await self._changed.wait_for(
                    lambda: self._active == 0 if alone else self._active >= 0 and not self._loners
                )
            finally:
                self._loners -= alone
            self._active = -1 if alone else self._active + 1
        try:
            yield
        finally:
            async with self._changed:
                self._active = 0 if alone else self._active - 1
                self._changed.notify_all()

    async def empty(self) -> None:
        """Return once nobody runs."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._active == 0)
