"""What was posted and the rows of state around it, committed together: the trail is never behind the checkpoints."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from checkpoints import audit, leases
from checkpoints.transaction import Job, Tx, Work, orphaned
from onboarding.errors import LeaseLost, StorageUnavailable


class Posts:
    """Runs posted work in as few transactions as it takes. In the lane's thread."""

    def __init__(self, transact: Callable[[Work[Any]], Any]) -> None:
        self._transact = transact

    def together(self, batch: Sequence[Job]) -> bool:
        """All in one transaction, in the order it came. False when there is nothing to gain, or anything was refused:

        nothing of it stays then.
        """
        if all(job.work is None for job in batch):
            return False
        sinks = {job.sink for job in batch if job.sink is not None}
        try:
            self._transact(partial(_all, batch))
        except Exception as error:  # noqa: BLE001 - each is tried alone, and what it raises is its own then
            away = isinstance(error, StorageUnavailable)
            for job in batch:
                job.error = error if away else None
            for sink in sinks:
                sink.rolled_back()
            return away
        for sink in sinks:
            sink.committed()
        return True

    def alone(self, job: Job) -> None:
        """One piece of posted work in a transaction of its own."""
        try:
            self._transact(partial(_posted, [job]))
        except Exception as error:  # noqa: BLE001 - the lane tells of it, or tries again
            job.error = error


def _all(batch: Sequence[Job], tx: Tx) -> None:
    """Posted work first: what it tells of is in the rows, or came before them."""
    _posted([job for job in batch if job.work is not None], tx)
    for sink, jobs in groupby((job for job in batch if job.sink is not None), key=lambda job: job.sink):
        assert sink is not None
        sink.write(tx, [job for job in jobs if not orphaned(job)])


def _posted(jobs: Sequence[Job], tx: Tx) -> None:
    leased = {job.held for job in jobs if job.held is not None}
    tokens = dict(leased)
    if len(tokens) < len(leased):
        raise LeaseLost("Of two runs of one case only the later has it.")
    if tokens:
        leases.hold_all(tx, tokens)
        audit.hold_all(tx, tokens)
    for job in jobs:
        assert job.work is not None
        job.result = job.work(tx)
