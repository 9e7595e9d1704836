"""The outbox's way out: each queued letter leaves once, under its one Message-ID, or is tried again later."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any, Final, Literal

from checkpoints import access, outbox, reviews, traces
from checkpoints.database import Tx
from graph import merchant_links
from graph.context import Context
from graph.correspondence import LINK_ACTIONS, marker
from graph.signing import SIGN_IN, with_token
from onboarding import faults, tracing
from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable, StorageUnavailable
from onboarding.letters.letter import Letter
from onboarding.letters.message import compose

Deliver = Callable[[EmailMessage], Awaitable[Literal["sent", "kept"]]]
AT_ONCE: Final = 8
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 500


async def relay(ctx: Context, deliver: Deliver, going: Callable[[], bool] = lambda: True) -> int:
    """Send what is due; returns how many letters were taken. Raises StorageUnavailable only.

    Once ``going`` says no, nothing new is begun: what was taken and not begun is taken again at the next start.
    """
    taken = await ctx.db.write(partial(outbox.take, owner=ctx.db.owner))
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(row: outbox.LetterRow) -> None:
        async with limit:
            if going():
                await _traced(ctx, deliver, row)

    endings = await asyncio.gather(*(one(row) for row in taken), return_exceptions=True)
    for error in endings:
        if error is not None:
            raise error  # only now: nothing of ours is on the wire any more
    return len(taken)


async def _traced(ctx: Context, deliver: Deliver, row: outbox.LetterRow) -> None:
    """Send it in the trace of the case it tells of."""
    if not tracing.on() or row.case_id is None:
        await _send(ctx, deliver, row)
        return
    known = await ctx.db.read(lambda tx: traces.of_case(tx, row.case_id))
    kind = row.kind.partition(":")[0]
    with tracing.span(f"letter {kind}", kind="client", parent=known.latest, letter__kind=kind, case__id=row.case_id):
        await _send(ctx, deliver, row)


async def _send(ctx: Context, deliver: Deliver, row: outbox.LetterRow) -> None:
    try:
        ask = ctx.db.write if _has_links(row) else ctx.db.read
        body = await ask(lambda tx: _body(tx, ctx, row))
        if body is None:
            return
        message = _message(ctx, row, body)
        faults.point("letter.before_send")
        how = await deliver(message)
        faults.point("letter.after_send")
    except (ServiceRefused, BadInput) as error:
        problem = error.detail
        await ctx.db.write(lambda tx: outbox.failed(tx, row, problem, None))
    except ServiceUnavailable as error:
        again = ctx.clock() + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10))
        problem, until = error.detail, again if row.attempts < MAX_ATTEMPTS else None
        await ctx.db.write(lambda tx: outbox.failed(tx, row, problem, until))
    else:
        await _note(ctx, lambda tx: outbox.sent(tx, row, how))


async def _note(ctx: Context, work: Callable[[Tx], None]) -> None:
    """Write down that a letter left, however long the disk stays full: forgotten, it would be sent again."""
    while True:
        try:
            return await ctx.db.write(work)
        except StorageUnavailable:
            await asyncio.sleep(1)


def _has_links(row: outbox.LetterRow) -> bool:
    """Whether one-time links go in, which are written down first."""
    return bool(row.review_id and row.kind.startswith("approval_request"))


def _body(tx: Tx, ctx: Context, row: outbox.LetterRow) -> dict[str, Any] | None:
    """What the letter says; None when it is no longer ours to send."""
    if not outbox.still_taken(tx, row):
        return None
    body = outbox.body_of(tx, row)
    if _has_links(row):
        body = _with_links(tx, ctx, row, body)
    elif row.kind == SIGN_IN:
        body = with_token(ctx, body)
    else:
        body = merchant_links.with_token(ctx, body)
    return body


def _message(ctx: Context, row: outbox.LetterRow, body: dict[str, Any]) -> EmailMessage:
    recipient = body.pop("recipient")
    return compose(
        Letter.from_json(body),
        sender=ctx.settings.mail_from,
        recipient=recipient,
        message_id=row.message_id,
        date=datetime.fromisoformat(row.created_at),
    )


def _with_links(tx: Tx, ctx: Context, row: outbox.LetterRow, body: dict[str, Any]) -> dict[str, Any]:
    """Put this recipient's one-time tokens in: made again from the secret, remembered by their hash alone."""
    review, recipient = reviews.find(tx, row.review_id), body["recipient"]
    for action in LINK_ACTIONS:
        token = ctx.lookup.token(action, row.review_id, recipient, row.message_id)
        if review is not None and review.status == "waiting":
            expires = datetime.fromisoformat(review.opened_at) + timedelta(hours=ctx.settings.link_hours)
            access.create_link(
                tx, token, review_id=row.review_id, action=action, reviewer=recipient, expires_at=expires
            )
        mark = marker(action, row.review_id)
        body = {name: text.replace(mark, token) for name, text in body.items()}
    return body
