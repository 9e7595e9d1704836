"""A call to a language model as we keep it: what was asked (by hash), what came back, what it cost.

The seam between who reaches the model (``tools/model.py``), who asks it (``agents/``) and who remembers
(``checkpoints/recordings.py``). None of them needs to know the others.
"""

from typing import Any, Literal

from pydantic import Field

from onboarding.errors import OnboardingError
from onboarding.model import Value

CallOutcome = Literal["answered", "malformed", "refused", "unavailable", "timed_out", "gave_up"]
"""``answered`` and ``malformed`` brought text back (and cost money); the others did not.
``gave_up`` is no call: it notes why a question was left without an answer, so that a replay leaves it so too."""
PAID: frozenset[CallOutcome] = frozenset({"answered", "malformed"})


class Reply(Value):
    """One raw answer. ``finish`` is the endpoint's word for why it ended (``stop``, ``length``, …)."""

    text: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    finish: str | None = None


class ModelCall(Value):
    """One call. ``request_hash`` is over everything sent, so that an equal request can be answered from here.

    ``cost`` is a decimal string in the price table's currency; ``detail`` says what was wrong, without content.
    """

    step: str
    sequence: int
    request_hash: str
    prompt_id: str
    prompt_version: str
    prompt_hash: str
    model: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    reply: Reply | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str = "0"
    latency_ms: int = 0
    outcome: CallOutcome
    detail: str | None = None


class Spent(Value):
    """What the calls on a case cost so far. ``seconds`` is time spent waiting for the endpoint."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str = "0"
    seconds: float = 0.0


class ModelUnavailable(OnboardingError):
    """The model endpoint did not answer in time; it may be asked again."""

    code = "model_unavailable"


class ModelRefused(OnboardingError):
    """The model endpoint refused the request for good."""

    code = "model_refused"


class ModelGaveUp(OnboardingError):
    """The model was asked and did not help: the rules' result stands and a person looks."""

    code = "model_failed"
