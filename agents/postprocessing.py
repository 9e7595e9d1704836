"""Postprocessing: risk, recommendation, summary and requirements, computed from the findings."""

from agents.failing import failed, helped
from agents.talk import Talk
from agents.writing import prompt, write_up
from onboarding.assess import assess
from onboarding.assessment import Assessment, Validation
from onboarding.model_call import ModelGaveUp
from onboarding.policy import Policy
from onboarding.reading.result import Reading


async def postprocess(
    reading: Reading, validation: Validation, *, policy: Policy, talk: Talk | None = None
) -> Assessment:
    """Judge the whole case. The recommendation and its reasons come from code, never from a model.

    A model may add drafts of texts; when it cannot be had, the case says so and is judged with that finding.
    """
    judged = assess(reading, validation, policy=policy)
    if talk is None or talk.model.alone:
        return judged
    try:
        drafts, dropped = await helped(write_up(reading, validation, judged, talk))
    except ModelGaveUp as reason:
        more = [failed(prompt(), reason)]
        told = validation.model_copy(update={"findings": [*validation.findings, *more]})
        return assess(reading, told, policy=policy).model_copy(update={"findings": more})
    return judged.model_copy(update={"drafts": drafts, "ungrounded": dropped})
