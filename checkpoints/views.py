"""The case as the public sees it, put together from the ledger."""

from typing import Any

from checkpoints import cases, effects, rescreens, reviews, scope
from checkpoints.database import Tx
from onboarding.application import Application
from onboarding.assessment import ModelUse, Requirement
from onboarding.case import (
    ALLOWED_ACTIONS,
    ActivationView,
    Asked,
    CaseRecord,
    CaseView,
    DecisionView,
    Links,
    RequestView,
    ReviewView,
)
from onboarding.errors import TamperedRecord
from onboarding.letters.reasons import chosen, sentences, warning


def view(tx: Tx, row: Any, client: str | None = None) -> CaseView:
    """The public case of one row; for a ``client`` without what is quoted from cases of others."""
    record = cases.record_of(tx, row)
    findings = scope.findings(tx, record.findings, client) if record else []
    waiting = reviews.waiting(tx, row.id)
    return CaseView(
        id=row.id,
        status=row.status,
        submitted_at=row.submitted_at,
        updated_at=row.updated_at,
        external_ref=row.external_ref,
        application_version=row.version,
        application=record.application if record else Application(),
        provenance=record.provenance if record else {},
        findings=findings,
        missing=record.missing if record else [],
        requirements=record.requirements if record else [],
        recommendation=record.recommendation if record else None,
        risk=record.risk if record else None,
        summary=scope.summary(record.summary, record.findings, findings) if record else None,
        model=record.model if record else ModelUse(),
        drafts=record.drafts if record else None,
        policy_version=record.policy_version if record else None,
        review=review_view(row, waiting),
        request=request_view(tx, waiting),
        decisions=[
            decision_view(tx, made, record) for made in reviews.decisions_of(tx, row.id) if made.channel != "clock"
        ],
        activations=_activations(tx, row),
        problem=row.problem or _came_up(tx, row),
        copied_from=row.copied_from,
        erased_at=row.erased_at,
        links=links(row.id),
    )


def _came_up(tx: Tx, row: Any) -> str | None:
    """What an active merchant's case is marked with after the list changed."""
    hits = rescreens.hits(tx, row.id) if row.status == rescreens.ACTIVE else 0
    return f"{hits} new screening hit(s) since the decision: a person has to look." if hits else None


def listed(tx: Tx, row: Any, client: str | None = None) -> CaseView:
    """The case in a list: one whose record no longer opens says so, and hides no other."""
    try:
        return view(tx, row, client)
    except TamperedRecord as error:
        return fresh(tx, row).model_copy(update={"problem": f"{error.code}: {error.detail}"})


def fresh(tx: Tx, row: Any) -> CaseView:
    """A case that was accepted in this very transaction: nothing else can be known of it yet."""
    return CaseView(
        id=row.id,
        status=row.status,
        submitted_at=row.submitted_at,
        updated_at=row.updated_at,
        external_ref=row.external_ref,
        application_version=row.version,
        application=Application(),
        links=links(row.id),
    )


def links(case_id: str) -> Links:
    self = f"/v1/cases/{case_id}"
    return Links(
        self=self, events=f"{self}/events", checkpoints=f"{self}/checkpoints", console=f"/console/cases/{case_id}"
    )


def request_view(tx: Tx, waiting: reviews.Review | None) -> RequestView | None:
    """What the merchant is asked; None while the case waits for anybody else, or for nothing."""
    if waiting is None or waiting.stage != "information":
        return None
    asked = [Requirement.from_json(item) for item in reviews.shown(tx, waiting).get("request", ())]
    return RequestView(
        id=waiting.id,
        round=waiting.round,
        items=[Asked(path=item.path, text=item.words) for item in asked],
        opened_at=waiting.opened_at,
        due_at=waiting.due_at,
    )


def review_view(row: Any, waiting: reviews.Review | None) -> ReviewView | None:
    """The review a person is awaited for; None while the case waits for the merchant, the clock, or nothing."""
    if waiting is None or not ALLOWED_ACTIONS[waiting.stage]:
        return None
    return ReviewView(
        id=waiting.id,
        stage=waiting.stage,
        round=waiting.round,
        allowed_actions=list(ALLOWED_ACTIONS[waiting.stage]),
        second_required=waiting.second_required,
        opened_at=waiting.opened_at,
        due_at=waiting.due_at,
        assignee=row.assignee,
        shown_hash=waiting.shown_hash,
    )


def decision_view(tx: Tx, row: Any, record: CaseRecord | None) -> DecisionView:
    """``record`` is the case's newest: a rejection ends the case, so it is the one that was rejected."""
    body = reviews.body_of(tx, row)
    rejected = record if row.action == "reject" else None
    codes = body.get("reason_codes", [])
    return DecisionView(
        review_id=row.review_id,
        stage=row.stage,
        action=body.get("action", row.action),
        actor=row.actor,
        channel=row.channel,
        reason_codes=codes,
        told=_told(rejected, codes) if rejected else [],
        warnings=[words for code in codes if (words := warning(code))] if rejected else [],
        comment=body.get("comment"),
        corrections=body.get("corrections", {}),
        at=row.at,
    )


def _told(record: CaseRecord, codes: list[str]) -> list[str]:
    """The reasons of a rejection in the words of its letter, if one is written."""
    return sentences(chosen(codes, record.recommendation.reasons)) if record.application.contact.email else []


def _activations(tx: Tx, row: Any) -> list[ActivationView]:
    """The newest round of each service."""
    newest = {effect["service"]: effect for effect in effects.of_case(tx, row.id)}
    names = ("service", "status", "reference", "attempts", "round", "detail")
    return [ActivationView(**{name: effect[name] for name in names}) for effect in newest.values()]
