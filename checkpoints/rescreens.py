"""Active merchants screened again: each case once a list version, each hit told once."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from checkpoints.database import Tx
from checkpoints.prepared import Prepared
from checkpoints.schema import cases, rescreens

ACTIVE: Final = "active"
_HITS: Final = Prepared(select(rescreens.c.hits).where(rescreens.c.case_id == bindparam("of_case")))


def outstanding(tx: Tx, list_version: str, after: int, limit: int) -> list[Any]:
    """Active cases not yet screened with this list, as rows of ``cases`` in order behind ``after``."""
    done = select(rescreens.c.case_id).where(rescreens.c.list_version == list_version)
    query = select(cases).where(cases.c.status == ACTIVE, cases.c.seq > after, cases.c.id.not_in(done))
    query = query.where(cases.c.copied_from.is_(None), cases.c.erased_at.is_(None))
    return list(tx.conn.execute(query.order_by(cases.c.seq).limit(limit)))


def told(tx: Tx, case_id: str) -> tuple[str | None, list[list[str]]]:
    """The list it was screened with last, and the hits that were told since the decision, as ``[subject, entry]``."""
    row = tx.conn.execute(select(rescreens).where(rescreens.c.case_id == case_id).with_for_update()).first()
    return (row.list_version, tx.codec.load(row.told, f"rescreen:{case_id}")) if row else (None, [])


def keep(tx: Tx, case_id: str, list_version: str, all_told: Sequence[Sequence[str]], new: int) -> None:
    """It was screened with this list; ``all_told`` are the hits that were told by now, the last ``new`` of them now."""
    values = {
        "list_version": list_version,
        "hits": hits(tx, case_id) + new,
        "told": tx.codec.dump([list(hit) for hit in all_told], f"rescreen:{case_id}"),
        "at": tx.now,
    }
    changed = tx.conn.execute(update(rescreens).where(rescreens.c.case_id == case_id), values)
    if not changed.rowcount:
        tx.conn.execute(insert(rescreens), {"case_id": case_id, **values})


def clear(tx: Tx, case_id: str) -> None:
    """Take the mark off; what was told stays told."""
    tx.conn.execute(update(rescreens).where(rescreens.c.case_id == case_id), {"hits": 0})


def hits(tx: Tx, case_id: str) -> int:
    """How many hits came up on an active case that nobody has looked at yet."""
    return int(_HITS.scalar(tx, of_case=case_id) or 0)


def marked(tx: Tx) -> int:
    """How many active cases have such hits."""
    query = select(func.count()).select_from(rescreens.join(cases, cases.c.id == rescreens.c.case_id))
    return int(tx.conn.execute(query.where(rescreens.c.hits > 0, cases.c.status == ACTIVE)).scalar_one())
