"""Applying on our own page: a draft that is kept, taken up again by its link, and sent once."""

import asyncio
import json
import re
import secrets
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple, get_args

from pydantic import JsonValue

from checkpoints import cases, merchants, outbox, submissions
from checkpoints.database import Tx
from graph import merchant_links
from graph.context import Context
from graph.merchants import MERCHANT
from graph.service import Service, accepted
from onboarding import faults, form, tracing
from onboarding.application import EntityType
from onboarding.door import make_part, uploaded_part
from onboarding.errors import BadInput, LinkUnknown
from onboarding.letters.application_received import application_received
from onboarding.letters.draft_link import draft_link
from onboarding.letters.message import parse_address
from onboarding.masking import mask_cards
from onboarding.submission import Part

DRAFT_LINK: Final = "draft_link"
RECEIVED: Final = "application_received"
MOST_FILES: Final = 10
MOST_RESUMED: Final = 3
LONGEST_ADDRESS: Final = 254
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class Draft(NamedTuple):
    """An application that was begun. ``values`` by field path, as typed; ``files`` are ``(number, name, bytes)``."""

    id: str
    country: str
    entity_type: str
    people: int
    values: dict[str, str]
    files: list[tuple[int, str, int]]


def version_of(draft: Draft) -> str:
    """What tells what a form was shown from what the draft holds now."""
    return sha256(json.dumps(draft.values, sort_keys=True).encode()).hexdigest()[:16]


class Sent(NamedTuple):
    """The link leads to a case: the draft was sent."""

    case_id: str


async def begin(ctx: Context, country: str, entity_type: str, email: str, *, mail: bool) -> str:
    """Keep a new draft and, if ``mail``, write its link to this address; returns the token of the page.

    Raises BadInput naming the first field that is wrong.
    """
    for field, words in wrong(country, entity_type, email).items():
        raise BadInput(words, field=field)
    address = email.strip()
    draft_id, token = str(uuid.uuid4()), f"mer_{secrets.token_urlsafe(32)}"
    money = form.currency_of(country)
    values = {"contact.email": address, "expected_annual_volume.currency": money, "avg_ticket.currency": money}
    body = {"country": country, "entity_type": entity_type, "email": address, "people": 2, "values": values}
    key = _email_key(ctx, address)

    def keep(tx: Tx) -> None:
        merchants.begin(tx, draft_id, key, body, _lives(ctx))
        merchants.create_link(tx, token, _lives(ctx), draft_id=draft_id, email_key=key, mailed=False)
        if mail:
            _write(tx, ctx, draft_id, None, key, address)

    await ctx.db.write(keep)
    return token


def wrong(country: str, entity_type: str, email: str) -> dict[str, str]:
    """What of the first choices is none, in words by field."""
    found = {}
    if country not in form.countries():
        found["country"] = "Please choose the country."
    if entity_type not in get_args(EntityType):
        found["entity_type"] = "Please choose the legal form."
    try:
        parse_address(email.strip())
        written = len(email) <= LONGEST_ADDRESS and _EMAIL.fullmatch(email.strip()) is not None
    except BadInput:
        written = False
    return found if written else found | {"email": "Please give an e-mail address such as name@example.com."}


async def resume(ctx: Context, email: str) -> None:
    """Write the links of what this address began, if anything. Whoever asks cannot tell."""
    key, address = _email_key(ctx, email.strip()), email.strip()
    found = await ctx.db.read(lambda tx: merchants.of_email(tx, key, MOST_RESUMED))
    if found:
        ctx.db.post(lambda tx: _write_all(tx, ctx, found, key, address))


def _write_all(tx: Tx, ctx: Context, found: list[tuple[str | None, str | None]], key: str, address: str) -> None:
    for draft_id, case_id in found:
        _write(tx, ctx, draft_id, case_id, key, address)


def _write(tx: Tx, ctx: Context, draft_id: str | None, case_id: str | None, key: str, address: str) -> None:
    nonce = secrets.token_hex(16)
    link = merchant_links.again(tx, ctx, nonce, draft_id=draft_id, case_id=case_id, email_key=key)
    days = ctx.settings.draft_days if draft_id else ctx.settings.merchant_link_days
    letter = draft_link(link=link, expires_at=datetime.fromisoformat(tx.now) + timedelta(days=days))
    outbox.queue(tx, None, DRAFT_LINK, int(nonce[:7], 16), address, letter.to_json())


async def look(ctx: Context, token: str) -> Draft | Sent:
    """What is behind the link; looking changes nothing. Raises LinkUnknown, whatever is wrong with the link."""
    return await ctx.db.read(lambda tx: _found(tx, token))


def _found(tx: Tx, token: str) -> Draft | Sent:
    link = merchants.link(tx, token)
    if link is None:
        raise LinkUnknown()
    if link.case_id is not None:
        return Sent(link.case_id)
    body = merchants.draft(tx, link.draft_id)
    if body is None:
        raise LinkUnknown()
    files = [(number, _name(part), size) for number, size, part in merchants.files_of(tx, link.draft_id)]
    return Draft(link.draft_id, body["country"], body["entity_type"], body["people"], body["values"], files)


def _name(part: dict[str, Any]) -> str:
    return str(part["source"]).removeprefix("document:")


