"""The text of documents' pages that something was read from: read again for the page, beside it, and kept a while."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from api.console.source import Passage, pages_wanted
from onboarding.reading.documents import page_texts
from onboarding.submission import Part

PATIENCE: Final = 1.5
"""Seconds that a page waits for all its documents; what takes longer is there the next time."""
KEPT: Final = 16
"""Documents."""
AT_ONCE: Final = 2
Texts = dict[int, str]


class Pages:
    """One reading for all who look; a document that takes long to read holds up nobody's page."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._readings: OrderedDict[tuple[str, frozenset[int]], asyncio.Task[Texts]] = OrderedDict()
        self._free = asyncio.Semaphore(AT_ONCE)

    async def of(self, parts: Sequence[Part], wanted: Iterable[Passage]) -> dict[int, Texts | None]:
        """The wanted pages by the number of the part; None where they are not at hand yet."""
        passages = list(wanted)
        numbers = {index: pages_wanted(part, passages) for index, part in enumerate(parts)}
        tasks = {index: self._reading(parts[index], pages) for index, pages in numbers.items() if pages}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._patience)
        return {index: task.result() if task.done() else None for index, task in tasks.items()}

    def _reading(self, part: Part, numbers: frozenset[int]) -> asyncio.Task[Texts]:
        key = (hashlib.sha256(str(part.content).encode("utf-8", "surrogatepass")).hexdigest(), numbers)
        if key not in self._readings:
            self._readings[key] = asyncio.create_task(self._read(part, numbers))
        self._readings.move_to_end(key)
        while len(self._readings) > KEPT:
            self._readings.popitem(last=False)
        return self._readings[key]

    async def _read(self, part: Part, numbers: frozenset[int]) -> Texts:
        async with self._free:
            return await asyncio.to_thread(page_texts, part, numbers)
