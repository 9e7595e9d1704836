"""Look-ups by keyed hash: duplicates, shared accounts, and search. No value stands in the clear."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, exists, func, insert, or_, select, text

from checkpoints.database import Tx
from checkpoints.prepared import Prepared
from checkpoints.schema import cases, match_keys, match_order

_KEYS: Final = Prepared(select(match_keys.c.key_hash).where(match_keys.c.case_id == bindparam("of_case")))
_ADD_KEY: Final = Prepared(insert(match_keys), "key_hash", "case_id")
_PLACE: Final = Prepared(select(match_order.c.seq).where(match_order.c.case_id == bindparam("of_case")))
_ALONE: Final = Prepared(text("SELECT pg_advisory_xact_lock(7301946251)"))
_ADD_PLACE: Final = Prepared(insert(match_order), "case_id")


@lru_cache(maxsize=64)
def _earlier(keys: int) -> Prepared:
    """The search for that many keys."""
    wanted: list[BindParameter[str]] = [bindparam(f"key_{n}") for n in range(keys)]
    mine = select(match_order.c.seq).where(match_order.c.case_id == bindparam("of_case")).scalar_subquery()
    found = (
        select(match_keys.c.case_id, func.count().label("shared"))
        .where(match_keys.c.key_hash.in_(wanted))
        .group_by(match_keys.c.case_id)
        .subquery()
    )
    query = (
        select(cases, match_order.c.seq.label("known"))
        .join(found, found.c.case_id == cases.c.id)
        .join(match_order, match_order.c.case_id == cases.c.id)
        .where(match_order.c.seq < mine)
        .order_by(found.c.shared.desc(), match_order.c.seq)
        .limit(bindparam("most"))
    )
    return Prepared(query)


def index(tx: Tx, case_id: str, keys: Iterable[str]) -> None:
    """Add look-up keys (already hashed) of the case."""
    standing = {row.key_hash for row in _KEYS.all(tx, of_case=case_id)}
    new = [{"key_hash": key, "case_id": case_id} for key in dict.fromkeys(keys) if key not in standing]
    _ADD_KEY.many(tx, new)


def earlier_matches(tx: Tx, case_id: str, keys: Iterable[str], limit: int = 200) -> list[Any]:
    """Index the case under ``keys`` and return rows of cases known before it that share any, oldest first.

    One transaction for both, and a standing order: of two that look alike at least one is told, and always the same.
    """
    wanted = list(dict.fromkeys(keys))
    if tx.dialect == "postgresql":
        _ALONE.first(tx)
    if _PLACE.first(tx, of_case=case_id) is None:
        _ADD_PLACE.run(tx, case_id=case_id)
    index(tx, case_id, wanted)
    if not wanted:
        return []
    given = {f"key_{n}": key for n, key in enumerate(wanted)}
    rows = _earlier(len(wanted)).all(tx, of_case=case_id, most=limit, **given)
    # those that share the most come first, so that a crowded postcode never pushes out an equal number
    return sorted(rows, key=lambda row: row.known)


def alike(tx: Tx, case_id: str, keys: Iterable[str], limit: int) -> list[Any]:
    """Rows of other cases, earlier or later, that share any of these look-up keys; those that share most come first."""
    found = (
        select(match_keys.c.case_id, func.count().label("shared"))
        .where(match_keys.c.key_hash.in_(list(dict.fromkeys(keys))), match_keys.c.case_id != case_id)
        .group_by(match_keys.c.case_id)
        .order_by(func.count().desc(), match_keys.c.case_id)
        .limit(limit)
        .subquery()
    )
    query = select(cases).join(found, found.c.case_id == cases.c.id).order_by(found.c.shared.desc(), cases.c.seq)
    return list(tx.conn.execute(query))


COMMON: Final = 300
"""A word that so many cases carry is looked for along the list; a rarer one leads straight to its cases."""


def search(tx: Tx, text: str, terms: list[str], among: Sequence[ColumnElement[bool]] = ()) -> ColumnElement[bool]:
    """Cases whose id or reference is ``text``, or that carry every one of the (hashed) ``terms``.

    A term is a word, or how a word of a name begins: both are kept in the same form.

    However many cases carry a word, no page of them is cut off. ``among`` is what the list asks of a case besides.
    """
    exact = and_(or_(cases.c.id == text, cases.c.external_ref == text), *among)
    if not terms:
        return exact
    rarest, count = min(((term, _carriers(tx, term)) for term in dict.fromkeys(terms)), key=lambda found: found[1])
    known = list(tx.conn.scalars(select(cases.c.id).where(exact).limit(COMMON)))
    if count >= COMMON:
        carrying_all = and_(*(_carries(cases.c.id, term) for term in terms))
        return or_(cases.c.id.in_(known), carrying_all) if known else carrying_all
    carrying = select(match_keys.c.case_id).where(match_keys.c.key_hash == rarest)
    others = [_carries(match_keys.c.case_id, term) for term in terms if term != rarest]
    ids = set(tx.conn.scalars(carrying.where(*others)))
    return cases.c.id.in_(sorted({*ids, *known}))


def _carriers(tx: Tx, term: str) -> int:
    """How many cases carry the term, counted no further than :data:`COMMON`."""
    carrying = select(match_keys.c.case_id).where(match_keys.c.key_hash == term).limit(COMMON)
    return int(tx.conn.execute(select(func.count()).select_from(carrying.subquery())).scalar_one())


def _carries(case_id: Any, term: str) -> ColumnElement[bool]:
    keys = match_keys.alias()
    return exists().where(keys.c.key_hash == term, keys.c.case_id == case_id)
