"""Waits and what ended them: one decision per review, the first writer wins, and whoever comes later is told."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import String, bindparam, exists, func, insert, or_, select, update

from checkpoints import access, cases, chases, records
from checkpoints import audit as trail
from checkpoints.database import Tx, stamp
from checkpoints.documents import digest
from checkpoints.prepared import Prepared
from checkpoints.schema import cases as case_rows
from checkpoints.schema import decisions, links, reviews
from onboarding.case import STATUS_OF_STAGE, Channel, Stage
from onboarding.errors import AlreadyDecided, CaseChanged, FourEyes, NotWaiting, ReviewTampered, TamperedRecord

SUPERSEDING: Final = ("amended",)
"""Actions that ended a review because the case itself changed."""

OF_PEOPLE: Final = ("review", "second_review", "activation")
NEVER: Final = "9999-12-31T00:00:00.000Z"
"""Where what is never due stands in the queue: last."""

Review = Any
"""A row of ``reviews``: ``id, case_id, stage, round, version, status, shown_hash, opened_at, due_at``, …"""

_MINE: Final = reviews.c.case_id == bindparam("of_case")
_WAITING: Final = Prepared(select(reviews).where(_MINE, reviews.c.status == "waiting"))
_REVIEW: Final = Prepared(select(reviews).where(reviews.c.id == bindparam("of_review")))
_ROUNDS: Final = Prepared(
    select(reviews.c.id, reviews.c.round, reviews.c.version, reviews.c.status)
    .where(_MINE, reviews.c.stage == bindparam("of_stage"))
    .order_by(reviews.c.round)
)
_OPEN: Final = Prepared(insert(reviews), *reviews.c.keys())
_DECIDED: Final = Prepared(update(reviews).where(reviews.c.id == bindparam("of_review")).values(status="decided"))
_LINKS_USED: Final = Prepared(
    update(links).where(links.c.review_id == bindparam("of_review"), links.c.used_at.is_(None)), "used_at"
)
_DECISION: Final = Prepared(select(decisions).where(decisions.c.review_id == bindparam("of_review")))
_DECISIONS: Final = Prepared(
    select(decisions).where(decisions.c.case_id == bindparam("of_case")).order_by(decisions.c.at)
)


@lru_cache(maxsize=64)
def _unless_taken(count: int) -> Prepared:
    """Insert unless this review has a decision, or (second review) who goes by ``count`` names approved before."""
    names = [bindparam(f"name_{n}", type_=String) for n in range(count)]
    given = {column.key: bindparam(f"a_{column.key}", type_=column.type) for column in decisions.c}
    taken = exists().where(decisions.c.review_id == given["review_id"])
    approved_before = exists().where(
        decisions.c.case_id == given["case_id"],
        decisions.c.version == given["version"],
        decisions.c.action == "approve",
        or_(*(column == name for name in names for column in (decisions.c.actor, func.lower(decisions.c.actor)))),
        given["stage"] == "second_review",
        given["action"] == "approve",
    )
    values = select(*(value.label(name) for name, value in given.items())).where(~taken, ~approved_before)
    return Prepared(insert(decisions).from_select(list(given), values))


def review_id(case_id: str, stage: Stage, round_: int) -> str:
    """Derived from the business key, so a node that runs twice opens one review."""
    return digest(["review", case_id, stage, round_])[:32]


def next_round(tx: Tx, case_id: str, stage: Stage) -> int:
    return len(_ROUNDS.all(tx, of_case=case_id, of_stage=stage)) + 1


def open_wait(
    tx: Tx,
    case_id: str,
    stage: Stage,
    *,
    version: int,
    shown: dict[str, Any],
    second_required: bool = False,
    due_at: str | None = None,
    chase_at: str | None = None,
    attempt: int | None = None,
    told: Mapping[str, Any] | None = None,
) -> tuple[str, bool]:
    """Open what the case now waits for and set its status; returns ``(review id, whether it is new)``.

    Run again by a node that was interrupted by a crash, it finds the wait it opened before, even when that was decided
    meanwhile: an application version is reviewed once in each stage, an ``attempt`` at activation is judged once. Only
    the clock's waits have no such key; one too many is a short delay. ``told``: what its event says besides.
    """
    rounds = _ROUNDS.all(tx, of_case=case_id, of_stage=stage)
    opened = next((row for row in rounds if _same_occasion(row, version, attempt, stage)), None)
    if opened is not None:
        return opened.id, False
    round_ = attempt or len(rounds) + 1
    id_ = review_id(case_id, stage, round_)
    row = {
        "id": id_,
        "case_id": case_id,
        "stage": stage,
        "round": round_,
        "version": version,
        "status": "waiting",
        "shown": tx.codec.dump(shown, f"review:{id_}"),
        "shown_hash": digest(shown),
        "second_required": second_required,
        "opened_at": tx.now,
        "due_at": due_at,
    }
    _OPEN.run(tx, **row)
    if chase_at is not None:
        chases.plan(tx, id_, stage, chase_at)
    data = {"review_id": id_, "stage": stage, "round": round_, "version": version, "shown_hash": row["shown_hash"]}
    trail.append(tx, case_id, "onboarding", "wait.opened", data | {"due_at": due_at, **(told or {})})
    cases.set_status(tx, case_id, STATUS_OF_STAGE[stage], queued=_queued(stage, id_, due_at))
    return id_, True


def _queued(stage: Stage, id_: str, due_at: str | None) -> dict[str, str]:
    """The case's place in the queue, if it waits for a person."""
    if stage not in OF_PEOPLE:
        return {}
    return {"queue_stage": stage, "queue_due": due_at or NEVER, "queue_review": id_}


