"""A case of another installation in this one: marked as a copy, with no work due, out of the gate's reach."""

from typing import Any, Final

from sqlalchemy import insert, select

from checkpoints import audit as trail
from checkpoints import stage
from checkpoints.casefile import CaseFile
from checkpoints.cases import UNQUEUED
from checkpoints.database import Tx
from checkpoints.saver_rows import CHECKPOINT, Known, encode_checkpoint, place_of
from checkpoints.saver_schema import ROW_BITS, state_rows, state_threads
from checkpoints.schema import audit, cases, decisions, effects, letters, recordings, reviews, submissions
from onboarding.errors import Conflict

COPIED: Final = "copied"
"""Status of a wait or a letter that was still open where it came from: here nobody waits and nothing is sent."""


def store(tx: Tx, file: CaseFile) -> None:
    """Write the case, its trail and its checkpoints. Raises Conflict when there is a case of this id."""
    if tx.conn.execute(select(cases.c.id).where(cases.c.id == file.id)).first() is not None:
        raise Conflict(f"Case {file.id} is here already; an import never overwrites a case.")
    stage.put(tx, cases, [_row(file)])
    stage.put(tx, submissions, file.submissions)
    stage.put(tx, reviews, (_closed(row, "waiting") for row in file.reviews))
    for table, rows in ((decisions, file.decisions), (effects, file.effects), (recordings, file.recordings)):
        stage.put(tx, table, rows)
    stage.put(tx, letters, (_closed(row, "queued") for row in file.letters))
    stage.put(tx, audit, ({name: row[name] for name in row if name != "seq"} for row in file.audit))
    _history(tx, file)
    trail.append(tx, file.id, "operator", "case.imported", {"redacted": file.redacted})


def _row(file: CaseFile) -> dict[str, Any]:
    row = {name: value for name, value in file.case.items() if name != "seq"}
    where = f"bundle of {file.case['updated_at']}" + (", redacted" if file.redacted else "")
    return row | {"work_asked": 0, "work_done": 0, "work_after": None, "attempts": 0, "copied_from": where, **UNQUEUED}


def _closed(row: dict[str, Any], open_: str) -> dict[str, Any]:
    return row | {"status": COPIED} if row["status"] == open_ else row


def _history(tx: Tx, file: CaseFile) -> None:
    """The checkpoints as rows of the graph's memory, without what was pending on them: a copy never runs."""
    if not file.checkpoints:
        return
    tx.conn.execute(insert(state_threads), {"thread_id": file.id})
    number = tx.conn.scalar(select(state_threads.c.no).where(state_threads.c.thread_id == file.id))
    assert number is not None
    known: Known | None = None
    versions: dict[str, Any] = {}
    for row in file.checkpoints:
        raw, n = row["raw"], row["n"]
        values = {**row["state"], **dict.fromkeys(raw["internal"])}
        now = raw["channel_versions"]
        new = {name: version for name, version in now.items() if versions.get(name) != version}
        checkpoint = {**raw, "id": row["id"], "channel_values": values}
        body, known = encode_checkpoint(n, checkpoint, raw["metadata"], new, row["parent_id"], known)
        versions = now
        sealed = tx.codec.seal(body, place_of(file.id, "", row["id"], n))
        stored = {"id": number << ROW_BITS | n, "kind": CHECKPOINT, "ns": "", "checkpoint_id": row["id"]}
        tx.conn.execute(insert(state_rows), stored | {"run_id": None, "body": sealed})
