"""What judgement produces: the checks' result, and what follows from it."""

from typing import Any, Literal

from pydantic import Field

from onboarding.application import Application
from onboarding.finding import Finding
from onboarding.model import Value

Action = Literal["approve", "review", "reject"]


class Prior(Value):
    """An earlier application that an indexed look-up found: candidates for duplicates and shared accounts."""

    case_id: str
    application: Application


class ScreeningHit(Value):
    """One list entry that came close, with everything needed to explain and to remember the score.

    ``score`` and ``name_score`` are 0 to 1; ``verdict`` per policy section 6; ``features`` name what changed the score.
    """

    subject: str
    entry_id: str
    entry_name: str
    topics: list[str]
    name_score: float
    score: float
    verdict: Literal["strong", "possible", "discounted"]
    features: dict[str, Any] = Field(default_factory=dict)
    algorithm: str
    list_version: str


class Validation(Value):
    """All findings (reading's included), what is missing, and every screening hit, kept to be remembered."""

    findings: list[Finding] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    screening: list[ScreeningHit] = Field(default_factory=list)
    ungrounded: int = 0
    """Claims of the model that no source bears out: dropped."""


class Recommendation(Value):
    """What the rules advise; a person confirms. ``reasons`` are finding codes and ``MISSING:<path>``."""

    action: Action
    reasons: list[str] = Field(default_factory=list)


class RiskReason(Value):
    code: str
    points: int


class Risk(Value):
    """``score`` 0 to 100 as the capped sum of the reasons' points; ``level`` by thresholds of the policy file."""

    score: int
    level: Literal["low", "medium", "high"]
    reasons: list[RiskReason] = Field(default_factory=list)


class Requirement(Value):
    """One thing to ask the merchant: which field, why in words safe to send, and how to cure it."""

    path: str
    why: str
    cure: str

    @property
    def words(self) -> str:
        """What the merchant reads."""
        return f"{self.why} {self.cure}".strip()


class ModelUse(Value):
    """What the model cost on this case (``cost`` a decimal string); ``name`` None: the agents worked by rules alone."""

    name: str | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: str = "0"
    ungrounded: int = 0
    """What it said without ground, and was dropped."""


class Drafts(Value):
    """Texts a model wrote from the case record, for a person to use or not; ``author`` ``model:<prompt>@<version>``."""

    author: str
    summary: str | None = None
    letter: str | None = None


class Assessment(Value):
    """Postprocessing's result: everything a reviewer is shown beside the application and its findings."""

    recommendation: Recommendation
    risk: Risk
    summary: str
    requirements: list[Requirement] = Field(default_factory=list)
    drafts: Drafts | None = None
    findings: list[Finding] = Field(default_factory=list)
    """Only what judging itself raises: MODEL_FAILED when the drafts could not be had."""
    ungrounded: int = 0
