"""When a model does not help: the rules' result stands, and the case says so to a person."""

from agents.prompt import Prompt
from onboarding.finding import Evidence, Finding, finding
from onboarding.model_call import ModelGaveUp


def failed(prompt: Prompt, reason: ModelGaveUp) -> Finding:
    """MODEL_FAILED with what went wrong; it keeps the case from being approved on the rules' word alone."""
    return finding(
        "MODEL_FAILED",
        "The model did not answer here; the rules' result stands alone.",
        raised_by=prompt.author,
        evidence=[Evidence(source="model", detail=reason.detail[:300])],
    )
