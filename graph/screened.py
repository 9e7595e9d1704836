"""Screening hits as a person judges them: explained, with what was said of the same person and entry before."""

from typing import Any, Final, NamedTuple

from checkpoints import audit, cases, clearances
from checkpoints.clearances import Clearance
from checkpoints.database import Tx
from checkpoints.lookup import Lookup
from graph.context import Context
from graph.service import Actor, Service
from onboarding.assessment import ScreeningHit
from onboarding.case import CaseRecord
from onboarding.checks.screening import explained, subjects_of
from onboarding.errors import BadInput, CaseChanged
from onboarding.policy import Policy
from onboarding.screening import Subject, identity

LONGEST_REASON: Final = 2_000


class Hit(NamedTuple):
    """``parts`` add up to the score; ``said`` oldest first; ``cleared`` the clearance that stands, if one does.

    ``exact``: the birth date is known (or it is a company), so that "the same person" is more than a name.
    """

    hit: ScreeningHit
    parts: list[tuple[str, float]]
    said: list[Clearance]
    cleared: Clearance | None
    exact: bool


def hits(tx: Tx, lookup: Lookup, record: CaseRecord, policy: Policy) -> list[Hit]:
    """Every hit of the record, in its order."""
    subjects = {subject.path: subject for subject in subjects_of(record.application)}
    keys = {path: _key(lookup, subject) for path, subject in subjects.items()}
    said = clearances.of_subjects(tx, set(keys.values())) if record.screening else {}
    bands: dict[str, Any] = record.basis.bands if record.basis else {}
    penalty = float(bands.get("birth_year_penalty", policy.screening.birth_year_penalty))
    found = []
    for hit in record.screening:
        mine = said.get((keys.get(hit.subject, ""), hit.entry_id), [])
        stands = mine[-1] if mine and mine[-1].action == clearances.CLEARED else None
        subject = subjects.get(hit.subject)
        exact = subject is not None and (subject.kind == "company" or subject.birth_date is not None)
        found.append(Hit(hit, explained(hit, penalty), mine, stands, exact))
    return found


def said_in(case_id: str, hit: Hit) -> Hit:
    """The hit with only what was said of it in this very case."""
    mine = [said for said in hit.said if said.case_id == case_id]
    stands = mine[-1] if mine and mine[-1].action == clearances.CLEARED else None
    return hit._replace(said=mine, cleared=stands)


def _key(lookup: Lookup, subject: Subject) -> str:
    return lookup.key("cleared", identity(subject))


async def say(
    service: Service, actor: Actor, case_id: str, *, subject: str, entry_id: str, reason: str, cleared: bool
) -> None:
    """Record that a hit is not the same person, or take that back. No finding goes, no advice changes.

    Raises CaseNotFound, Conflict for a copy, CaseChanged when the case has no such hit (any more), BadInput.
    """
    if not reason.strip() or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise BadInput(f"reason: say why, in 1 to {LONGEST_REASON} characters.")
    ctx: Context = service.context

    def work(tx: Tx) -> None:
        audit.hold(tx, case_id)
        cases.own(tx, case_id)
        record = cases.record_of(tx, cases.get(tx, case_id))
        found = (
            [one for one in record.screening if (one.subject, one.entry_id) == (subject, entry_id)] if record else []
        )
        mine = {one.path: one for one in subjects_of(record.application)}.get(subject) if record else None
        if not found or mine is None:
            raise CaseChanged("This case has no such screening hit (any more). Look again.")
        body = {
            "reason": reason.strip(),
            "subject": subject,
            "entry_name": found[0].entry_name,
            "score": found[0].score,
            "list_version": found[0].list_version,
        }
        action = clearances.CLEARED if cleared else clearances.WITHDRAWN
        key = _key(ctx.lookup, mine)
        before = clearances.of_subjects(tx, [key]).get((key, entry_id), [])
        if before and (before[-1].action, before[-1].actor, before[-1].body["reason"]) == (
            action,
            actor.name,
            body["reason"],
        ):
            return  # pressed twice
        clearances.add(tx, case_id, action, subject_key=key, entry_id=entry_id, actor=actor.name, body=body)

    await service.context.db.write(work)