async def save(
    ctx: Context,
    token: str,
    values: dict[str, str],
    *,
    people: int | None = None,
    files: list[Part] | None = None,
    drop: int | None = None,
) -> Draft | Sent:
    """Keep what was typed and uploaded; card numbers are masked before anything is kept. Raises LinkUnknown, BadInput.

    Whoever comes by the link of a letter reads the address's mail: links that went by no letter end then.
    """
    masked, _ = mask_cards({**values})

    def keep(tx: Tx) -> Draft | Sent:
        draft = _held(tx, token)
        if isinstance(draft, Sent):
            return draft
        body = merchants.draft(tx, draft.id) or {}
        most = min(people or draft.people, form.MOST_PEOPLE)
        merchants.keep(tx, draft.id, body | {"values": masked, "people": most}, _lives(ctx))
        if drop is not None:
            merchants.drop_file(tx, draft.id, drop)
        _add(tx, ctx, draft, files or [])
        link = merchants.link(tx, token)
        if link is not None and link.mailed:
            merchants.end_unmailed(tx, draft.id)
        return _found(tx, token)

    return await ctx.db.write(keep)


def _held(tx: Tx, token: str) -> Draft | Sent:
    """The draft, held; what it is may have changed until then."""
    draft = _found(tx, token)
    if isinstance(draft, Draft) and not merchants.hold(tx, draft.id):
        return _found(tx, token)
    return draft


def _add(tx: Tx, ctx: Context, draft: Draft, files: list[Part]) -> None:
    sizes = [size for _, _, size in draft.files]
    for part in files:
        size = len(str(part.content))
        if len(sizes) >= MOST_FILES or sum(sizes) + size > ctx.settings.max_body_bytes:
            limit = ctx.settings.max_body_bytes // 1_000_000
            raise BadInput(f"At most {MOST_FILES} documents, {limit} MB in all.", field="documents")
        merchants.add_file(tx, draft.id, part.to_json(), size)
        sizes.append(size)


def uploaded(files: list[tuple[str, bytes]]) -> tuple[list[Part], str | None]:
    """The documents that can be read, and a word about one that cannot."""
    parts, problem = [], None
    for name, body in files:
        try:
            parts.append(uploaded_part(name, body))
        except BadInput as error:
            problem = error.detail
    return parts, problem


async def problems(ctx: Context, token: str) -> dict[str, str]:
    """What is missing or looks wrong in the draft, by field; empty once it was sent. Raises LinkUnknown."""

    def read(tx: Tx) -> tuple[Draft | Sent, list[Part]]:
        draft = _found(tx, token)
        return draft, _parts(tx, draft) if isinstance(draft, Draft) else []

    draft, parts = await ctx.db.read(read)
    if isinstance(draft, Sent):
        return {}
    as_of, policy = ctx.clock().date(), ctx.policy
    known = form.names(draft.country, draft.entity_type, draft.people, policy, as_of)
    return await asyncio.to_thread(form.problems, parts, policy, as_of, set(known))


def _parts(tx: Tx, draft: Draft) -> list[Part]:
    typed = make_part(form.document(draft.country, draft.entity_type, draft.values), "json")
    return [typed, *(Part.from_json(part) for _, _, part in merchants.files_of(tx, draft.id))]


async def send(service: Service, token: str) -> str:
    """Make the draft a case; sent twice it is the same case. Durable when this returns. Raises LinkUnknown."""
    faults.point("submit.before_commit")
    trace = tracing.carried()

    def work(tx: Tx) -> tuple[str, bool]:
        draft = _held(tx, token)
        if isinstance(draft, Sent):
            return draft.case_id, False
        case_id = str(uuid.uuid4())
        accepted(tx, MERCHANT, case_id, _parts(tx, draft), trace=trace)
        _confirm(tx, service.context, case_id, merchants.draft(tx, draft.id))
        merchants.became(tx, draft.id, case_id)
        return case_id, True

    case_id, new = await service.context.db.write(work)
    faults.point("submit.after_commit")
    if new:
        service.nudge(case_id)
    return case_id


def _confirm(tx: Tx, ctx: Context, case_id: str, draft: dict[str, Any] | None) -> None:
    """One letter to whoever applied here. Who submits by the API tells their merchants themselves."""
    if draft is not None:
        link = merchant_links.to_case(tx, ctx, case_id, RECEIVED)
        outbox.queue(
            tx, case_id, RECEIVED, 1, draft["email"], application_received(case_id=case_id, link=link).to_json()
        )


async def holds(ctx: Context, case_id: str, values: dict[str, str], files: list[Part]) -> bool:
    """Whether all that is typed and uploaded here is in the application as it was sent. False once it was erased."""
    masked: Any = mask_cards({**values})[0]

    def look(tx: Tx) -> bool:
        if cases.get(tx, case_id).erased_at:
            return False
        typed, *documents = submissions.get(tx, case_id, 1).parts
        said = {"", *_leaves(typed.content)}
        known = [part.content for part in documents]
        return said.issuperset(_leaves(form.document("", "", masked))) and all(part.content in known for part in files)

    return await ctx.db.read(look)


def _leaves(value: JsonValue) -> Iterator[str]:
    """Every text in it."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _leaves(inner)


def _email_key(ctx: Context, address: str) -> str:
    return ctx.lookup.key("merchant-email", address.casefold())


def _lives(ctx: Context) -> timedelta:
    return timedelta(days=ctx.settings.draft_days)
