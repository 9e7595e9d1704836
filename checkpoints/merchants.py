"""What merchants begin on our own page, and their links: a link leads to a draft until it is sent, then to its case."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from checkpoints.access import MAX_TOKEN, hashed
from checkpoints.database import Tx, stamp
from checkpoints.prepared import Prepared
from checkpoints.schema import merchant_drafts as drafts
from checkpoints.schema import merchant_files as files
from checkpoints.schema import merchant_links as links

_LINK: Final = Prepared(select(links.c.mailed).where(links.c.token_hash == bindparam("of_hash")))
_ADD_LINK: Final = Prepared(
    insert(links), *("token_hash", "email_key", "draft_id", "case_id", "mailed", "created_at", "expires_at")
)


def create_link(
    tx: Tx,
    token: str,
    lives: timedelta,
    *,
    draft_id: str | None = None,
    case_id: str | None = None,
    email_key: str | None = None,
    mailed: bool,
) -> None:
    """Remember a link by its hash; made again for the same letter it is the same link."""
    row = {
        "token_hash": hashed(token),
        "email_key": email_key,
        "draft_id": draft_id,
        "case_id": case_id,
        "mailed": mailed,
        "created_at": tx.now,
        "expires_at": _after(tx, lives),
    }
    if _LINK.first(tx, of_hash=row["token_hash"]) is None:
        _ADD_LINK.run(tx, **row)


def link(tx: Tx, token: str) -> Row[Any] | None:
    """The live link's row, or None."""
    if not 0 < len(token) <= MAX_TOKEN:
        return None
    mine = (links.c.token_hash == hashed(token), links.c.expires_at > tx.now)
    return tx.conn.execute(select(links).where(*mine)).first()


def end_unmailed(tx: Tx, draft_id: str) -> int:
    """End the links of this draft that went by no letter: whoever reads the address's mail has the draft."""
    return tx.conn.execute(delete(links).where(links.c.draft_id == draft_id, links.c.mailed.is_(False))).rowcount


def of_email(tx: Tx, email_key: str, most: int) -> list[tuple[str | None, str | None]]:
    """``(draft id, case id)`` of what this address began, the newest first."""
    query = (
        select(links.c.draft_id, links.c.case_id)
        .where(links.c.email_key == email_key, links.c.expires_at > tx.now)
        .group_by(links.c.draft_id, links.c.case_id)
        .order_by(func.max(links.c.created_at).desc())
        .limit(most)
    )
    return [(row.draft_id, row.case_id) for row in tx.conn.execute(query)]


def begin(tx: Tx, draft_id: str, email_key: str, body: dict[str, Any], lives: timedelta) -> None:
    """Keep a new draft."""
    row = {"id": draft_id, "email_key": email_key, "created_at": tx.now, "at": tx.now}
    row |= {"body": tx.codec.dump(body, f"merchant_draft:{draft_id}"), "expires_at": _after(tx, lives)}  # type: ignore[dict-item]
    tx.conn.execute(insert(drafts), row)


def hold(tx: Tx, draft_id: str) -> bool:
    """Let nobody else change this draft until the transaction ends; False when there is none (any more)."""
    mine = select(drafts.c.id).where(drafts.c.id == draft_id).with_for_update()
    return tx.conn.execute(mine).first() is not None


def draft(tx: Tx, draft_id: str) -> dict[str, Any] | None:
    """What was typed so far."""
    row = tx.conn.execute(select(drafts).where(drafts.c.id == draft_id, drafts.c.expires_at > tx.now)).first()
    found: dict[str, Any] | None = tx.codec.load(row.body, f"merchant_draft:{draft_id}") if row is not None else None
    return found


def email_key_of(tx: Tx, draft_id: str) -> str | None:
    found: str | None = tx.conn.execute(select(drafts.c.email_key).where(drafts.c.id == draft_id)).scalar_one_or_none()
    return found


def keep(tx: Tx, draft_id: str, body: dict[str, Any], lives: timedelta) -> None:
    """Replace what was typed; the draft's time begins anew."""
    sealed = tx.codec.dump(body, f"merchant_draft:{draft_id}")
    values = {"body": sealed, "at": tx.now, "expires_at": _after(tx, lives)}
    tx.conn.execute(update(drafts).where(drafts.c.id == draft_id), values)


def files_of(tx: Tx, draft_id: str) -> list[tuple[int, int, dict[str, Any]]]:
    """``(number, bytes, body)`` of every uploaded document, in order."""
    rows = tx.conn.execute(select(files).where(files.c.draft_id == draft_id).order_by(files.c.number))
    return [(row.number, row.size, tx.codec.load(row.body, f"merchant_file:{draft_id}:{row.number}")) for row in rows]


def add_file(tx: Tx, draft_id: str, body: dict[str, Any], size: int) -> None:
    """Keep one more document."""
    last = tx.conn.execute(select(func.max(files.c.number)).where(files.c.draft_id == draft_id)).scalar_one()
    number = (last or 0) + 1
    sealed = tx.codec.dump(body, f"merchant_file:{draft_id}:{number}")
    tx.conn.execute(insert(files), {"draft_id": draft_id, "number": number, "size": size, "body": sealed, "at": tx.now})


def drop_file(tx: Tx, draft_id: str, number: int) -> None:
    tx.conn.execute(delete(files).where(files.c.draft_id == draft_id, files.c.number == number))


def became(tx: Tx, draft_id: str, case_id: str) -> None:
    """The draft was sent: its links lead to the case, and what was kept of it goes."""
    tx.conn.execute(update(links).where(links.c.draft_id == draft_id), {"draft_id": None, "case_id": case_id})
    _drop(tx, [draft_id])


def any_over(tx: Tx) -> bool:
    """Whether there is anything to forget."""
    over = (select(table.c.expires_at).where(table.c.expires_at <= tx.now).limit(1) for table in (drafts, links))
    return any(tx.conn.execute(query).first() is not None for query in over)


def purge(tx: Tx, most: int) -> int:
    """Forget drafts and links whose time is over; returns how many drafts."""
    over = select(drafts.c.id).where(drafts.c.expires_at <= tx.now).order_by(drafts.c.expires_at).limit(most)
    ids = list(tx.conn.scalars(over.with_for_update(skip_locked=True)))
    tx.conn.execute(delete(links).where(links.c.draft_id.in_(ids)))
    _drop(tx, ids)
    old = select(links.c.token_hash).where(links.c.expires_at <= tx.now).limit(most)
    tx.conn.execute(delete(links).where(links.c.token_hash.in_(old)))
    return len(ids)


def _drop(tx: Tx, ids: list[str]) -> None:
    tx.conn.execute(delete(files).where(files.c.draft_id.in_(ids)))
    tx.conn.execute(delete(drafts).where(drafts.c.id.in_(ids)))


def _after(tx: Tx, lives: timedelta) -> str:
    return stamp(datetime.fromisoformat(tx.now) + lives)
