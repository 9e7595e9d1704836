"""A merchant's links. Letters hold a mark: the token is made again from the secret when they are sent."""

import hashlib
import re
from datetime import timedelta
from typing import Any, Final

from checkpoints import merchants
from checkpoints.database import Tx
from graph.context import Context

_MARK: Final = re.compile(r"merchant-mark-([0-9a-f]{32})")


def to_case(tx: Tx, ctx: Context, case_id: str, *letter: str | int) -> str | None:
    """The address of the case's page for one letter of it; None where merchants have no pages here."""
    if not ctx.settings.self_service:
        return None
    lives = timedelta(days=ctx.settings.merchant_link_days)
    mark = _mark("case", case_id, *letter)
    merchants.create_link(tx, _token(ctx, mark), lives, case_id=case_id, mailed=True)
    return url(ctx, f"/merchant/merchant-mark-{mark}")


def again(tx: Tx, ctx: Context, nonce: str, *, draft_id: str | None, case_id: str | None, email_key: str) -> str:
    """The address by which a draft is taken up again, or the case that it became; ``nonce`` is the letter's own."""
    days = ctx.settings.draft_days if draft_id else ctx.settings.merchant_link_days
    merchants.create_link(
        tx,
        _token(ctx, nonce),
        timedelta(days=days),
        draft_id=draft_id,
        case_id=case_id,
        email_key=email_key,
        mailed=True,
    )
    return url(ctx, f"/{'apply' if draft_id else 'merchant'}/merchant-mark-{nonce}")


def with_token(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """The letter as it leaves, with the token in its place."""
    return {
        key: _MARK.sub(lambda found: _token(ctx, found[1]), text) if isinstance(text, str) else text
        for key, text in body.items()
    }


def url(ctx: Context, path: str) -> str:
    return f"{ctx.settings.public_url.rstrip('/')}{path}"


def _mark(*parts: str | int) -> str:
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def _token(ctx: Context, mark: str) -> str:
    return ctx.lookup.token("merchant", mark)
