"""Setting the stage of a replay in a ledger of its own: the case as it was, and what was known of others then."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select

from checkpoints import matches
from checkpoints.casefile import CaseFile, Rows
from checkpoints.database import Tx
from checkpoints.schema import (
    cases,
    decisions,
    effects,
    letters,
    match_keys,
    match_order,
    recordings,
    reviews,
    submissions,
)
from checkpoints.sealed import SEALED_IN

_SINCE: Final[dict[str, tuple[Table, str]]] = {
    "submissions": (submissions, "received_at"),
    "reviews": (reviews, "opened_at"),
    "decisions": (decisions, "at"),
    "effects": (effects, "created_at"),
    "letters": (letters, "created_at"),
}


def sealed_row(tx: Tx, table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a case file as the ledger stores it; columns the table does not have are left out."""
    kept = {column.name: row[column.name] for column in table.columns if column.name in row}
    sealed = SEALED_IN.get(table.name)
    if sealed is not None and kept.get(sealed.column) is not None:
        kept[sealed.column] = tx.codec.dump(kept[sealed.column], sealed.place(kept))
    return kept


def put(tx: Tx, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of a case file."""
    for row in rows:
        tx.conn.execute(insert(table), sealed_row(tx, table, row))


def begin(tx: Tx, file: CaseFile) -> None:
    """The case as it was accepted: every application version at hand, nothing done yet."""
    put(tx, cases, [_new(file.case) | {"status": "received"}])
    put(tx, submissions, file.submissions)


def begin_at(tx: Tx, file: CaseFile, at: str, version: int) -> None:
    """The case as the ledger knew it at the time ``at``, with work due."""
    put(tx, cases, [_new(file.case) | {"status": "processing", "version": version}])
    put(tx, submissions, file.submissions)
    for name in ("reviews", "decisions", "effects", "letters"):
        table, column = _SINCE[name]
        put(tx, table, (row for row in _as_of(file, name, at) if row[column] <= at))
    shown = [row["shown"] for row in file.reviews if row["stage"] == "review" and row["opened_at"] <= at]
    if shown:
        values = {"document": tx.codec.dump(shown[-1], f"case:{file.id}")}
        tx.conn.execute(cases.update().where(cases.c.id == file.id), values)


def _new(case: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"id", "client", "external_ref", "submitted_at", "updated_at", "graph_version"}
    return {name: case[name] for name in kept} | {"version": 1, "work_asked": 1, "work_done": 0, "attempts": 0}


def _as_of(file: CaseFile, name: str, at: str) -> Rows:
    """Rows with the status they had then."""
    rows: Rows = getattr(file, name)
    if name == "reviews":
        ended = {row["review_id"] for row in file.decisions if row["at"] <= at}
        return [row | {"status": "decided" if row["id"] in ended else "waiting"} for row in rows]
    if name == "effects":
        return [row | effect_at(file, row["key"], at) for row in rows]
    return rows


def effect_at(file: CaseFile, key: str, at: str) -> dict[str, Any]:
    """Status, reference and detail of one effect at the time ``at``, from the trail."""
    status: dict[str, Any] = {"status": "intent", "reference": None, "detail": None}
    for event in file.audit:
        kind, data = event["type"], event["data"]
        if event["at"] <= at and data.get("key") == key and kind in SETTLED:
            status = {"status": SETTLED[kind], "reference": data.get("reference"), "detail": data.get("detail")}
    return status


SETTLED: Final = {
    f"activation.{status}": status
    for status in ("active", "refused", "unavailable", "cancelled", "cancel_refused", "absent")
}
"""Events that say how a call to a service ended."""


def priors(tx: Tx, case_id: str, known: Iterable[tuple[str, dict[str, Any], list[str]]]) -> None:
    """The earlier applications: ``(case id, record, look-up keys)`` in their order, known before this case."""
    for table in (match_keys, match_order):
        tx.conn.execute(delete(table))
    tx.conn.execute(delete(cases).where(cases.c.id != case_id))
    for id_, record, keys in known:
        row = {"id": id_, "client": "prior", "status": "active", "submitted_at": tx.now, "updated_at": tx.now}
        put(tx, cases, [row | {"graph_version": "", "document": record, "work_asked": 0}])
        tx.conn.execute(insert(match_order), {"case_id": id_})
        matches.index(tx, id_, keys)


def answers(tx: Tx, file: CaseFile, version: int) -> None:
    """What a model answered on this application version."""
    put(tx, recordings, (row for row in file.recordings if row["version"] == version))


def status(tx: Tx, case_id: str) -> tuple[str, str | None]:
    """The case's status and problem."""
    row = tx.conn.execute(select(cases.c.status, cases.c.problem).where(cases.c.id == case_id)).one()
    return row.status, row.problem
