"""The letters of chasing: to who has the case, to senior reviewers, and to the merchant. One a case, step and round."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from checkpoints import access, cases, outbox, reviews, submissions
from checkpoints.database import Tx
from graph import correspondence, merchant_links
from graph.context import Context
from onboarding.assessment import Requirement
from onboarding.case import CaseRecord
from onboarding.chasing import Step
from onboarding.errors import BadInput
from onboarding.letters.escalation import escalation
from onboarding.letters.information_reminder import information_reminder
from onboarding.letters.letter import Letter
from onboarding.letters.message import parse_address
from onboarding.letters.people import named
from onboarding.letters.reminder import reminder
from onboarding.letters.still_looking import still_looking

Write = Callable[[Tx, Context, Any, Any], int]
"""``(tx, context, case row, review row)``: queue the step's letters, return how many."""


def remind(tx: Tx, ctx: Context, case: Any, review: Any) -> int:
    """Before the due time, to who has it."""
    return _remind(tx, ctx, case, review, overdue=False)


def overdue(tx: Tx, ctx: Context, case: Any, review: Any) -> int:
    """After the due time, to who has it."""
    return _remind(tx, ctx, case, review, overdue=True)


def _remind(tx: Tx, ctx: Context, case: Any, review: Any, *, overdue: bool) -> int:
    letter = reminder(**_about(tx, ctx, case, review), overdue=overdue)
    kind = f"reminder:{review.stage}:{'overdue' if overdue else 'soon'}"
    return _send(tx, kind, review, holders(tx, ctx, case, review), letter)


def escalate(tx: Tx, ctx: Context, case: Any, review: Any) -> int:
    """Long after the due time, to the seniors; where there are none, to all reviewers."""
    listed = ctx.settings.reviewer_addresses
    seniors = [address for address in access.seniors(tx, listed) if reachable(address)]
    letter = escalation(**_about(tx, ctx, case, review), assignee=case.assignee)
    return _send(tx, f"escalation:{review.stage}", review, seniors or listed, letter)


def notice(tx: Tx, ctx: Context, case: Any, review: Any) -> int:
    """To a merchant who has waited for our decision for long; one for each version of the application."""
    record = cases.record_of(tx, case)
    if record is None or not record.application.contact.email:
        return 0
    letter = still_looking(
        case_id=case.id,
        legal_name=record.application.legal_name,
        since=datetime.fromisoformat(submissions.received_at(tx, case.id, case.version) or case.submitted_at),
        link=merchant_links.to_case(tx, ctx, case.id, "still_looking", case.version),
    )
    to = record.application.contact.email
    return outbox.queue(tx, case.id, "still_looking", case.version, to, letter.to_json(), review_id=review.id)


def ask_again(tx: Tx, ctx: Context, case: Any, review: Any) -> int:
    """To a merchant who owes us an answer."""
    record = cases.record_of(tx, case)
    if record is None or not record.application.contact.email:
        return 0
    letter = information_reminder(
        case_id=case.id,
        legal_name=record.application.legal_name,
        requirements=[Requirement.from_json(item) for item in reviews.shown(tx, review)["request"]],
        due_at=datetime.fromisoformat(review.due_at),
        link=merchant_links.to_case(tx, ctx, case.id, "information_reminder", review.round),
        people=named(record),
    )
    return _send(tx, "information_reminder", review, [record.application.contact.email], letter)


WRITTEN: Final[dict[Step, Write]] = {
    "remind": remind,
    "overdue": overdue,
    "escalate": escalate,
    "notice": notice,
    "ask_again": ask_again,
}


def holders(tx: Tx, ctx: Context, case: Any, review: Any) -> list[str]:
    """Who is to be reminded: the assignee if a letter can reach them, else every reviewer who may still decide."""
    if case.assignee:
        mine = sorted(name for name in access.person(tx, case.assignee).names if reachable(name))
        if mine:
            return mine[:1]
    first = None
    if review.stage == "second_review":
        made = [row for row in reviews.decisions_of(tx, case.id) if row.version == review.version]
        first = next((access.person(tx, row.actor) for row in made if row.action == "approve"), None)
    return [to for to in ctx.settings.reviewer_addresses if first is None or not first.is_named(to)]


def reachable(name: str) -> bool:
    """Whether a letter can be sent to this name."""
    try:
        return "@" in parse_address(name).addr_spec
    except BadInput:
        return False


def _about(tx: Tx, ctx: Context, case: Any, review: Any) -> dict[str, Any]:
    record: CaseRecord | None = cases.record_of(tx, case)
    return {
        "case_id": case.id,
        "legal_name": record.application.legal_name if record else None,
        "country": case.country,
        "risk_level": case.risk_level or "unknown",
        "waiting_since": datetime.fromisoformat(review.opened_at),
        "due_at": datetime.fromisoformat(review.due_at or review.opened_at),
        "console_url": correspondence.console(ctx, case.id),
    }


def _send(tx: Tx, kind: str, review: Any, addresses: Iterable[str], letter: Letter) -> int:
    body = letter.to_json()
    return sum(
        outbox.queue(tx, review.case_id, kind, review.round, address, body, review_id=review.id)
        for address in addresses
    )
