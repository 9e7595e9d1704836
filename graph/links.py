"""Deciding by the link in an approval letter: looking changes nothing, only the form's POST decides."""

from typing import Any, NamedTuple

from pydantic import ValidationError

from checkpoints import access, cases, reviews, views
from checkpoints.database import Tx
from graph.deciding import may_approve
from graph.moving import moved
from graph.service import Service
from onboarding import faults
from onboarding.case import CaseRecord, CaseView
from onboarding.decision import Decision
from onboarding.errors import (
    AlreadyDecided,
    CaseChanged,
    CaseReassigned,
    Forbidden,
    InvalidDecision,
    LinkExpired,
    LinkUnknown,
)
from onboarding.letters.reasons import stated


class LinkView(NamedTuple):
    """What the confirmation page shows: the action the link stands for, and what it would decide on."""

    action: str
    reviewer: str
    case: CaseView
    record: CaseRecord
    stage: str


async def look(service: Service, token: str) -> LinkView:
    """What the link would decide. Raises LinkUnknown, LinkExpired, AlreadyDecided, CaseChanged, CaseReassigned."""

    def read(tx: Tx) -> LinkView:
        link, review = _live(tx, token)
        record = reviews.shown_record(tx, review).record
        case = views.view(tx, cases.get(tx, review.case_id))
        return LinkView(link.action, link.reviewer, case, record, review.stage)

    return await service.context.db.read(read)


async def use(service: Service, token: str, *, reason_codes: list[str], comment: str | None) -> CaseView:
    """Decide as the link says, in one transaction with its use; a second use finds the standing decision.

    Raises LinkUnknown, LinkExpired, AlreadyDecided, CaseChanged, CaseReassigned, FourEyes, Forbidden, InvalidDecision,
    ReviewTampered.
    """

    def record(tx: Tx) -> CaseView:
        link, review = _live(tx, token)
        codes = stated(reason_codes) if link.action == "reject" else reason_codes
        decision = _decision(link.action, codes, comment)
        _may(tx, review, link)
        reviews.decide(tx, review, decision.action, actor=link.reviewer, channel="email", body=decision.to_json())
        return views.view(tx, cases.get(tx, review.case_id))

    view = await moved(service.context, record)
    faults.point("decision.after_commit")
    service.nudge(view.id)
    return view


def _decision(action: Any, reason_codes: list[str], comment: str | None) -> Decision:
    try:
        return Decision(action=action, reason_codes=reason_codes, comment=comment)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InvalidDecision(f"{first['loc'][0]}: {first['msg']}") from error


def _may(tx: Tx, review: reviews.Review, link: access.LinkRow) -> None:
    """Whoever ever had a role is bound by it here too, and by losing it; a listed address without one is trusted."""
    roles = access.standing(tx, link.reviewer, listed=True)
    if not roles - {"backend"}:
        raise Forbidden()
    may_approve(tx, review, link.action, link.reviewer, roles)


def _live(tx: Tx, token: str) -> tuple[access.LinkRow, reviews.Review]:
    link = access.link(tx, token)
    review = reviews.find(tx, link.review_id) if link is not None else None
    if link is None or review is None:
        raise LinkUnknown()
    standing = reviews.decision_on(tx, review.id)
    if standing is not None:
        if standing.action in reviews.SUPERSEDING:
            raise CaseChanged()
        raise AlreadyDecided(decision={"action": standing.action, "actor": standing.actor, "at": standing.at})
    if link.used_at or link.expires_at <= tx.now or review.status != "waiting":
        raise LinkExpired()
    assignee = cases.get(tx, review.case_id).assignee
    if assignee and not access.person(tx, link.reviewer).is_named(assignee):
        raise CaseReassigned()
    return link, review
