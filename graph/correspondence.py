"""What the nodes write to people: composed from the ledger, queued in the transaction of what it tells of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from checkpoints import access, cases, outbox, reviews
from checkpoints.database import Tx
from graph import merchant_links
from graph.context import Context
from onboarding.assessment import Assessment, Requirement
from onboarding.case import CaseRecord
from onboarding.decision import worst
from onboarding.letters.activation_problem import Outcome, activation_problem
from onboarding.letters.approval_request import approval_request
from onboarding.letters.case_quarantined import case_quarantined
from onboarding.letters.changes import changes
from onboarding.letters.closed_unanswered import closed_unanswered
from onboarding.letters.information_request import information_request
from onboarding.letters.letter import Letter
from onboarding.letters.new_screening_hit import new_screening_hit
from onboarding.letters.people import named
from onboarding.letters.reasons import chosen
from onboarding.letters.rejection import rejection
from onboarding.letters.welcome import welcome as welcome_letter

LINK_ACTIONS: Final = ("approve", "reject")


def marker(action: str, review_id: str) -> str:
    """Stands in a queued letter where the one-time token goes when it is sent: the token itself is never stored."""
    return f"{action}-{review_id}"


def _queue(
    tx: Tx, case_id: str, kind: str, round_: int, recipient: str, letter: Letter, review_id: str | None = None
) -> None:
    outbox.queue(tx, case_id, kind, round_, recipient, letter.to_json(), review_id=review_id)


def console(ctx: Context, case_id: str) -> str:
    """Where the case stands at the desk."""
    return f"{ctx.settings.public_url.rstrip('/')}/console/cases/{case_id}"


def ask_reviewers(
    tx: Tx, ctx: Context, case_id: str, record: CaseRecord, review_id: str, *, besides: str | None = None
) -> None:
    """The approval request to every reviewer, but not to ``besides``, who approved first."""
    review = reviews.find(tx, review_id) if ctx.settings.reviewer_addresses else None
    if review is None:
        return
    link = f"{ctx.settings.public_url.rstrip('/')}/review/"
    letter = approval_request(
        case_id=case_id,
        application=record.application,
        findings=worst(record.findings),
        missing=record.missing,
        assessment=Assessment(
            recommendation=record.recommendation,
            risk=record.risk,
            summary=record.summary,
            requirements=record.requirements,
        ),
        due_at=datetime.fromisoformat(review.due_at or review.opened_at),
        approve_url=link + marker("approve", review_id),
        reject_url=link + marker("reject", review_id),
        console_url=console(ctx, case_id),
        changed=_changed(tx, case_id, review_id, record),
        approved_before_by=besides,
    )
    first = access.person(tx, besides) if besides is not None else None
    for address in ctx.settings.reviewer_addresses:
        if first is None or not first.is_named(address):
            _queue(tx, case_id, f"approval_request:{review.stage}", review.round, address, letter, review_id)


def _changed(tx: Tx, case_id: str, review_id: str, record: CaseRecord) -> list[str]:
    """What is different from the version that was shown before this one."""
    before = [
        row for row in reviews.decisions_of(tx, case_id) if row.stage == "review" and row.version < record.version
    ]
    last = reviews.find(tx, before[-1].review_id) if before else None
    if last is None or last.id == review_id:
        return []
    return changes(reviews.shown_record(tx, last).record.application, record.application)


def requested(tx: Tx, case_id: str, review_id: str) -> list[dict[str, Any]]:
    """What the decision asks for: the reviewer's own items, else the requirements that were shown."""
    decided = reviews.decision_on(tx, review_id)
    asked = reviews.body_of(tx, decided).get("request", []) if decided is not None else []
    if asked:
        return [Requirement(path=item["path"], why=item["text"], cure="").to_json() for item in asked]
    record = cases.record_of(tx, cases.get(tx, case_id))
    return [item.to_json() for item in record.requirements] if record else []


def ask_merchant(
    tx: Tx, ctx: Context, case_id: str, items: Sequence[dict[str, Any]], due_at: str, review_id: str
) -> None:
    """The information request, if the merchant left an address to write to."""
    review, record = reviews.find(tx, review_id), cases.record_of(tx, cases.get(tx, case_id))
    if record is None or review is None or not record.application.contact.email:
        return
    letter = information_request(
        case_id=case_id,
        legal_name=record.application.legal_name,
        requirements=[Requirement.from_json(item) for item in items],
        due_at=datetime.fromisoformat(due_at),
        link=merchant_links.to_case(tx, ctx, case_id, "information_request", review.round),
        people=named(record),
    )
    _queue(tx, case_id, "information_request", review.round, record.application.contact.email, letter, review_id)


