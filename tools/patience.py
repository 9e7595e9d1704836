"""How long we wait for others: timeouts, jittered backoff, and what a service asks for with ``Retry-After``."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, TypeVar

from onboarding.errors import ServiceRefused

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """All in seconds. ``deadline`` bounds a whole chain of attempts and waits; ``attempt`` one request in full."""

    deadline: float = 60.0
    attempt: float = 20.0
    connect: float = 5.0
    read: float = 15.0
    first_wait: float = 0.25
    max_wait: float = 10.0

    def wait_after(self, attempt: int, asked: float | None = None) -> float:
        """Seconds to wait after the ``attempt``-th failure (from 1); never less than the service ``asked`` for."""
        step = min(self.max_wait, self.first_wait * 2 ** min(attempt - 1, 16))
        jittered = random.uniform(step / 2, step)  # noqa: S311 - spreads load, guards nothing
        return jittered if asked is None else max(jittered, asked + jittered / 10)


class Budget:
    """What is left of a deadline, on the monotonic clock: a jump of the wall clock changes nothing."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._ends - self._clock())


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds a ``Retry-After`` header asks for (RFC 9110 10.2.3: seconds or an HTTP date), None if unreadable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


class Again(Exception):
    """This request may be repeated. ``unknown``: it may have been carried out all the same; ``asked``: Retry-After."""

    def __init__(self, outcome: str, *, unknown: bool, asked: float | None = None) -> None:
        self.outcome, self.unknown, self.asked = outcome, unknown, asked
        super().__init__(outcome)


async def nothing_known(_: Budget) -> Any:
    """For requests that are harmless to repeat: there is nobody to ask first."""
    return None


async def persist(
    once: Callable[[Budget], Awaitable[T]],
    patience: Patience,
    *,
    known: Callable[[Budget], Awaitable[T | None]],
    tell: Callable[[int, str], Awaitable[None]],
    doubt: bool,
) -> tuple[T, int]:
    """Repeat ``once`` until it is done, refused, or the deadline is over; returns the result and the attempts made.

    After an unknown outcome (or at once, if there is ``doubt`` from an earlier run) ``known`` is asked before anything
    is repeated, and again before the end of patience or a refusal is believed: while an earlier request may have been
    carried out and nobody says otherwise, a refusal is only one more unknown outcome.
    Own loop and not stamina's: between two attempts we must ask, tell the ledger, and not wait past the deadline.
    Raises :class:`ServiceRefused`, or the last :class:`Again`.
    """
    budget, attempt, ask = Budget(patience.deadline), 0, doubt
    while True:
        if ask and (done := await _asked(known, budget)) is not None:
            break
        attempt += 1
        await tell(attempt, "started")
        try:
            try:
                done = await once(budget)
            except ServiceRefused as refused:
                await tell(attempt, f"refused: {refused.extra['status']}")
                if not doubt or (done := await _sure(known, budget)) is None:
                    raise
                break
        except Again as failed:
            await tell(attempt, failed.outcome)
            ask, doubt = failed.unknown, doubt or failed.unknown
            wait = patience.wait_after(attempt, failed.asked)
            if wait < budget.left():
                await asyncio.sleep(wait)
            elif doubt and (done := await _asked(known, budget)) is not None:
                break
            else:
                raise
        else:
            await tell(attempt, "done")
            return done, attempt
    await tell(attempt, "found by key")
    return done, attempt


async def _asked(known: Callable[[Budget], Awaitable[T | None]], budget: Budget) -> T | None:
    """What is known, None also when nothing was learnt: the same key is repeated then, which is safe."""
    try:
        return await known(budget)
    except (Again, ServiceRefused):
        return None


async def _sure(known: Callable[[Budget], Awaitable[T | None]], budget: Budget) -> T | None:
    """What is known, None only when the service says that it knows nothing. Raises :class:`Again`."""
    try:
        return await known(budget)
    except (Again, ServiceRefused):
        raise Again("refused, and no look-up by key", unknown=True) from None
