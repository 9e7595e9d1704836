"""What people said of screening hits: "not the same person, because …", remembered by person and list entry."""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from sqlalchemy import func, insert, select

from checkpoints import audit
from checkpoints.database import Tx
from checkpoints.schema import clearances

CLEARED: Final = "cleared"
WITHDRAWN: Final = "withdrawn"


class Clearance(NamedTuple):
    """One statement. It removes no finding and changes no advice: it is shown, and stands in the trail."""

    subject_key: str
    entry_id: str
    case_id: str
    action: str
    actor: str
    at: str
    body: dict[str, Any]


def add(
    tx: Tx, case_id: str, action: str, *, subject_key: str, entry_id: str, actor: str, body: dict[str, Any]
) -> None:
    """Write a statement beside those before it. ``body`` holds ``reason`` and the hit it is about; it is sealed."""
    audit.hold(tx, case_id)
    mine = (clearances.c.subject_key == subject_key, clearances.c.entry_id == entry_id)
    number = tx.conn.execute(select(func.coalesce(func.max(clearances.c.number), 0)).where(*mine)).scalar_one() + 1
    row = {
        "subject_key": subject_key,
        "entry_id": entry_id,
        "number": number,
        "case_id": case_id,
        "action": action,
        "actor": actor,
        "body": tx.codec.dump(body, f"clearance:{subject_key}:{entry_id}:{number}"),
        "at": tx.now,
    }
    tx.conn.execute(insert(clearances), row)
    told = {"entry_id": entry_id, "subject": body["subject"], "list_version": body["list_version"]}
    audit.append(tx, case_id, actor, f"screening.{action}", told)


def of_subjects(tx: Tx, keys: Collection[str]) -> dict[tuple[str, str], list[Clearance]]:
    """Everything said of these persons, oldest first, by person and list entry."""
    query = select(clearances).where(clearances.c.subject_key.in_(sorted(keys))).order_by(clearances.c.number)
    found: dict[tuple[str, str], list[Clearance]] = {}
    for row in tx.conn.execute(query):
        body = tx.codec.load(row.body, f"clearance:{row.subject_key}:{row.entry_id}:{row.number}")
        said = Clearance(row.subject_key, row.entry_id, row.case_id, row.action, row.actor, row.at, body)
        found.setdefault((row.subject_key, row.entry_id), []).append(said)
    return found