def report_activation(tx: Tx, ctx: Context, case_id: str, review_id: str, outcomes: Sequence[dict[str, Any]]) -> None:
    """Tell the reviewers that activation failed and what was undone."""
    review, record = reviews.find(tx, review_id), cases.record_of(tx, cases.get(tx, case_id))
    if record is None or review is None:
        return
    letter = activation_problem(
        case_id=case_id,
        legal_name=record.application.legal_name,
        country=record.application.country,
        outcomes=[
            Outcome(service=item["service"], status=item["status"], attempts=item["attempts"], detail=item["detail"])
            for item in outcomes
        ],
        due_at=datetime.fromisoformat(review.due_at or review.opened_at),
        console_url=console(ctx, case_id),
    )
    for address in ctx.settings.reviewer_addresses:
        _queue(tx, case_id, "activation_problem", review.round, address, letter, review_id)


def welcome(tx: Tx, ctx: Context, case_id: str) -> None:
    """The one letter a merchant gets when both services are active."""
    record = cases.record_of(tx, cases.get(tx, case_id))
    if record is not None and record.application.contact.email:
        link = merchant_links.to_case(tx, ctx, case_id, "welcome")
        letter = welcome_letter(case_id=case_id, legal_name=record.application.legal_name, link=link)
        _queue(tx, case_id, "welcome", 1, record.application.contact.email, letter)


def rejection_draft(ctx: Context, case_id: str, record: CaseRecord, codes: Sequence[str]) -> Letter | None:
    """The rejection notice as it would leave with these reasons; None while there is no address to write to."""
    if not record.application.contact.email:
        return None
    link = merchant_links.url(ctx, "/merchant/their-own-link") if ctx.settings.self_service else None
    return _rejection(case_id, record, codes, link)


def _rejection(case_id: str, record: CaseRecord, codes: Sequence[str], link: str | None) -> Letter:
    codes = chosen(codes, record.recommendation.reasons)
    return rejection(case_id=case_id, legal_name=record.application.legal_name, reason_codes=codes, link=link)


def decline(tx: Tx, ctx: Context, case_id: str, review_id: str) -> None:
    """The rejection notice: the reviewer's reason codes, else the recommendation's; sentences from the fixed table."""
    record, decided = cases.record_of(tx, cases.get(tx, case_id)), reviews.decision_on(tx, review_id)
    if record is None or decided is None or not record.application.contact.email:
        return
    codes = reviews.body_of(tx, decided).get("reason_codes", [])
    letter = _rejection(case_id, record, codes, merchant_links.to_case(tx, ctx, case_id, "rejection"))
    _queue(tx, case_id, "rejection", 1, record.application.contact.email, letter)


def report_closing(tx: Tx, ctx: Context, case_id: str, review_id: str) -> None:
    """Tell the merchant that the application expired, and what was still asked for."""
    review, record = reviews.find(tx, review_id), cases.record_of(tx, cases.get(tx, case_id))
    if record is None or review is None or not record.application.contact.email:
        return
    asked = reviews.shown(tx, review)["request"] if review.stage == "information" else []
    paths = [item["path"] for item in asked]
    link = merchant_links.to_case(tx, ctx, case_id, "closed_unanswered")
    whose = record.application.legal_name
    letter = closed_unanswered(case_id=case_id, legal_name=whose, asked=paths, link=link, people=named(record))
    _queue(tx, case_id, "closed_unanswered", 1, record.application.contact.email, letter)


def report_new_hits(tx: Tx, ctx: Context, case_id: str, list_version: str, hits: int, round_: int) -> None:
    """Tell the reviewers that an active merchant came up on a newer list."""
    letter = new_screening_hit(case_id=case_id, hits=hits, list_version=list_version, console_url=console(ctx, case_id))
    for address in ctx.settings.reviewer_addresses:
        _queue(tx, case_id, "new_screening_hit", round_, address, letter)


def report_quarantine(tx: Tx, ctx: Context, case_id: str, problem: str, attempts: int) -> None:
    """Tell the operators that a case was set aside."""
    letter = case_quarantined(
        case_id=case_id,
        step=None,
        attempts=attempts,
        error_code=problem,
        at=datetime.fromisoformat(tx.now),
        console_url=console(ctx, case_id),
    )
    round_ = cases.get(tx, case_id).work_asked
    for address in ctx.settings.reviewer_addresses:
        _queue(tx, case_id, "case_quarantined", round_, address, letter)
