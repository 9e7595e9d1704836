"""Postprocessing: risk, recommendation, summary and requirements, computed from the findings."""

from langchain_core.language_models.chat_models import BaseChatModel

from onboarding.assess import assess
from onboarding.assessment import Assessment, Validation
from onboarding.policy import Policy
from onboarding.reading.result import Reading


async def postprocess(
    reading: Reading, validation: Validation, *, policy: Policy, model: BaseChatModel | None = None
) -> Assessment:
    """Judge the whole case. The recommendation and its reasons come from code, never from a model."""
    return assess(reading, validation, policy=policy)
