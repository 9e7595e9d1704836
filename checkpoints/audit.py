"""The audit trail: who did what, when, why. Each event of a case hashes the one before it."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from sqlalchemy import bindparam, insert, select

from checkpoints.documents import canonical, digest
from checkpoints.prepared import Prepared
from checkpoints.schema import audit, cases
from checkpoints.transaction import Tx, wire_of
from onboarding.errors import TamperedRecord

GENESIS: Final = "0" * 64
_LAST: Final = Prepared(
    select(audit.c.case_seq, audit.c.hash)
    .where(audit.c.case_id == bindparam("of_case"))
    .order_by(audit.c.case_seq.desc())
    .limit(1)
)
_HOLD: Final = Prepared(select(cases.c.seq).where(cases.c.id == bindparam("of_case")).with_for_update(key_share=True))
_HOLD_ALL: Final = "SELECT seq FROM cases WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"
_ENDS: Final = """
SELECT of.case_id, last.case_seq, last.hash FROM unnest($1::text[]) AS of (case_id), LATERAL (
  SELECT case_seq, hash FROM audit WHERE audit.case_id = of.case_id ORDER BY case_seq DESC LIMIT 1
) AS last
"""
_INSERT: Final = Prepared(insert(audit), *(column.key for column in audit.c if column.key != "seq"))
_OF_CASE: Final = Prepared(
    select(audit)
    .where(audit.c.case_id == bindparam("of_case"), audit.c.case_seq > bindparam("after"))
    .order_by(audit.c.case_seq)
)


def link(event: dict[str, Any]) -> str:
    """The hash of one event: over its place, author, type, the hash of its data, and the event before."""
    fields = ("case_id", "case_seq", "at", "actor", "type", "data_hash", "prev_hash")
    return hashlib.sha256(canonical({field: event[field] for field in fields})).hexdigest()


class _Gathered:
    """The events of one transaction: chained case by case and written together when the work ends."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, dict[str, Any]]] = []

    def __call__(self, tx: Tx) -> None:
        _INSERT.many(tx, [_chained(tx, *event) for event in self.events])
        self.events.clear()


def _chained(tx: Tx, case_id: str, actor: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The event's row, which is the end of its case's chain from now on."""
    last, before = tx.heads.get(case_id) or _head(tx, case_id)
    row: dict[str, Any] = {
        "case_id": case_id,
        "case_seq": last + 1,
        "at": tx.now,
        "actor": actor,
        "type": kind,
        "data": tx.codec.dump(data, f"audit:{case_id}:{last + 1}"),
        "data_hash": digest(data),
        "prev_hash": before,
    }
    row["hash"] = link(row)
    tx.heads[case_id] = (last + 1, row["hash"])
    return row


def _head(tx: Tx, case_id: str) -> tuple[int, str]:
    last = _LAST.first(tx, of_case=case_id)
    return (last.case_seq, last.hash) if last else (0, GENESIS)


def begin(tx: Tx, case_id: str) -> None:
    """A case that is written in this very transaction has no events yet."""
    tx.heads[case_id] = (0, GENESIS)
    tx.touched.add(case_id)


def append(tx: Tx, case_id: str, actor: str, kind: str, data: dict[str, Any] | None = None) -> None:
    """Add an event to the case's chain, in the transaction of what it reports. No personal data in ``data``."""
    hold(tx, case_id)
    tx.touched.add(case_id)
    gathered = tx.closing.setdefault(append, _Gathered())
    assert isinstance(gathered, _Gathered)
    gathered.events.append((case_id, actor, kind, data or {}))


def hold(tx: Tx, case_id: str) -> None:
    """Be the only one who writes to this case until the transaction ends. SQLite has one writer anyway."""
    if tx.dialect == "postgresql" and case_id not in tx.touched:
        _HOLD.first(tx, of_case=case_id)
        tx.touched.add(case_id)


def hold_all(tx: Tx, case_ids: Collection[str]) -> None:
    """The same for several cases, in one order for all who do so; where their chains end is known then. PostgreSQL."""
    wire, wanted = wire_of(tx), [sorted(case_ids)]
    wire.execute(_HOLD_ALL, wanted)
    tx.touched.update(case_ids)
    for case_id, number, hash_ in wire.execute(_ENDS, wanted).fetchall():
        tx.heads[case_id] = (number, hash_)


def trail(tx: Tx, case_id: str, after: int = 0) -> list[dict[str, Any]]:
    """The case's events from ``after`` on: ``{seq, at, actor, type, data, hash}``, seq counting from 1 in the case."""
    rows = _OF_CASE.all(tx, of_case=case_id, after=after)
    return [
        {
            "seq": row.case_seq,
            "at": row.at,
            "actor": row.actor,
            "type": row.type,
            "data": tx.codec.load(row.data, f"audit:{case_id}:{row.case_seq}"),
            "hash": row.hash,
        }
        for row in rows
    ]


def everything(tx: Tx) -> Iterator[dict[str, Any]]:
    """Every event of every case, opened, case by case: to be taken away and verified elsewhere."""
    for row in tx.conn.execute(select(audit).order_by(audit.c.case_id, audit.c.case_seq)):
        yield row._asdict() | {"data": tx.codec.load(row.data, f"audit:{row.case_id}:{row.case_seq}")}


def broken_links(tx: Tx) -> Iterator[str]:
    """Every place where a chain does not hold, as a sentence naming the case and the first bad event."""
    return _broken(_opened(tx))


def broken_among(events: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The same check on exported events, which stand case by case in their order."""
    return _broken(events)


def _opened(tx: Tx) -> Iterator[dict[str, Any]]:
    for row in tx.conn.execute(select(audit).order_by(audit.c.case_id, audit.c.case_seq)):
        try:
            data = tx.codec.load(row.data, f"audit:{row.case_id}:{row.case_seq}")
        except TamperedRecord:
            data = None
        yield row._asdict() | {"data": data}


def _broken(events: Iterable[dict[str, Any]]) -> Iterator[str]:
    expected: dict[str, tuple[int, str]] = {}
    bad: set[str] = set()
    for event in events:
        case_id = event["case_id"]
        if case_id in bad:
            continue
        problem = _problem(event, *expected.get(case_id, (0, GENESIS)))
        if problem:
            bad.add(case_id)
            yield f"case {case_id}: event {event['case_seq']} {problem}"
        expected[case_id] = (event["case_seq"], event["hash"])


def _problem(event: dict[str, Any], number: int, before: str) -> str | None:
    if event["case_seq"] != number + 1:
        return f"stands where event {number + 1} should"
    if event["prev_hash"] != before:
        return "does not follow the event before it"
    if event["hash"] != link(event):
        return "was changed"
    return "carries other data than was recorded" if event["data_hash"] != digest(event["data"]) else None
