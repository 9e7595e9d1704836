"""People at the desk: one-time sign-in links, sessions, and what was typed when one ended. Only hashes are stored."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from checkpoints import audit
from checkpoints.access import MAX_TOKEN, hashed
from checkpoints.database import Tx, stamp
from checkpoints.schema import drafts, sessions, sign_in_links

LASTS: Final = timedelta(hours=12)
KEPT: Final = timedelta(days=7)
"""How long an ended session is still known: long enough to give back what was typed into its forms."""
_LOCK: Final = 7_301_946_252


def note(tx: Tx, name: str, kind: str, data: dict[str, Any] | None = None) -> None:
    """An event in this person's own chain of the trail: what they did at the desk that belongs to no case."""
    if tx.conn.dialect.name == "postgresql":
        tx.conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    audit.append(tx, f"person:{name.lower()}", name, kind, data)


def create_link(tx: Tx, token: str, name: str, leads_to: str, lives: timedelta) -> None:
    """Remember a sign-in link by its hash; what has long expired is forgotten."""
    now = datetime.fromisoformat(tx.now)
    tx.conn.execute(delete(sign_in_links).where(sign_in_links.c.expires_at < stamp(now - KEPT)))
    row = {
        "token_hash": hashed(token),
        "name": name,
        "leads_to": leads_to,
        "created_at": tx.now,
        "expires_at": stamp(now + lives),
    }
    tx.conn.execute(insert(sign_in_links), row)


def link(tx: Tx, token: str) -> Row[Any] | None:
    """The link's row, whatever became of it, or None."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    return tx.conn.execute(select(sign_in_links).where(sign_in_links.c.token_hash == hashed(token))).first()


def use_link(tx: Tx, token: str) -> Row[Any] | None:
    """Use the link up and return it; None when it is unknown, expired, or was used before."""
    mine = (
        sign_in_links.c.token_hash == hashed(token),
        sign_in_links.c.used_at.is_(None),
        sign_in_links.c.expires_at > tx.now,
    )
    used = update(sign_in_links).where(*mine).values(used_at=tx.now)
    return link(tx, token) if tx.conn.execute(used).rowcount == 1 else None


def begin(tx: Tx, name: str, *, by: str | None = None) -> str:
    """Open a session and return its secret; sessions that ended long ago are forgotten. ``by``: who vouches."""
    now, token = datetime.fromisoformat(tx.now), f"ses_{secrets.token_urlsafe(32)}"
    old = stamp(now - KEPT)
    tx.conn.execute(delete(sessions).where(sessions.c.expires_at < old))
    tx.conn.execute(delete(drafts).where(drafts.c.at < old))
    row = {"token_hash": hashed(token), "name": name, "created_at": tx.now, "expires_at": stamp(now + LASTS)}
    tx.conn.execute(insert(sessions), row)
    note(tx, name, "session.began", {"by": by} if by else None)
    return token


def find(tx: Tx, token: str) -> tuple[str, bool] | None:
    """Whose session this is and whether it still lasts; None when there never was one."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    row = tx.conn.execute(select(sessions).where(sessions.c.token_hash == hashed(token))).first()
    return (row.name, not row.ended_at and row.expires_at > tx.now) if row is not None else None


def end(tx: Tx, token: str) -> None:
    """Sign out."""
    query = update(sessions).where(sessions.c.token_hash == hashed(token), sessions.c.ended_at.is_(None))
    found = find(tx, token)
    if found is not None and tx.conn.execute(query.values(ended_at=tx.now)).rowcount:
        note(tx, found[0], "session.ended")


def keep_draft(tx: Tx, name: str, case_id: str, body: dict[str, Any]) -> None:
    """Keep what this person typed for this case; the newest replaces what was kept before."""
    drop_draft(tx, name, case_id)
    sealed = tx.codec.dump(body, f"draft:{name}:{case_id}")
    tx.conn.execute(insert(drafts), {"name": name, "case_id": case_id, "body": sealed, "at": tx.now})


def draft(tx: Tx, name: str, case_id: str) -> dict[str, Any] | None:
    row = tx.conn.execute(select(drafts).where(drafts.c.name == name, drafts.c.case_id == case_id)).first()
    found: dict[str, Any] | None = tx.codec.load(row.body, f"draft:{name}:{case_id}") if row is not None else None
    return found


def drop_draft(tx: Tx, name: str, case_id: str) -> None:
    tx.conn.execute(delete(drafts).where(drafts.c.name == name, drafts.c.case_id == case_id))
