"""Seals over the audit trail of all cases: each names the newest event of every case that moved since the one before.

A case's own chain shows a changed or a missing event in its middle; a seal shows that its end, or all of it, is gone.
Seals hash the seal before and carry a keyed code, so who can only write to the database cannot make one. An anchor
(the newest seal's hash, kept elsewhere) shows that the newest seals themselves are gone.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import func, insert, select, tuple_

from checkpoints.audit import GENESIS
from checkpoints.database import Tx
from checkpoints.documents import canonical, digest
from checkpoints.schema import audit, audit_seals

MAX_EVENTS: Final = 20_000
OVERLAP: Final = 2_000
"""PostgreSQL numbers events before it shows them: so many are looked at again."""
_CHUNK: Final = 200
_LOCK: Final = 7_301_946_252
Mac = Callable[[str], str]


def unsealed(tx: Tx) -> tuple[int, str | None]:
    """How far the trail has grown since the newest seal, in event numbers, and when that seal was made."""
    last = newest(tx)
    top = tx.conn.scalar(select(func.max(audit.c.seq))) or 0
    return top - (last.to_seq if last else 0), last.at if last else None


def newest(tx: Tx) -> Any | None:
    """The newest seal's row."""
    return tx.conn.execute(select(audit_seals).order_by(audit_seals.c.no.desc()).limit(1)).first()


def seal(tx: Tx, mac: Mac) -> bool:
    """Seal what came since the newest seal; False when nothing did. One seals at a time."""
    if tx.conn.dialect.name == "postgresql":
        tx.conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    last = newest(tx)
    since = last.to_seq if last else 0
    wanted = select(audit.c.seq).where(audit.c.seq > since).order_by(audit.c.seq).limit(MAX_EVENTS)
    top = tx.conn.scalar(select(func.max(wanted.subquery().c.seq)))
    if top is None:
        return False
    start = since - OVERLAP if tx.conn.dialect.name == "postgresql" else since
    body = {"heads": _heads(tx, start, top)}
    before = last.hash if last else GENESIS
    row = {"at": tx.now, "to_seq": top, "body_hash": digest(body), "prev_hash": before}
    row["hash"] = _hash(row)
    sealed = {"body": tx.codec.dump(body, f"seal:{before}"), "mac": mac(str(row["hash"]))}
    tx.conn.execute(insert(audit_seals), row | sealed)
    return True


def _heads(tx: Tx, start: int, top: int) -> dict[str, list[Any]]:
    """``{case id: [case_seq, hash]}`` of the newest event of every case in this range."""
    last = (
        select(audit.c.case_id, func.max(audit.c.case_seq).label("case_seq"))
        .where(audit.c.seq > start, audit.c.seq <= top)
        .group_by(audit.c.case_id)
        .subquery()
    )
    on = (audit.c.case_id == last.c.case_id) & (audit.c.case_seq == last.c.case_seq)
    rows = tx.conn.execute(select(audit.c.case_id, audit.c.case_seq, audit.c.hash).join(last, on))
    return {row.case_id: [row.case_seq, row.hash] for row in rows}


def _hash(row: Any) -> str:
    fields = ("at", "to_seq", "body_hash", "prev_hash")
    return hashlib.sha256(canonical({field: row[field] for field in fields})).hexdigest()


def broken_seals(tx: Tx, mac: Mac) -> Iterator[str]:
    """Every seal that does not hold, oldest first, as a sentence naming the case and the event that is gone."""
    before, told = GENESIS, set[str]()
    for row in tx.conn.execute(select(audit_seals).order_by(audit_seals.c.no)):
        name = f"seal {row.no} of {row.at}"
        if row.prev_hash != before:
            yield f"{name} does not follow the seal before it"
        before = row.hash
        if row.hash != _hash(row._asdict()) or row.mac != mac(row.hash):
            yield f"{name} was changed, or made with another secret"
            continue
        body = tx.codec.load(row.body, f"seal:{row.prev_hash}")
        if digest(body) != row.body_hash:
            yield f"{name} carries other data than was sealed"
            continue
        for case_id, number, why in _gone(tx, body["heads"]):
            if case_id not in told:
                yield f"case {case_id}: event {number}, sealed at {row.at}, {why}"
            told.add(case_id)


def _gone(tx: Tx, heads: dict[str, list[Any]]) -> Iterator[tuple[str, int, str]]:
    wanted = [(case_id, number, hash_) for case_id, (number, hash_) in heads.items()]
    place = tuple_(audit.c.case_id, audit.c.case_seq)
    for start in range(0, len(wanted), _CHUNK):
        some = wanted[start : start + _CHUNK]
        query = select(audit.c.case_id, audit.c.case_seq, audit.c.hash)
        rows = tx.conn.execute(query.where(place.in_([(case_id, number) for case_id, number, _ in some])))
        here = {(row.case_id, row.case_seq): row.hash for row in rows}
        for case_id, number, hash_ in some:
            found = here.get((case_id, number))
            if found != hash_:
                yield case_id, number, "is gone" if found is None else "is another than was sealed"


def anchor(tx: Tx) -> dict[str, Any] | None:
    """What to keep elsewhere: ``{seal, at, hash, mac}`` of the newest seal; None before the first."""
    row = newest(tx)
    return {"seal": row.no, "at": row.at, "hash": row.hash, "mac": row.mac} if row else None


def holds(tx: Tx, kept: dict[str, Any]) -> bool:
    """Whether the seal that an anchor names is still there as it was."""
    query = select(audit_seals.c.hash).where(audit_seals.c.no == kept["seal"])
    return bool(tx.conn.scalar(query) == kept["hash"])


def everything(tx: Tx) -> Iterator[dict[str, Any]]:
    """Every seal, opened, oldest first."""
    for row in tx.conn.execute(select(audit_seals).order_by(audit_seals.c.no)):
        yield row._asdict() | {"body": tx.codec.load(row.body, f"seal:{row.prev_hash}")}


def broken_among(rows: list[dict[str, Any]], events: list[dict[str, Any]]) -> Iterator[str]:
    """The same check on an exported trail, without the keyed code: that takes the secret."""
    here = {(event["case_id"], event["case_seq"]): event["hash"] for event in events}
    before = GENESIS
    for row in rows:
        name = f"seal {row['no']} of {row['at']}"
        if row["prev_hash"] != before:
            yield f"{name} does not follow the seal before it"
        before = row["hash"]
        if row["hash"] != _hash(row) or digest(row["body"]) != row["body_hash"]:
            yield f"{name} was changed"
        for case_id, (number, hash_) in row["body"]["heads"].items():
            if here.get((case_id, number)) != hash_:
                yield f"case {case_id}: event {number}, sealed at {row['at']}, is gone or another"
