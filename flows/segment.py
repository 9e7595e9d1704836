"""One flow run is one segment of a case: ``advance`` until it waits or ends, told as the state it truly came to."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.objects import State
from prefect.states import AwaitingRetry, Completed, Failed

from checkpoints import audit, cases, effects, reviews
from checkpoints.database import Tx
from flows.engine import this_run
from flows.product import Home, at_home
from flows.steps import watching
from graph import correspondence
from graph.housekeeping import SUSPECT
from graph.step import WATCH
from onboarding.errors import CaseNotFound, StorageUnavailable
from onboarding.settings import Settings

SET_ASIDE: Final = "SetAside"
NOT_ACTIVATED: Final = "NotActivated"
"""States that somebody has to do something about: Prefect's server acts on their events."""


async def run_segment(case_id: str) -> State[Any]:
    """Advance the case inside the product of this process; returns the state that the flow run ends in."""
    run = this_run()
    async with at_home() as home:
        context = home.product.context
        before = await context.db.write(partial(_begun, case_id, _named(run.id, context.settings)))
        if before is None:
            return Completed(name="NothingDue", message="Another run looked after it.")
        WATCH.set(watching(run.id, run.run_count))
        async with home.places.place(alone=before.attempts >= SUSPECT):
            await _advance(home, case_id)
        row, failed = await context.db.read(lambda tx: (cases.get(tx, case_id), _failed(tx, case_id)))
        return _ended(row, failed, correspondence.console(context, case_id))


def _named(run_id: UUID, settings: Settings) -> dict[str, str]:
    """The run as the case's trail names it, with its page where people can reach it."""
    named = {"engine": "prefect", "run": str(run_id)}
    return named | ({"page": f"{settings.prefect_ui_url}/runs/flow-run/{run_id}"} if settings.prefect_ui_url else {})


def _begun(case_id: str, named: dict[str, str], tx: Tx) -> Any | None:
    """The case's row if work is due; the trail then says which flow run looks after it."""
    try:
        row = cases.wanting(tx, case_id)
    except CaseNotFound:
        return None  # a run that was meant for another ledger
    if row is not None:
        audit.append(tx, case_id, "onboarding", "run.dispatched", named)
    return row


async def _advance(home: Home, case_id: str) -> None:
    try:
        await home.product.runner.advance(case_id)
    except StorageUnavailable:
        return  # the ledger says that the work is still due
    finally:
        home.product.engine.timer.letters()


def _failed(tx: Tx, case_id: str) -> str:
    """What became of each service, where a person has to say what now; else nothing."""
    wait = reviews.waiting(tx, case_id)
    if wait is None or wait.stage != "activation":
        return ""
    return ", ".join(f"{row['service']} {row['status'].replace('_', ' ')}" for row in effects.of_case(tx, case_id))


def _ended(row: Any, failed: str, page: str) -> State[Any]:
    """The state to end in. Its message, which the run's page shows, leads to the case."""
    if row.status == "quarantined":
        return Failed(name=SET_ASIDE, message=f"The case was set aside, an operator has to look at it: {page}")
    if failed and row.work_asked <= row.work_done:
        return Failed(name=NOT_ACTIVATED, message=f"Not activated ({failed}), a person has to say what now: {page}")
    if row.work_asked <= row.work_done:
        words = row.status.replace("_", " ")
        return Completed(name=words.title().replace(" ", ""), message=f"The case is {words}: {page}")
    if row.work_after is not None:
        again = datetime.fromisoformat(row.work_after)
        return AwaitingRetry(scheduled_time=again, message=f"A step failed; it is tried again: {page}")
    now = datetime.now(UTC)
    return AwaitingRetry(scheduled_time=now, message=f"Stopped between two steps; it goes on from there: {page}")
