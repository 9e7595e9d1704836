"""What the recorded decisions amount to: who took part, whether it is settled, and what may be activated."""

from checkpoints import access, cases, reviews
from checkpoints.database import Tx
from onboarding.case import CaseRecord
from onboarding.decision import second_required


def approved_by(tx: Tx, case_id: str, version: int, actor: str) -> bool:
    """Whether this person, by whichever of their names, approved this version before."""
    who = access.person(tx, actor)
    made = reviews.decisions_of(tx, case_id)
    return any(row.version == version and row.action == "approve" and who.is_named(row.actor) for row in made)


def submitted_by(tx: Tx, case_id: str, actor: str) -> bool:
    """Whether this person, by whichever of their names, submitted the case or answered in the merchant's place."""
    who = access.person(tx, actor)
    answered = [row.actor for row in reviews.decisions_of(tx, case_id) if row.action in ("answered", "amended")]
    return any(who.is_named(name) for name in (cases.without_document(tx, case_id).client, *answered))


def settled(tx: Tx, case_id: str, version: int) -> bool:
    """Whether this version was rejected or approved by all it takes: what follows is not to be stopped any more."""
    for row in reviews.decisions_of(tx, case_id):
        if row.version != version or row.stage not in ("review", "second_review"):
            continue
        review = reviews.find(tx, row.review_id)
        last = row.stage == "second_review" or review is None or not review.second_required
        if row.action == "reject" or (row.action == "approve" and last):
            return True
    return False


def approved_record(tx: Tx, case_id: str, version: int) -> tuple[CaseRecord, str] | None:
    """The gate: the record that the recorded decisions approve, and its hash; None when they do not suffice,

    and always None for a copy of another installation's case.

    Sufficient is an approval of the newest review of this version, and where that review demanded a second person,
    an approval of a second review by somebody else, both bound to the same hash.
    """
    if cases.without_document(tx, case_id).copied_from:
        return None
    made = [row for row in reviews.decisions_of(tx, case_id) if row.version == version and row.action == "approve"]
    first = [row for row in made if row.stage == "review"]
    if not first:
        return None
    review = reviews.find(tx, first[-1].review_id)
    if review is None or review.shown_hash != first[-1].shown_hash:
        return None
    second = [row for row in made if row.stage == "second_review" and row.shown_hash == review.shown_hash]
    record, found = reviews.shown_record(tx, review)
    if found != review.shown_hash:
        return None
    two = review.second_required or second_required(record, [])  # the flag may ask for more than the record, never less
    if two and all(access.person(tx, first[-1].actor).is_named(row.actor) for row in second):
        return None
    return record, review.shown_hash
