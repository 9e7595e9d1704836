"""What is given up in time: checkpoints of closed cases, and on request a merchant's personal data."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import delete, select, update

from checkpoints import audit as trail
from checkpoints import cases as case_rows
from checkpoints import traces
from checkpoints.casefile import ERASED
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.schema import audit, cases, decisions, letters, match_keys, recordings, reviews, submissions
from checkpoints.sealed import SEALED, SEALED_IN, Sealed
from onboarding.case import CLOSED
from onboarding.errors import Conflict, TamperedRecord

_KEPT_OF_A_DECISION: Final = ("action", "reason_codes", "version")
"""What stays of a decision's body: codes, no words of anybody's."""

_KEPT_TABLES: Final = frozenset(table.name for table in (audit, decisions, letters, recordings, reviews, submissions))
"""Tables whose rows stay, with or without their documents; what else belongs to a case goes."""


def prunable(tx: Tx, before: str, limit: int) -> list[str]:
    """Cases closed before this time that still have all their checkpoints, oldest first."""
    query = (
        select(cases.c.id)
        .where(cases.c.closed_at <= before, cases.c.pruned_at.is_(None), cases.c.status.in_(sorted(CLOSED)))
        .order_by(cases.c.closed_at)
        .limit(limit)
    )
    return list(tx.conn.scalars(query))


def pruned(tx: Tx, ids: Sequence[str]) -> None:
    """Remember that these cases keep their last checkpoint only."""
    tx.conn.execute(update(cases).where(cases.c.id.in_(ids)), {"pruned_at": tx.now})
    traces.forget(tx, list(ids))
    for case_id in ids:
        trail.append(tx, case_id, "onboarding", "case.pruned", {})


def erase(tx: Tx, case_id: str, actor: str) -> bool:
    """Erase what a closed case says about anybody; False when that was done before.

    Who decided what, when, and on what hash, stays, and so do the trail and every hash; the documents under those
    hashes are gone. Raises CaseNotFound, Conflict while the case is open.
    """
    case = case_rows.get(tx, case_id)
    if case.erased_at:
        return False
    if case.status not in CLOSED and not case.copied_from:
        raise Conflict("Only a closed case can be erased; withdraw it first.")
    gone = {ERASED: tx.now}
    for table in (submissions, reviews, letters, recordings):
        _replace(tx, SEALED_IN[table.name], case_id, lambda body: gone)
    _replace(tx, SEALED_IN[decisions.name], case_id, lambda body: gone | _codes(body))
    for sealed in SEALED:
        if sealed.case == "case_id" and sealed.table.name not in _KEPT_TABLES:
            tx.conn.execute(delete(sealed.table).where(sealed.table.c.case_id == case_id))
    unsent = update(letters).where(letters.c.case_id == case_id, letters.c.status == "queued")
    tx.conn.execute(unsent, {"status": ERASED})
    tx.conn.execute(delete(match_keys).where(match_keys.c.case_id == case_id))
    values: dict[str, Any] = {"document": None, "erased_at": tx.now, "pruned_at": tx.now}
    tx.conn.execute(update(cases).where(cases.c.id == case_id), values)
    trail.append(tx, case_id, actor, "case.erased", {})
    return True


def _codes(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _KEPT_OF_A_DECISION if name in body}


def _replace(tx: Tx, sealed: Sealed, case_id: str, change: Any) -> None:
    table, column = sealed.table, sealed.column
    for row in tx.conn.execute(select(table).where(table.c.case_id == case_id)).all():
        found = row._asdict()
        body = change(tx.codec.load(found[column], sealed.place(found)))
        at = [table.c[name] == found[name] for name in sealed.key]
        tx.conn.execute(update(table).where(*at), {column: tx.codec.dump(body, sealed.place(found))})


def overwriting(tx: Tx) -> None:
    """From here on what SQLite gives up is overwritten in the file (PostgreSQL: vacuum does it in its time)."""
    if tx.conn.dialect.name == "sqlite":
        tx.conn.exec_driver_sql("PRAGMA secure_delete=ON")


def overwriting_no_more(tx: Tx) -> None:
    """The end of :func:`overwriting`."""
    if tx.conn.dialect.name == "sqlite":
        tx.conn.exec_driver_sql("PRAGMA secure_delete=OFF")


def empty_log(url: str) -> None:
    """Empty SQLite's write-ahead log, which holds pages as they were; as far as nobody is reading from it."""
    if url.startswith("sqlite:///"):
        conn = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.close()


