"""To reviewers: please decide. Everything needed to decide at a glance; the full picture is in the console."""

from collections.abc import Sequence
from datetime import datetime

from onboarding.application import Application
from onboarding.assessment import Assessment
from onboarding.finding import SEVERITIES, Finding
from onboarding.letters.fields import capital, label
from onboarding.letters.letter import Block, Facts, Letter, Link, Points, Say, letter
from onboarding.letters.words import name, when

TOP_FINDINGS = 8


def approval_request(
    *,
    case_id: str,
    application: Application,
    findings: Sequence[Finding],
    missing: Sequence[str],
    assessment: Assessment,
    due_at: datetime,
    approve_url: str | None,
    reject_url: str | None,
    console_url: str,
    changed: Sequence[str] = (),
    approved_before_by: str | None = None,
) -> Letter:
    """``changed`` as ``changes`` gives it, after new information; ``approved_before_by``: this is the second approval.

    A link is left out where the review does not allow its action. The links open a page; nothing is decided by opening.
    """
    merchant, risk = name(application.legal_name), assessment.risk
    task = "Second approval" if approved_before_by else "Decision"
    blocks: list[Block] = [
        Say(f"{task} needed: {merchant}"),
        Facts(_facts(case_id, application, assessment, due_at, approved_before_by)),
        Say(assessment.summary),
        Points("What changed since the last review", changed),
        Points("Findings", _top(findings)),
        Points("Missing", [capital(label(path)) for path in missing]),
        *([Link("Approve (opens a page to confirm)", approve_url)] if approve_url else []),
        *([Link("Reject (opens a page to confirm)", reject_url)] if reject_url else []),
        Link("Look at everything", console_url),
        Say("These links are personal. Please do not forward this letter."),
    ]
    return letter(f"{task} needed ({application.country or '??'}, {risk.level} risk): {merchant}", blocks)


def _facts(
    case_id: str,
    application: Application,
    assessment: Assessment,
    due_at: datetime,
    approved_before_by: str | None,
) -> list[tuple[str, str]]:
    advice, risk = assessment.recommendation, assessment.risk
    rows = [
        ("Merchant", name(application.legal_name)),
        ("Country", application.country or "not stated"),
        ("Risk", f"{risk.level} ({risk.score} of 100)"),
        ("Recommendation", advice.action),
        ("Because of", _reasons(advice.reasons)),
        ("Please decide by", when(due_at)),
        ("Case", case_id),
    ]
    if approved_before_by:
        rows.insert(1, ("Approved first by", f"{approved_before_by} (the second approval must be another person's)"))
    return rows


def _reasons(reasons: Sequence[str]) -> str:
    shown = [
        f"missing {label(reason.removeprefix('MISSING:'))}" if reason.startswith("MISSING:") else reason
        for reason in reasons
    ]
    return (", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")) or "nothing found"


def _top(findings: Sequence[Finding]) -> list[str]:
    """The worst first; what is left is counted."""
    worst = sorted(findings, key=lambda one: SEVERITIES.index(one.severity), reverse=True)
    lines = [f"{one.severity.upper()} {one.code}: {one.message}" for one in worst[:TOP_FINDINGS]]
    left = len(worst) - len(lines)
    return [*lines, f"and {left} more in the console"] if left else lines
