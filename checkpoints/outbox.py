"""Letters: one row per (case, kind, round, recipient), written with what they tell of, sent later under one id."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, insert, select, update

from checkpoints import audit as trail
from checkpoints.database import Tx, stamp
from checkpoints.documents import digest
from checkpoints.prepared import Prepared
from checkpoints.schema import letters
from checkpoints.timing import has_come, moment

LEASE: Final = timedelta(minutes=2)
"""How long a letter taken for sending is left alone before somebody else may take it."""


FARTHEST: Final = timedelta(minutes=10)
"""No letter waits longer for its next try."""

LetterRow = Any
_THIS: Final = letters.c.message_id == bindparam("of_message")
_KNOWN: Final = Prepared(select(letters.c.kind).where(_THIS))
_QUEUE: Final = Prepared(
    insert(letters),
    *(
        "message_id",
        "case_id",
        "kind",
        "round",
        "recipient_hash",
        "review_id",
        "body",
        "status",
        "created_at",
        "next_at",
    ),
)
_DUE: Final = Prepared(
    select(letters)
    .where(letters.c.status == "queued", has_come(letters.c.next_at))
    .order_by(letters.c.next_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_TAKEN: Final = Prepared(update(letters).where(_THIS), "attempts", "next_at", "taken_by")
_ATTEMPTS: Final = Prepared(select(letters.c.attempts).where(_THIS, letters.c.status == "queued"))
_SENT: Final = Prepared(
    update(letters).where(_THIS, letters.c.status == "queued").values(problem=None), "status", "sent_at"
)


def queue(
    tx: Tx,
    case_id: str | None,
    kind: str,
    round_: int,
    recipient: str,
    body: dict[str, Any],
    *,
    review_id: str | None = None,
) -> bool:
    """Queue one letter; False when it is there already. ``body`` is ``{subject, text, html}`` with link markers.

    A letter that is about no case (``case_id`` None) stands in no case's trail.
    """
    recipient_hash = digest(recipient.casefold())
    message_id = f"<{digest(['letter', case_id, kind, round_, recipient_hash])[:32]}@onboard.local>"
    if _KNOWN.first(tx, of_message=message_id):
        return False
    row = {
        "message_id": message_id,
        "case_id": case_id,
        "kind": kind,
        "round": round_,
        "recipient_hash": recipient_hash,
        "review_id": review_id,
        "body": tx.codec.dump(body | {"recipient": recipient}, f"letter:{message_id}"),
        "status": "queued",
        "created_at": tx.now,
        "next_at": tx.now,
    }
    _QUEUE.run(tx, **row)
    _tell(tx, case_id, "letter.queued", {"kind": kind, "round": round_, "message_id": message_id})
    return True


def _tell(tx: Tx, case_id: str | None, kind: str, data: dict[str, Any]) -> None:
    if case_id is not None:
        trail.append(tx, case_id, "onboarding", kind, data)


def take(tx: Tx, owner: str | None = None, limit: int = 50) -> list[Any]:
    """Letters to send now, taken for a while: a crash between sending and marking leaves them to be taken again."""
    rows = _DUE.all(tx, most=limit, **moment(tx, FARTHEST))
    later = stamp(datetime.fromisoformat(tx.now) + LEASE)
    for row in rows:
        _TAKEN.run(tx, of_message=row.message_id, attempts=row.attempts + 1, next_at=later, taken_by=owner)
    return rows


def take_up(tx: Tx) -> None:
    """Forget who had taken what: at the start of the only sender there is, so that a crash delays no letter."""
    tx.conn.execute(
        update(letters).where(letters.c.status == "queued", letters.c.next_at > tx.now), {"next_at": tx.now}
    )


def still_taken(tx: Tx, row: Any) -> bool:
    """Whether nobody took the letter since we did: who hung for long leaves it to whoever has it now."""
    standing = _ATTEMPTS.first(tx, of_message=row.message_id)
    return standing is not None and bool(standing.attempts == row.attempts + 1)


def body_of(tx: Tx, row: Any) -> dict[str, Any]:
    body: dict[str, Any] = tx.codec.load(row.body, f"letter:{row.message_id}")
    return body


def sent(tx: Tx, row: Any, how: str) -> None:
    """``how`` is ``sent`` (a server took it) or ``kept`` (written as a file, no server configured)."""
    if _SENT.run(tx, of_message=row.message_id, status=how, sent_at=tx.now):
        _tell(tx, row.case_id, f"letter.{how}", {"kind": row.kind, "message_id": row.message_id})


def failed(tx: Tx, row: Any, problem: str, again_at: datetime | None) -> None:
    """Try again at ``again_at``; None: the recipient was refused for good."""
    values = {"problem": problem[:300], "status": "queued" if again_at else "refused", "taken_by": None}
    if again_at:
        values["next_at"] = stamp(again_at)
    tx.conn.execute(update(letters).where(letters.c.message_id == row.message_id), values)
    if again_at is None or row.attempts == 0:
        data = {"kind": row.kind, "message_id": row.message_id, "problem": problem[:300]}
        _tell(tx, row.case_id, "letter.delayed" if again_at else "letter.refused", data)


def oldest_queued(tx: Tx) -> str | None:
    """When the oldest letter still waiting was written, for the age metric."""
    query = select(letters.c.created_at).where(letters.c.status == "queued").order_by(letters.c.created_at).limit(1)
    return tx.conn.execute(query).scalar_one_or_none()


def of_case(tx: Tx, case_id: str) -> list[Any]:
    return list(tx.conn.execute(select(letters).where(letters.c.case_id == case_id).order_by(letters.c.created_at)))