def _same_occasion(row: Any, version: int, attempt: int | None, stage: Stage) -> bool:
    """Whether this wait of the stage was opened for this very occasion."""
    if row.version != version:
        return False
    if attempt is not None:
        return bool(row.round == attempt)
    return stage != "service" or row.status == "waiting"


def latest(tx: Tx, case_id: str) -> Any | None:
    """The wait that was opened last, whether it still waits or not; None before the first."""
    query = select(reviews).where(reviews.c.case_id == case_id).order_by(reviews.c.opened_at.desc())
    return tx.conn.execute(query.limit(1)).first()


def last_shown(tx: Tx, case_id: str, version: int) -> Any | None:
    """The newest first review of this application version: what everything after it goes back to."""
    query = (
        select(reviews)
        .where(reviews.c.case_id == case_id, reviews.c.stage == "review", reviews.c.version == version)
        .order_by(reviews.c.round.desc())
    )
    return tx.conn.execute(query.limit(1)).first()


def waiting(tx: Tx, case_id: str) -> Any | None:
    """The one thing the case waits for, or None."""
    return _WAITING.first(tx, of_case=case_id)


def find(tx: Tx, id_: str) -> Any | None:
    return _REVIEW.first(tx, of_review=id_)


def shown(tx: Tx, row: Any) -> dict[str, Any]:
    """What was on the page when this review was opened."""
    document: dict[str, Any] = tx.codec.load(row.shown, f"review:{row.id}")
    return document


def intact(tx: Tx, row: Any) -> dict[str, Any]:
    """The same, proven to be what its hash says. Raises ReviewTampered."""
    try:
        document = shown(tx, row)
    except TamperedRecord as error:
        raise ReviewTampered(case_id=row.case_id, review_id=row.id) from error
    if digest(document) != row.shown_hash:
        raise ReviewTampered(case_id=row.case_id, review_id=row.id)
    return document


def shown_record(tx: Tx, row: Any) -> records.Parsed:
    """The same of a review of the application: the record, and the hash of what was on the page."""
    parsed: records.Parsed = tx.codec.load(row.shown, f"review:{row.id}", records.parse)
    return parsed


def decision_on(tx: Tx, id_: str) -> Any | None:
    return _DECISION.first(tx, of_review=id_)


def decisions_of(tx: Tx, case_id: str) -> list[Any]:
    return _DECISIONS.all(tx, of_case=case_id)


def body_of(tx: Tx, row: Any) -> dict[str, Any]:
    document: dict[str, Any] = tx.codec.load(row.body, f"decision:{row.review_id}")
    return document


