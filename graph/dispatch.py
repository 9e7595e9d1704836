"""The seam to an engine: it gets ``advance`` called at least once when work is due; the ledger does the rest."""

from typing import Protocol


class Dispatcher(Protocol):
    """Losing a call loses nothing, because the sweep finds the case; calling twice does nothing twice."""

    def nudge(self, case_id: str, *, suspect: bool = False) -> None:
        """A case has work due. Returns at once and never fails; from the event loop's thread.

        ``suspect``: it was begun before without ending a step, so it is best run where it can take nobody with it.
        """

    async def start(self) -> None:
        """Begin to act on nudges."""

    async def stop(self) -> None:
        """Let what runs come to its next super-step, then stop; what is still due is found by the next sweep."""


class Elsewhere:
    """Runs nothing and calls nobody: another process sweeps the same ledger."""

    def nudge(self, case_id: str, *, suspect: bool = False) -> None:
        """Nothing."""

    async def start(self) -> None:
        """Nothing."""

    async def stop(self) -> None:
        """Nothing."""
