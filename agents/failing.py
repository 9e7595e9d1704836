"""When a model does not help: the rules' result stands, and the case says so to a person."""

import logging
from collections.abc import Awaitable
from typing import TypeVar

from agents.prompt import Prompt
from onboarding.errors import OnboardingError
from onboarding.finding import Evidence, Finding, finding
from onboarding.model_call import ModelGaveUp

T = TypeVar("T")
_log = logging.getLogger("onboard.model")


async def helped(work: Awaitable[T]) -> T:
    """What a model's help comes to. Whatever goes wrong in it, the case goes on by rules: raises ModelGaveUp.

    Errors of ours (the storage is gone, a recording is missing) are not the model's and pass.
    """
    try:
        return await work
    except OnboardingError:
        raise
    except Exception as error:
        _log.exception("the model's help failed")
        raise ModelGaveUp(f"unexpected {type(error).__name__}") from error


def failed(prompt: Prompt, reason: ModelGaveUp) -> Finding:
    """MODEL_FAILED with what went wrong; it keeps the case from being approved on the rules' word alone."""
    return finding(
        "MODEL_FAILED",
        "The model did not answer here; the rules' result stands alone.",
        raised_by=prompt.author,
        evidence=[Evidence(source="model", detail=reason.detail[:300])],
    )
