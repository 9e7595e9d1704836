"""Signing in at the desk: a personal link by letter, used once, opens a session; the role is asked at every request."""

import re
import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from checkpoints import access, outbox, sessions
from checkpoints.database import Tx
from graph.administration import ledger, spellings
from graph.context import Context
from graph.service import Actor
from onboarding.errors import BadInput, Forbidden, LinkExpired, LinkUnknown
from onboarding.letters.message import parse_address
from onboarding.letters.sign_in import sign_in
from onboarding.settings import Settings

SIGN_IN: Final = "sign_in"
LINK_LIVES: Final = timedelta(minutes=15)
LOCAL_LINK_LIVES: Final = timedelta(hours=1)
"""A link printed for the operator at the machine, who may need a moment to get there."""
HOME: Final = "/console"
ELSEWHERE: Final = "(signing in elsewhere)"
"""In the place of a name: a try at the company's provider, which is no link that signs anybody in."""
RANK: Final = ("admin", "senior_reviewer", "reviewer", "backend")
_MARK: Final = re.compile(r"sign-in-mark-([0-9a-f]{32})")
_LEADS_TO: Final = re.compile(r"/console(/[A-Za-z0-9_-]+)*")


class Seat(NamedTuple):
    """Whose session it is. ``actor`` is None once it ended, or the person may not come in any more."""

    name: str
    actor: Actor | None


class Begun(NamedTuple):
    """A session that was just opened: its secret, shown this once, and where the person wanted to go."""

    token: str
    name: str
    leads_to: str


def inside(path: str | None) -> str:
    """``path`` if it is a page of the console, else its first page: a link never leads anywhere else."""
    return path if path and len(path) <= 200 and _LEADS_TO.fullmatch(path) else HOME


async def ask(ctx: Context, address: str, leads_to: str) -> None:
    """Queue a sign-in letter, if this address is one of ours. Whoever asks cannot tell: nothing here takes longer."""
    name = await ctx.db.read(lambda tx: _known(tx, ctx, address))
    if name is not None:
        ctx.db.post(lambda tx: _write(tx, ctx, name, address, inside(leads_to)))


def _known(tx: Tx, ctx: Context, address: str) -> str | None:
    """How the person with this address is named, if they may come in and a letter can reach them."""
    wanted = address.strip()
    listed = {known.lower(): known for known in ctx.settings.reviewer_addresses}.get(wanted.lower())
    name = access.named(tx, wanted) or listed
    if name is None or not access.standing(tx, name, listed=listed is not None):
        return None
    return name if _address(tx, name, wanted) else None


def _address(tx: Tx, name: str, wanted: str | None = None) -> str | None:
    """Where a letter reaches this person: the address that was given if it is theirs, else any that is."""
    who = access.person(tx, name)
    for known in sorted(who.names, key=lambda one: wanted is None or one.casefold() != wanted.casefold()):
        try:
            if "@" in (address := parse_address(known).addr_spec):
                return address
        except BadInput:
            continue
    return None


def _write(tx: Tx, ctx: Context, name: str, wanted: str, leads_to: str) -> None:
    """The letter and its link. The letter holds a mark: the token is made again from the secret when it is sent."""
    nonce = secrets.token_hex(16)
    sessions.create_link(tx, ctx.lookup.token(SIGN_IN, nonce), name, leads_to, LINK_LIVES)
    letter = sign_in(
        reviewer=name, link=_url(ctx, f"sign-in-mark-{nonce}"), expires_at=datetime.fromisoformat(tx.now) + LINK_LIVES
    )
    to = _address(tx, name, wanted.strip()) or name
    outbox.queue(tx, None, SIGN_IN, int(nonce[:7], 16), to, letter.to_json())
    sessions.note(tx, name, "session.link_asked")


def with_token(ctx: Context, body: dict[str, Any]) -> dict[str, Any]:
    """The letter as it leaves, with the token in its place."""
    return {
        key: _MARK.sub(lambda found: ctx.lookup.token(SIGN_IN, found[1]), text) if isinstance(text, str) else text
        for key, text in body.items()
    }


def _url(ctx: Context, token: str) -> str:
    return f"{ctx.settings.public_url.rstrip('/')}{HOME}/sign-in/{token}"


def local_link(tx: Tx, name: str, public_url: str) -> str:
    """A sign-in link for somebody at the machine, to be printed this once."""
    token = f"lnk_{secrets.token_urlsafe(32)}"
    sessions.create_link(tx, token, name, HOME, LOCAL_LINK_LIVES)
    sessions.note(tx, name, "session.link_printed")
    return f"{public_url.rstrip('/')}{HOME}/sign-in/{token}"


async def look(ctx: Context, token: str) -> str:
    """Whom the link signs in; looking changes nothing. Raises LinkUnknown, LinkExpired."""

    def read(tx: Tx) -> str:
        row = sessions.link(tx, token)
        if row is None or row.name == ELSEWHERE:
            raise LinkUnknown()
        if row.used_at or row.expires_at <= tx.now or not _roles(tx, ctx, row.name):
            raise LinkExpired()
        return str(row.name)

    return await ctx.db.read(read)


async def begin(ctx: Context, token: str) -> Begun:
    """Use the link up and open a session, in one transaction. Raises LinkUnknown, LinkExpired."""

    def work(tx: Tx) -> Begun:
        known = sessions.link(tx, token)
        if known is None or known.name == ELSEWHERE:
            raise LinkUnknown()
        row = sessions.use_link(tx, token)
        if row is None or not _roles(tx, ctx, row.name):
            raise LinkExpired()
        return Begun(sessions.begin(tx, row.name), row.name, row.leads_to)

    return await ctx.db.write(work)


async def seat(ctx: Context, token: str) -> Seat | None:
    """Whose session this is, with the role of this moment; None when there never was one."""

    def read(tx: Tx) -> Seat | None:
        found = sessions.find(tx, token)
        if found is None:
            return None
        name, live = found
        roles = _roles(tx, ctx, name) if live else set()
        role = next((role for role in RANK if role in roles), None)
        return Seat(name, Actor(name, role) if role else None)

    return await ctx.db.read(read)


def _roles(tx: Tx, ctx: Context, name: str) -> set[str]:
    listed = name.lower() in {known.lower() for known in ctx.settings.reviewer_addresses}
    return access.standing(tx, name, listed=listed)


async def end(ctx: Context, token: str) -> None:
    """Sign out."""
    await ctx.db.write(lambda tx: sessions.end(tx, token))


async def sign_in_link(settings: Settings, name: str) -> str:
    """A link into the console for somebody who may come in, shown this once. Raises Forbidden."""

    def work(tx: Tx) -> str:
        known = next((found for spelt in spellings(name) if (found := access.named(tx, spelt))), None)
        if known is None or not access.roles_of(tx, known):
            raise Forbidden(f"{name} has no live token; make one with `onboard token create`.")
        return local_link(tx, known, settings.public_url)

    async with ledger(settings) as db:
        return await db.write(work)
