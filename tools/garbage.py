"""Python's garbage collector, for processes that run for long and build much at their start."""

import gc
from typing import Final

EACH: Final = (20_000, 5, 10)
"""Objects made between two looks at the young, and looks between those at the older: what a run leaves behind is let
go after some hundred cases, not after thousands."""


def spare_the_collector() -> None:
    """What was built so far stays: the collector need not look at it again, nor look after every run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*EACH)
