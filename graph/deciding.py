"""What a decision may be, who may make it, and what is written when it is made."""

from collections.abc import Sequence, Set
from typing import Any, Final

from checkpoints import access, audit, cases, gate, reviews, submissions
from checkpoints.database import Tx
from onboarding.answers import is_nobody
from onboarding.case import ALLOWED_ACTIONS, Channel
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.errors import BadInput, Forbidden, FourEyes, InvalidDecision
from onboarding.submission import Part, Submission

SENIOR: Final = frozenset(access.SENIOR)
"""Roles that may give a second approval."""


def fits(review: reviews.Review, decision: Decision) -> None:
    """Raises InvalidDecision for what this review does not take."""
    allowed = ALLOWED_ACTIONS[review.stage]
    if decision.action not in allowed:
        raise InvalidDecision(f"action: this review takes {', '.join(allowed)}.", field="action")
    if decision.corrections and decision.action != "approve":
        raise InvalidDecision("corrections: they go with action approve.", field="corrections")
    if decision.request and decision.action != "request_information":
        raise InvalidDecision("request: it goes with action request_information.", field="request")


def asks_something(tx: Tx, review: reviews.Review, decision: Decision) -> None:
    """Raises InvalidDecision for a request without a question: the merchant would get a letter that asks nothing."""
    if decision.action != "request_information" or decision.request or review.status != "waiting":
        return
    if not reviews.intact(tx, review).get("requirements"):
        raise InvalidDecision("request: say what the merchant is asked, as [{path, text}].", field="request")


def answers_in(parts: Sequence[Part]) -> list[tuple[str, Any]]:
    """Every answer by its path."""
    contents = [part.content for part in parts if part.kind == "answers" and isinstance(part.content, dict)]
    return [answer for content in contents for answer in content.items()]


def all_ours(tx: Tx, case: Any, review: reviews.Review, parts: Sequence[Part], strange: Set[str]) -> None:
    """Raises BadInput naming an answer's path that nobody asked about and nobody reads: it would be lost unseen.

    ``strange`` are the paths that are none of any application's.
    """
    answers = answers_in(parts)
    if not answers:
        return
    record = cases.record_of(tx, case)
    people = len(record.application.persons) if record else 0
    asked = {item["path"] for item in reviews.intact(tx, review).get("request", ())}
    for path, value in answers:
        if path not in asked and (path in strange or is_nobody(path, value, people)):
            named = f"answers.{path[:200]}"
            raise BadInput(f"{named}: this is no field of an application, and it was not asked for.", field=named)


def may_approve(tx: Tx, review: reviews.Review, action: str, name: str, roles: Set[str]) -> None:
    """The rules of the four eyes. Raises FourEyes, Forbidden.

    Nobody approves what they submitted themselves; only an admin does, where one person suffices. The second approval
    comes from another person than the first, and a senior one. What was decided already is for the record to answer,
    so it is not judged here again.
    """
    if action != "approve" or reviews.decision_on(tx, review.id) is not None:
        return
    alone = "admin" in roles and review.stage == "review" and not review.second_required
    if not alone and gate.submitted_by(tx, review.case_id, name):
        raise FourEyes("You submitted this application, so approving it is for somebody else.")
    if review.stage != "second_review":
        return
    if gate.approved_by(tx, review.case_id, review.version, name):
        raise FourEyes()
    if not roles & SENIOR:
        raise Forbidden("A second approval takes a senior reviewer (role senior_reviewer).")


def record_decision(
    tx: Tx, case: Any, review: reviews.Review, decision: Decision, *, actor: str, channel: Channel
) -> None:
    """Write the decision and, when it corrects the application, the version that follows from it."""
    body = decision.to_json()
    if not decision.corrections:
        reviews.decide(tx, review, decision.action, actor=actor, channel=channel, body=body)
        return
    body["version"] = review.version + 1
    if reviews.decide(tx, review, "correct", actor=actor, channel=channel, body=body):
        part = make_part(decision.corrections, "json", kind="corrections", source=f"correction-{body['version']}")
        next_version(tx, case, [part], actor, "correction")


def next_version(tx: Tx, case: Any, parts: Sequence[Part], actor: str, kind: str) -> int:
    """Everything so far plus ``parts``: the next immutable application version."""
    before = submissions.get(tx, case.id, case.version)
    version: int = case.version + 1
    named = [
        part if part.source != "input" else part.model_copy(update={"source": f"{kind}-{version}"}) for part in parts
    ]
    submissions.store(tx, case.id, Submission(version=version, parts=[*before.parts, *named]), actor)
    cases.next_version(tx, case.id, version)
    data = {"version": version, "parts": [part.source.partition(":")[0] for part in named]}
    audit.append(tx, case.id, actor, f"application.{kind}", data)
    return version
