"""A queue of jobs for one thread that takes all that waits at once."""

import asyncio
import threading
from typing import Final

from checkpoints.transaction import Job
from onboarding.errors import StorageUnavailable

_BATCH: Final = 2048
LINGER: Final = 0.004
"""Seconds for which rows that nobody waits for are held back, to be committed with those that follow."""


class JobQueue:
    """Many put, one takes. Nothing put is ever left behind: after ``close`` the taker gets the rest, then nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Semaphore(0)
        self._waiting: list[Job] = []
        self._asleep = False
        self._lingering = False
        self._closed = False

    def put(self, job: Job, *, urgent: bool = True) -> None:
        """Queue a job. Raises StorageUnavailable once closed. What is not urgent waits a little for company."""
        with self._lock:
            if self._closed:
                raise StorageUnavailable("The database is closed.")
            self._waiting.append(job)
        if urgent:
            self._nudge()
        elif not self._lingering:
            self._lingering = True
            asyncio.get_running_loop().call_later(LINGER, self._linger_ends)

    def take(self, seconds: float | None = None) -> list[Job] | None:
        """Everything that waits, nothing once ``seconds`` are over without any; None when closed and drained."""
        while True:
            with self._lock:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                if batch:
                    return batch
                if self._closed:
                    return None
                self._asleep = True
            if not self._wake.acquire(timeout=seconds):
                return []

    def hurry(self) -> None:
        """Somebody waits now for what was put. From any thread."""
        self._nudge()

    def close(self) -> bool:
        """Refuse what comes from now on. False when it was closed before."""
        with self._lock:
            closed, self._closed = self._closed, True
        self._wake.release()
        return not closed

    @property
    def closed(self) -> bool:
        return self._closed

    def _linger_ends(self) -> None:
        self._lingering = False
        self._nudge()

    def _nudge(self) -> None:
        with self._lock:
            wake = self._asleep and bool(self._waiting)
            if wake:
                self._asleep = False
        if wake:
            self._wake.release()
