"""Posted work that the storage failed: nobody waits for it and nobody would do it again, so it is tried again here.

One by one, so that work with which something is wrong takes nobody along; and it is given up once it has failed again
and again while the storage took other work.
"""

from collections.abc import Collection, Sequence
from typing import Final

from checkpoints.transaction import Job
from onboarding.errors import StorageUnavailable

MOST: Final = 2048
"""Pieces that are kept; what comes on top is lost, and told in the log."""
CHANCES: Final = 5
PAUSE: Final = 0.5
"""Seconds after which it is tried again by itself."""


class Unstored:
    """What is to be tried again, in the order in which it failed. Not for two threads at once."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._failed: dict[Job, tuple[int, int]] = {}
        self._resting = False

    @property
    def pause(self) -> float | None:
        """Seconds until the next try, None while there is nothing to try."""
        return PAUSE if self._jobs else None

    def after(self, batch: Sequence[Job], commits: int) -> Collection[Job]:
        """Those of a batch that was tried which are to be tried again, as if nothing had happened to them.

        ``commits`` counts what the storage has taken so far.
        """
        kept: list[Job] = []
        for job in batch if self._failed or any(job.error for job in batch) else ():
            before, failures = self._failed.pop(job, (commits, 0))
            failures += commits > before
            if self._may_be_stored(job) and failures < CHANCES and len(self._failed) < MOST:
                self._failed[job] = commits, failures
                job.error = None
                kept.append(job)
        self._jobs += kept  # what failed alone goes behind the others, or it would hold them up for ever
        self._resting = self._resting or bool(kept)
        return kept

    @staticmethod
    def _may_be_stored(job: Job) -> bool:
        return job.work is not None and job.future is None and isinstance(job.error, StorageUnavailable)

    def wake(self) -> None:
        """The time has come, or the storage may be better by now."""
        self._resting = False

    def take(self) -> Job | None:
        """The next one to be tried, in a transaction of its own."""
        return self._jobs.pop(0) if self._jobs and not self._resting else None

    def rest(self) -> list[Job]:
        """All that is left, for one last try."""
        left, self._jobs = self._jobs, []
        return left
