"""Who may come in: bearer tokens and the one-time links of approval letters. Only hashes are stored."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from checkpoints.database import Tx, stamp
from checkpoints.prepared import Prepared
from checkpoints.schema import links, tokens

MAX_TOKEN: Final = 200
SENIOR: Final = ("senior_reviewer", "admin")
"""Roles that may give a second approval."""
_TOKEN: Final = Prepared(select(tokens).where(tokens.c.token_hash == bindparam("of_hash")))
_TOKENS: Final = Prepared(select(tokens).order_by(tokens.c.created_at))
_LINK: Final = Prepared(select(links).where(links.c.token_hash == bindparam("of_hash")))
_ADD_LINK: Final = Prepared(insert(links), "token_hash", "review_id", "action", "reviewer", "expires_at")


def hashed(token: str) -> str:
    """High-entropy secrets need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def create_token(
    tx: Tx,
    name: str,
    role: str,
    *,
    token: str | None = None,
    expires_at: datetime | None = None,
    email: str | None = None,
) -> str:
    """Make a bearer token and return it; it is shown this once. ``email``: whose it is, whatever the name says."""
    token = token or f"onb_{secrets.token_urlsafe(32)}"
    row = {"token_hash": hashed(token), "name": name, "role": role, "created_at": tx.now, "email": email}
    row["expires_at"] = stamp(expires_at) if expires_at else None
    into = (postgresql if tx.conn.dialect.name == "postgresql" else sqlite).insert(tokens)
    tx.conn.execute(into.on_conflict_do_nothing(), row)  # replicas that start together make the same one
    return token


def bearer(tx: Tx, token: str) -> Any | None:
    """The live token's row, or None."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    row = _TOKEN.first(tx, of_hash=hashed(token))
    if row is None or row.revoked_at or (row.expires_at and row.expires_at <= tx.now):
        return None
    return row


class Person(NamedTuple):
    """One human: every name and address by which they are known, as written, and the tokens that are theirs.

    Two names are one human's when a token says so, by its e-mail address or by being written alike in any letter case.
    """

    names: frozenset[str]
    tokens: list[Any]

    def is_named(self, name: str) -> bool:
        """Whether ``name`` is this person, in whatever letter case it is written."""
        return name.casefold() in {known.casefold() for known in self.names}


def person(tx: Tx, name: str) -> Person:
    """Who that is. Tokens that ended count too: whoever held one is still the same human."""
    known, mine = {name}, list[Any]()
    rows = _TOKENS.all(tx)
    while True:
        folded = {one.casefold() for one in known}
        found = [row for row in rows if {row.name.casefold(), (row.email or row.name).casefold()} & folded]
        if len(found) == len(mine):
            return Person(frozenset(known), mine)
        mine = found
        known |= {one for row in mine for one in (row.name, row.email) if one}


def roles_of(tx: Tx, name: str) -> set[str]:
    """The roles of this person's live tokens."""
    return {row.role for row in person(tx, name).tokens if _is_live(tx, row)}


def _is_live(tx: Tx, row: Any) -> bool:
    return not row.revoked_at and (row.expires_at is None or row.expires_at > tx.now)


def standing(tx: Tx, name: str, *, listed: bool) -> set[str]:
    """The roles a person acts under now; empty: nobody who may come in.

    Whoever ever had a token has the roles of the live ones alone, so that revoking takes everything away. An address
    that never had one is trusted as a senior reviewer if the operator ``listed`` it.
    """
    held = person(tx, name).tokens
    return {row.role for row in held if _is_live(tx, row)} if held or not listed else {"senior_reviewer"}


def deciders(tx: Tx, listed: Collection[str]) -> list[str]:
    """Everybody who may decide now, by name; ``listed`` are the addresses that the operator trusts."""
    live = (tokens.c.revoked_at.is_(None), or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > tx.now))
    query = select(tokens.c.name).where(tokens.c.role.in_(("reviewer", "senior_reviewer", "admin")), *live).distinct()
    people = set(tx.conn.scalars(query))
    return sorted(people | {name for name in listed if standing(tx, name, listed=True) - {"backend"}}, key=str.casefold)


def seniors(tx: Tx, listed: Sequence[str]) -> list[str]:
    """Everybody who may give a second approval now, by address where one is known: holders of such tokens, and

    addresses trusted as such.
    """
    held = [row.email or row.name for row in _TOKENS.all(tx) if row.role in SENIOR and _is_live(tx, row)]
    names = [*sorted(held), *(name for name in listed if standing(tx, name, listed=True) & set(SENIOR))]
    return list({name.casefold(): name for name in reversed(names)}.values())[::-1]


def named(tx: Tx, name: str) -> str | None:
    """How a live token of the person who goes by this name or address is named, the oldest first."""
    return next((str(row.name) for row in person(tx, name).tokens if not row.revoked_at), None)


def revoke(tx: Tx, name: str) -> int:
    """End every live token of this name; returns how many."""
    query = update(tokens).where(tokens.c.name == name, tokens.c.revoked_at.is_(None))
    return tx.conn.execute(query, {"revoked_at": tx.now}).rowcount


def create_link(tx: Tx, token: str, *, review_id: str, action: str, reviewer: str, expires_at: datetime) -> None:
    """Remember a link by its hash: one review, one action, one reviewer."""
    row = {
        "token_hash": hashed(token),
        "review_id": review_id,
        "action": action,
        "reviewer": reviewer,
        "expires_at": stamp(expires_at),
    }
    if _LINK.first(tx, of_hash=row["token_hash"]) is None:
        _ADD_LINK.run(tx, **row)


LinkRow = Any


def link(tx: Tx, token: str) -> LinkRow | None:
    """The link's row by its token, or None."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    return _LINK.first(tx, of_hash=hashed(token))