def reseal(
    tx: Tx, sealed: Sealed, after: tuple[Any, ...] | None, limit: int, told: Callable[[str], None]
) -> tuple[int, tuple[Any, ...] | None]:
    """Seal the next ``limit`` documents of one column with the key in force; returns how many, and where to go on.

    ``after`` is the primary key that was done last. ``told`` hears of documents that do not open; they stay.
    """
    table, column = sealed.table, sealed.column
    keys = [table.c[name] for name in sealed.key]
    query = select(table).where(table.c[column].is_not(None)).order_by(*keys).limit(limit).with_for_update()
    if after is not None:
        query = query.where(_beyond(keys, after))
    rows = [row._asdict() for row in tx.conn.execute(query)]
    done = sum(_sealed_anew(tx, sealed, row, told) for row in rows)
    return done, tuple(rows[-1][name] for name in sealed.key) if rows else None


def _sealed_anew(tx: Tx, sealed: Sealed, row: dict[str, Any], told: Callable[[str], None]) -> bool:
    body, place = row[sealed.column], sealed.place(row)
    if tx.codec.is_current(body):
        return False
    try:
        new = tx.codec.seal(tx.codec.open(body, place), place)
    except TamperedRecord as error:
        told(error.detail)
        return False
    at = [sealed.table.c[name] == row[name] for name in sealed.key]
    tx.conn.execute(update(sealed.table).where(*at), {sealed.column: new})
    return True


def unreadable(tx: Tx) -> Iterator[str]:
    """Every document that does not open, as a sentence."""
    for sealed in SEALED:
        for row in tx.conn.execute(select(sealed.table).where(sealed.table.c[sealed.column].is_not(None))):
            found = row._asdict()
            try:
                tx.codec.load(found[sealed.column], sealed.place(found))
            except TamperedRecord as error:
                yield error.detail


def rewritten(tx: Tx) -> Iterator[str]:
    """Every review that opens and is not what was shown, and every decision that the trail does not know, in words."""
    opened, made = _told(tx, "wait.opened"), _told(tx, "decision.recorded")
    for row in tx.conn.execute(select(reviews)):
        try:
            document = tx.codec.load(row.shown, f"review:{row.id}")
        except TamperedRecord:  # told by unreadable
            continue
        changed = ERASED not in document and digest(document) != row.shown_hash
        if changed or opened.get(row.id, {}).get("shown_hash") != row.shown_hash:
            yield f"What was shown in review {row.id} of case {row.case_id} is not what is stored any more."
    for row in tx.conn.execute(select(decisions)):
        event = made.get(row.review_id, {})
        if any(event.get(name) != getattr(row, name) for name in ("actor", "action", "version", "shown_hash")):
            yield f"The decision on review {row.review_id} of case {row.case_id} is not one that the trail knows."


def _told(tx: Tx, kind: str) -> dict[str, dict[str, Any]]:
    """What the trail's events of a kind say of each review, and who their actor was."""
    found: dict[str, dict[str, Any]] = {}
    for row in tx.conn.execute(select(audit).where(audit.c.type == kind)):
        with suppress(TamperedRecord):  # told by unreadable
            data = tx.codec.load(row.data, f"audit:{row.case_id}:{row.case_seq}")
            found[data["review_id"]] = data | {"actor": row.actor}
    return found


def _beyond(keys: Sequence[Any], after: tuple[Any, ...]) -> Any:
    """``(a, b) > (x, y)`` in words every database has."""
    first, *rest = keys
    if not rest:
        return first > after[0]
    return (first > after[0]) | ((first == after[0]) & _beyond(rest, after[1:]))
