"""PreOnboarding: from a submission, or from new information, to the review that a person is asked for."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.segment import run_segment


@flow(name="pre-onboarding", persist_result=False, validate_parameters=False)
async def pre_onboarding(case_id: str, asked: int = 0, attempt: int = 0) -> State[Any]:
    """Read, check and judge the application ``case_id``; ends when somebody is awaited.

    ``asked`` and ``attempt`` are what the run's idempotency key is made of; what is due, the ledger says.
    """
    return await run_segment(case_id)
