"""A decision, as a person gives it, and the pure rules that say who may give which."""

from typing import Annotated, Final

from pydantic import Field, JsonValue

from onboarding.case import Action, CaseRecord, Channel
from onboarding.finding import Finding
from onboarding.model import Value

BINDING_CORRECTIONS: Final = ("bank", "persons", "ownership")
"""A correction of where the money goes or who owns the merchant needs a second person."""


ReasonCode = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:.\[\]-]{1,200}$")]
"""A finding's code, ``MISSING:<path>``, or a code of the reviewer's own: no prose, it stands in the audit trail."""


class RequestItem(Value):
    """One thing to ask the merchant: the field and the words they will read."""

    path: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=2000)


class Decision(Value):
    """What was decided on one review. ``corrections`` are ``{path: value}`` and make the next application version."""

    action: Action
    reason_codes: list[ReasonCode] = Field(default_factory=list, max_length=20)
    comment: str | None = Field(default=None, max_length=5000)
    corrections: dict[str, JsonValue] = Field(default_factory=dict, max_length=100)
    request: list[RequestItem] = Field(default_factory=list, max_length=50)


class Resolution(Value):
    """What ended a wait: a person's decision, the merchant's answer, or the clock. This is what resumes the graph."""

    review_id: str
    action: str
    actor: str
    channel: Channel
    version: int | None = None
    """The application version to go on with, when the resolution made a new one."""


def second_required(record: CaseRecord, corrected: list[str]) -> bool:
    """Whether approving takes two people: high risk, overriding a high or critical finding, or a correction

    (made earlier on this case) of bank or ownership.
    """
    overrides = any(item.severity in ("high", "critical") for item in record.findings)
    touched = any(path.split(".")[0].split("[")[0] in BINDING_CORRECTIONS for path in corrected)
    return record.risk.level == "high" or overrides or touched or record.recommendation.action == "reject"


def worst(findings: list[Finding]) -> list[Finding]:
    """Findings by severity, worst first, then by code."""
    order = {"critical": 0, "high": 1, "warning": 2, "info": 3}
    return sorted(findings, key=lambda item: (order[item.severity], item.code, item.path or ""))
