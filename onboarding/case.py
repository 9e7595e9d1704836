"""The case as everybody outside sees it: the public shape, its statuses, stages and actions."""

from typing import Final, Literal

from pydantic import Field, JsonValue

from onboarding.application import Application
from onboarding.assessment import Drafts, ModelUse, Recommendation, Requirement, Risk, ScreeningHit
from onboarding.basis import Basis
from onboarding.finding import Finding
from onboarding.model import Value
from onboarding.reading.result import FieldSource

Status = Literal[
    "received",
    "processing",
    "in_review",
    "awaiting_information",
    "activating",
    "active",
    "rejected",
    "activation_failed",
    "withdrawn",
    "expired",
    "quarantined",
]
CLOSED: Final[frozenset[str]] = frozenset({"active", "rejected", "activation_failed", "withdrawn", "expired"})
MOVING: Final[frozenset[str]] = frozenset({"received", "processing", "activating"})
"""What a case passes through by itself: nobody outside is awaited."""

Stage = Literal["review", "second_review", "activation", "information", "service"]
"""What a case waits for. The first three are reviews by a person; ``information`` waits for the merchant and
``service`` for the clock (an outside service that did not answer is asked again later)."""

Action = Literal["approve", "reject", "request_information", "retry", "give_up"]
"""What a person can decide. ``retry`` and ``give_up`` belong to stage ``activation``."""

ALLOWED_ACTIONS: Final[dict[str, tuple[Action, ...]]] = {
    "review": ("approve", "reject", "request_information"),
    "second_review": ("approve", "reject", "request_information"),
    "activation": ("retry", "give_up"),
    "information": (),
    "service": (),
}
STATUS_OF_STAGE: Final[dict[str, Status]] = {
    "review": "in_review",
    "second_review": "in_review",
    "activation": "in_review",
    "information": "awaiting_information",
    "service": "activating",
}
Channel = Literal["api", "email", "console", "merchant", "clock"]


class CaseRecord(Value):
    """Everything PreOnboarding established: what a reviewer is shown, and what its hash binds a decision to."""

    version: int
    application: Application
    provenance: dict[str, FieldSource] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    recommendation: Recommendation
    risk: Risk
    summary: str
    requirements: list[Requirement] = Field(default_factory=list)
    screening: list[ScreeningHit] = Field(default_factory=list)
    model: ModelUse = ModelUse()
    drafts: Drafts | None = None
    policy_version: str
    basis: Basis | None = None
    """What the findings stand on; null in records of releases that did not keep it."""


class ReviewView(Value):
    id: str
    stage: Stage
    round: int
    allowed_actions: list[Action]
    second_required: bool = False
    opened_at: str
    due_at: str | None = None
    assignee: str | None = None
    shown_hash: str


class Asked(Value):
    """One thing the merchant was asked: the field and the words they read."""

    path: str
    text: str


class RequestView(Value):
    """What the merchant was asked and has not answered yet; their page and their letter say the same."""

    id: str
    round: int
    items: list[Asked]
    opened_at: str
    due_at: str | None = None


class DecisionView(Value):
    review_id: str
    stage: Stage
    action: str
    actor: str
    channel: Channel
    reason_codes: list[str] = Field(default_factory=list)
    told: list[str] = Field(default_factory=list)
    """Of a rejection: the reasons as the merchant reads them; empty where no address to write to is kept."""
    warnings: list[str] = Field(default_factory=list)
    """Of a rejection: which of its reason codes are none of ours and tell the merchant nothing specific, in words."""
    comment: str | None = None
    corrections: dict[str, JsonValue] = Field(default_factory=dict)
    at: str


class ActivationView(Value):
    service: Literal["svc1", "svc2"]
    status: str
    reference: str | None = None
    attempts: int
    round: int
    detail: str | None = None


class Links(Value):
    self: str
    events: str
    checkpoints: str
    console: str


class CaseView(Value):
    """The public case. ``recommendation``, ``risk`` and ``summary`` are null until PreOnboarding has finished."""

    id: str
    status: Status
    submitted_at: str
    updated_at: str
    external_ref: str | None = None
    application_version: int
    application: Application
    provenance: dict[str, FieldSource] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    requirements: list[Requirement] = Field(default_factory=list)
    recommendation: Recommendation | None = None
    risk: Risk | None = None
    summary: str | None = None
    model: ModelUse = ModelUse()
    drafts: Drafts | None = None
    policy_version: str | None = None
    review: ReviewView | None = None
    request: RequestView | None = None
    """What the merchant is asked while they are awaited, and until when; null otherwise."""
    decisions: list[DecisionView] = Field(default_factory=list)
    activations: list[ActivationView] = Field(default_factory=list)
    problem: str | None = None
    """Why the case was set aside or waits for an operator, in words; null while all is well."""
    copied_from: str | None = None
    """Set on a copy that was imported from a bundle: it can be looked at, nothing can be done on it."""
    erased_at: str | None = None
    """When the personal data of the case was erased on request."""
    links: Links
