"""Long work on what came in, beside the loop: one request's megabytes hold up nobody else's."""

import asyncio
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
SMALL: Final = 64_000
"""Bytes that are read in a few milliseconds, which a thread's hop is not worth."""


async def aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do ``work`` on ``size`` bytes: here when they are few, else in a thread."""
    if size <= SMALL:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
