"""What an operator does beside the running service, straight on the ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checkpoints import access
from checkpoints.database import Database, Tx, open_database
from checkpoints.migrate import migrate
from graph import signing
from graph.wiring import codec
from onboarding.errors import Forbidden
from onboarding.letters.message import parse_address
from onboarding.settings import Settings


@asynccontextmanager
async def ledger(settings: Settings) -> AsyncIterator[Database]:
    """The ledger with its newest schema, shared with a service that may be running."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(migrate, settings.database)
    db = open_database(settings.database, codec(settings.encryption_key))
    try:
        yield db
    finally:
        await db.close()


async def create_token(settings: Settings, name: str, role: str, email: str | None = None) -> str:
    """A new bearer token, shown this once. Raises BadInput for an e-mail address that is none."""
    address = parse_address(email).addr_spec if email else None
    async with ledger(settings) as db:
        return await db.write(lambda tx: access.create_token(tx, name, role, email=address))


async def sign_in_link(settings: Settings, name: str) -> str:
    """A link into the console for somebody who may come in, shown this once. Raises Forbidden."""

    def work(tx: Tx) -> str:
        known = access.named(tx, name)
        if known is None or not access.roles_of(tx, known):
            raise Forbidden(f"{name} has no live token; make one with `onboard token create`.")
        return signing.local_link(tx, known, settings.public_url)

    async with ledger(settings) as db:
        return await db.write(work)


async def revoke_tokens(settings: Settings, name: str) -> int:
    """End every live token of ``name``; returns how many."""
    async with ledger(settings) as db:
        return await db.write(lambda tx: access.revoke(tx, name))