def decide(tx: Tx, review: Any, action: str, *, actor: str, channel: Channel, body: dict[str, Any]) -> bool:
    """Record what ends the wait. True when this call recorded it, False when it was recorded before by the same.

    Raises AlreadyDecided naming the standing decision, CaseChanged when the case moved on, FourEyes when this person
    approved before, ReviewTampered when what was shown is not what is stored; a withdrawal judges nothing of it.
    """
    trail.hold(tx, review.case_id)
    review = find(tx, review.id) or review
    if review.status == "waiting" and action != "withdrawn":
        intact(tx, review)
    fingerprint = digest([action, body])
    row = {
        "review_id": review.id,
        "case_id": review.case_id,
        "stage": review.stage,
        "version": review.version,
        "action": action,
        "actor": actor,
        "channel": channel,
        "shown_hash": review.shown_hash,
        "body": tx.codec.dump(body, f"decision:{review.id}"),
        "body_hash": fingerprint,
        "at": tx.now,
    }
    waits = review.status == "waiting"
    if not waits or not _insert(tx, row):
        if standing := decision_on(tx, review.id):
            return _again(standing, actor, fingerprint)
        raise FourEyes() if waits else NotWaiting()
    _DECIDED.run(tx, of_review=review.id)
    _LINKS_USED.run(tx, of_review=review.id, used_at=tx.now)
    told = {key: body[key] for key in ("reason_codes",) if body.get(key)}
    data = {
        "review_id": review.id,
        "stage": review.stage,
        "action": action,
        "channel": channel,
        "version": review.version,
    }
    trail.append(tx, review.case_id, actor, "decision.recorded", data | told | {"shown_hash": review.shown_hash})
    cases.resume(tx, review.case_id)
    return True


def end_if_withdrawn(tx: Tx, case_id: str, review_id: str) -> None:
    """A case that was withdrawn while it ran ends at the first wait it comes to."""
    by = cases.without_document(tx, case_id).withdrawn_by
    if by and (review := find(tx, review_id)) is not None:
        decide(tx, review, "withdrawn", actor=by, channel="api", body={})


def _insert(tx: Tx, row: dict[str, Any]) -> bool:
    """Record it; False when the review has a decision or the person may not give a second one."""
    second = (row["stage"], row["action"]) == ("second_review", "approve")
    known = access.person(tx, row["actor"]).names if second else {row["actor"]}
    names = sorted({spelling for name in known for spelling in (name, name.lower())})
    given = {f"a_{name}": value for name, value in row.items()}
    named = {f"name_{n}": name for n, name in enumerate(names)}
    return _unless_taken(len(names)).run(tx, **given, **named) == 1


def _again(standing: Any, actor: str, fingerprint: str) -> bool:
    if standing.actor == actor and standing.body_hash == fingerprint:
        return False
    if standing.action in SUPERSEDING:
        raise CaseChanged()
    decision = {"action": standing.action, "actor": standing.actor, "at": standing.at, "review_id": standing.review_id}
    raise AlreadyDecided(decision=decision)


def parked(tx: Tx) -> list[tuple[str, str, str]]:
    """``(case id, stage, review id)`` of every case that waits with no work due and not set aside."""
    query = (
        select(reviews.c.case_id, reviews.c.stage, reviews.c.id)
        .join(case_rows, case_rows.c.id == reviews.c.case_id)
        .where(reviews.c.status == "waiting", case_rows.c.work_asked <= case_rows.c.work_done)
        .where(case_rows.c.status != "quarantined")
        .order_by(case_rows.c.seq)
    )
    return [(row.case_id, row.stage, row.id) for row in tx.conn.execute(query)]


def overdue(stage: Stage, tx: Tx, *, late: timedelta = timedelta(), only: str | None = None) -> list[Any]:
    """Waits of a stage whose due time came ``late`` ago, of cases that are not set aside; ``only`` looks at one."""
    over = reviews.c.due_at <= stamp(datetime.fromisoformat(tx.now) - late)
    query = select(reviews).join(case_rows, case_rows.c.id == reviews.c.case_id)
    if stage == "service":  # a short wait that seems to begin only later was opened before the clock was set back
        over = or_(over, reviews.c.opened_at > tx.now)  # no index serves both: such cases are few, and found by status
        query = query.where(case_rows.c.status == STATUS_OF_STAGE[stage])
    query = query.where(reviews.c.status == "waiting", reviews.c.stage == stage, over)
    if only is not None:
        query = query.where(reviews.c.id == only)
    return list(tx.conn.execute(query.where(case_rows.c.status != "quarantined")))


def oldest_waiting(tx: Tx) -> str | None:
    """When the review that has waited longest for a person was opened."""
    query = select(func.min(reviews.c.opened_at)).where(reviews.c.status == "waiting", reviews.c.stage.in_(OF_PEOPLE))
    opened: str | None = tx.conn.execute(query).scalar_one_or_none()
    return opened
