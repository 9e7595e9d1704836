"""What an operator does beside the running service, straight on the ledger."""

import asyncio
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from checkpoints import access
from checkpoints.database import Database, open_database
from checkpoints.migrate import migrate
from graph.folder import codec, made
from onboarding.checks.scans import mixed_word
from onboarding.errors import BadInput
from onboarding.letters.message import parse_address
from onboarding.settings import Settings


@asynccontextmanager
async def ledger(settings: Settings) -> AsyncIterator[Database]:
    """The ledger with its newest schema, shared with a service that may be running."""
    made(settings.data_dir)
    await asyncio.to_thread(migrate, settings.database)
    db = open_database(settings.database, codec(settings.encryption_key))
    try:
        yield db
    finally:
        await db.close()


MOST_NAME: Final = 200
OURS: Final = frozenset({"clock", "merchant", "onboarding", "operator"})
"""Names under which the product itself writes into the trail, and whose cases are those of the merchants' own page."""


async def create_token(settings: Settings, name: str, role: str, email: str | None = None) -> str:
    """A new bearer token, shown this once. Raises BadInput for an address that is none, or a name like another's."""
    known, address = _told_apart(name, "name"), _told_apart(email, "email") if email else None
    if known.casefold() in OURS:
        raise BadInput(f"name: {known} is what the product calls itself in the trail; choose another.")
    if address is not None and "@" not in address:
        raise BadInput("email: this is not an e-mail address.")
    async with ledger(settings) as db:
        return await db.write(lambda tx: access.create_token(tx, known, role, email=address))


def _told_apart(name: str, field: str) -> str:
    """A name in the one form in which people are told apart: two that look alike would be two people to four eyes.

    Raises BadInput for a character that cannot be seen, for too many, and for letters of different alphabets in a word.
    """
    plain = " ".join(unicodedata.normalize("NFKC", name).split())
    if not plain or not plain.isprintable():
        raise BadInput(f"{field}: it is empty or holds a character that cannot be seen.")
    if len(plain) > MOST_NAME:
        raise BadInput(f"{field}: it is longer than {MOST_NAME} characters.")
    if mixed_word(plain):
        raise BadInput(f"{field}: it mixes alphabets, of which one only looks like the other.")
    return parse_address(plain).addr_spec if "@" in plain else plain


def spellings(name: str) -> list[str]:
    """As it was typed, which older releases stored, and in the one form of :func:`_told_apart`."""
    try:
        return list(dict.fromkeys((name, _told_apart(name, "name"))))
    except BadInput:
        return [name]


async def revoke_tokens(settings: Settings, name: str) -> int:
    """End every live token of ``name``, spelt as it was when they were made; returns how many."""
    async with ledger(settings) as db:
        return await db.write(lambda tx: sum(access.revoke(tx, spelt) for spelt in spellings(name)))
