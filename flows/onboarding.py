"""Onboarding: from a decision to the activated, or declined, merchant."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.segment import run_segment


@flow(name="onboarding", persist_result=False, validate_parameters=False)
async def onboarding(case_id: str, asked: int = 0, attempt: int = 0) -> State[Any]:
    """Carry out what was decided on ``case_id``; ends with the case, or when somebody is awaited.

    ``asked`` and ``attempt`` are what the run's idempotency key is made of; what is due, the ledger says.
    """
    return await run_segment(case_id)
