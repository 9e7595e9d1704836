"""Whole ledgers: backup, restore, another key, and the audit trail to take away."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from checkpoints import audit, retention, seals
from checkpoints import backup as backups
from checkpoints.database import Database, Tx, open_database
from checkpoints.lookup import Lookup
from checkpoints.migrate import migrate
from checkpoints.saver_reads import thread_ids
from checkpoints.saver_upkeep import reseal as reseal_threads
from checkpoints.sealed import SEALED, Sealed
from graph.administration import ledger
from graph.folder import codec, made, own, secret
from onboarding.errors import BadInput, TamperedRecord
from onboarding.settings import Settings

BATCH: Final = 200
Told = Callable[[str], None]


def mac(settings: Settings) -> seals.Mac:
    """The keyed code of seals, from the installation's secret."""
    lookup = Lookup(secret(settings))
    return lambda hash_: lookup.key("seal", hash_)


def backup(settings: Settings, out: Path) -> None:
    """Copy the ledger while it is in use. Raises Conflict, StorageUnavailable."""
    backups.backup(settings.database, out)


async def restore(settings: Settings, source: Path) -> int:
    """Put a backup where there is no ledger; returns the number of cases in it.

    From then on both services are asked by key before anything is repeated: what they did after the backup was made
    is not in it. Raises Conflict, BadInput, DataDirInUse, StorageUnavailable.
    """
    made(settings.data_dir)
    with own(settings.data_dir):
        await asyncio.to_thread(backups.restore, source, settings.database)
        async with ledger(settings) as db:
            return await db.write(backups.restored)


async def reseal(settings: Settings, told: Told, *, plain_too: bool = False) -> int:
    """Seal every document with the first of the configured keys, beside a running service; returns how many.

    ``plain_too`` seals what was stored before there was a key. ``told`` hears of documents that do not open.
    """
    await asyncio.to_thread(migrate, settings.database)
    db = open_database(settings.database, codec(settings.encryption_key, plain_too=plain_too))
    try:
        count = sum([await _reseal_column(db, sealed, told) for sealed in SEALED])
        return count + await _reseal_state(db, told)
    finally:
        await db.close()


async def _reseal_column(db: Database, sealed: Sealed, told: Told) -> int:
    count, after = 0, cast(tuple[Any, ...] | None, None)
    while True:
        done, after = await db.write(partial(_reseal_some, sealed, after, told))
        count += done
        if after is None:
            return count


def _reseal_some(
    sealed: Sealed, after: tuple[Any, ...] | None, told: Told, tx: Tx
) -> tuple[int, tuple[Any, ...] | None]:
    return retention.reseal(tx, sealed, after, BATCH, told)


async def _reseal_state(db: Database, told: Told) -> int:
    count, names = 0, await db.read(thread_ids)
    for name in names:
        try:
            count += await db.write(partial(_reseal_thread, name))
        except TamperedRecord as error:
            told(error.detail)
    return count


def _reseal_thread(name: str, tx: Tx) -> int:
    return reseal_threads(tx, [name])


async def export_trail(settings: Settings, out: Path) -> dict[str, Any]:
    """Write the whole trail as JSON lines, seals and anchor last; returns the anchor. Raises FileExistsError."""
    async with ledger(settings) as db:
        await db.write(lambda tx: seals.seal(tx, mac(settings)))
        return await db.scan(partial(_write_trail, out))


def _write_trail(out: Path, tx: Tx) -> dict[str, Any]:
    anchor = seals.anchor(tx) or {}
    with out.open("x", encoding="utf-8") as file:
        for event in audit.everything(tx):
            file.write(json.dumps({"event": event}, ensure_ascii=False) + "\n")
        for row in seals.everything(tx):
            file.write(json.dumps({"seal": row}, ensure_ascii=False) + "\n")
        file.write(json.dumps({"anchor": anchor}) + "\n")
    return anchor


def verify_trail(path: Path) -> list[str]:
    """Check an exported trail without any ledger: what is wrong, in words. Raises BadInput for another file."""
    events: list[dict[str, Any]] = []
    sealed: list[dict[str, Any]] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            events += [item["event"]] if "event" in item else []
            sealed += [item["seal"]] if "seal" in item else []
    except (OSError, ValueError, TypeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not JSON lines"
        raise BadInput(f"{path} is not an exported trail: {why}") from error
    return [*audit.broken_among(events), *seals.broken_among(sealed, events)]


def anchor_of(path: Path) -> dict[str, Any]:
    """The anchor at the end of an exported trail, or alone in a file. Raises BadInput."""
    try:
        found = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["anchor"]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise BadInput(f"{path} carries no anchor") from error
    if not isinstance(found, dict) or not {"seal", "hash"} <= set(found):
        raise BadInput(f"{path} carries no anchor")
    return found
