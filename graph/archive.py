"""Cases as files: taken out of the ledger or a bundle, written as a bundle, read back as a copy."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from checkpoints import audit, bundle, copies, scope
from checkpoints.casefile import CaseFile, Rows, collect
from checkpoints.reader import Reader
from checkpoints.transaction import Tx, stamp
from graph.administration import ledger
from graph.context import Context
from graph.folder import codec
from graph.redaction import redact
from graph.replay import versions
from graph.service import Actor
from onboarding.policy import Policy
from onboarding.screening import Watchlist
from onboarding.settings import Settings


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """The ledger of these settings, for looking only. Raises StorageUnavailable."""
    with Reader(settings.database, codec(settings.encryption_key)) as reader:
        yield reader


def policy_of(settings: Settings) -> Policy:
    """The policy that is in force. Raises BadPolicyFile."""
    return Policy.load(settings.policy) if settings.policy else Policy.default()


def watchlist_of(settings: Settings) -> Watchlist:
    """The list that is in force. Raises BadInput."""
    return Watchlist.load(settings.watchlist) if settings.watchlist else Watchlist.empty()


def case_file(settings: Settings, what: str) -> CaseFile:
    """The case of this id in the ledger, or of the bundle at this path.

    Raises CaseNotFound, BadInput, TamperedRecord, StorageUnavailable.
    """
    path = Path(what)
    if path.is_file():
        return bundle.read(path)
    with reading(settings) as reader:
        return reader.read(lambda tx: collect(tx, what))


def with_versions(file: CaseFile, policy: Policy, watchlist: Watchlist) -> CaseFile:
    """The case with a table of what it was judged by; the policy itself too while it is the one in force."""
    rows: Rows = []
    for name, value in versions(file, policy, watchlist).items():
        document = policy.model_dump(mode="json") if name == "policy" and len(set(value.values())) == 1 else None
        rows.append({"name": name, "value": value["recorded"], "document": document})
    prompts = {(row["prompt_id"], row["prompt_version"], row["prompt_hash"]) for row in file.recordings}
    rows += [{"name": f"prompt:{id_}", "value": f"{version}+{hash_[:12]}"} for id_, version, hash_ in sorted(prompts)]
    return file.with_(versions=rows)


def told_of(tx: Tx, case_id: str, actor: str, redacted: bool) -> None:
    """Who took the case out of the house stands in its trail."""
    audit.append(tx, case_id, actor, "case.exported", {"redacted": redacted})


def collected(tx: Tx, case_id: str, client: str | None, *, history: bool = True) -> CaseFile:
    """The case as :func:`collect` has it, as far as the client may take it away.

    Raises CaseNotFound, Forbidden, TamperedRecord.
    """
    scope.get(tx, case_id, client)
    return scope.file(tx, collect(tx, case_id, history=history), client)


async def packed(ctx: Context, case_id: str, actor: Actor, *, redacted: bool) -> bytes:
    """A case of the running service as a bundle's bytes.

    Raises CaseNotFound, Forbidden, TamperedRecord, RecordingMissing.
    """
    taken = await ctx.db.scan(lambda tx: collected(tx, case_id, actor.client))
    file = with_versions(taken, ctx.policy, ctx.watchlist)
    if redacted:  # in a loop of its own: it plays the case a dozen times
        file = await asyncio.to_thread(asyncio.run, redact(file, ctx.settings, ctx.policy, ctx.watchlist))
    body = await asyncio.to_thread(partial(bundle.made, file, at=stamp(ctx.clock())))
    await ctx.db.write(lambda tx: told_of(tx, case_id, actor.name, redacted))
    return body


async def import_(settings: Settings, path: Path) -> CaseFile:
    """Read a bundle into the ledger as a copy. Raises BadInput, Conflict when the case is there already."""
    file = bundle.read(path)
    async with ledger(settings) as db:
        await db.write(lambda tx: copies.store(tx, file))
    return file


async def export(settings: Settings, case_id: str, out: Path, *, redacted: bool) -> None:
    """Write a case of a ledger that no service uses. Raises CaseNotFound, FileExistsError, TamperedRecord."""
    policy, watchlist = policy_of(settings), watchlist_of(settings)
    file = with_versions(case_file(settings, case_id), policy, watchlist)
    if redacted:
        file = await redact(file, settings, policy, watchlist)
    bundle.write(file, out, at=stamp(datetime.now(UTC)))
    async with ledger(settings) as db:
        await db.write(lambda tx: told_of(tx, file.id, "operator", redacted))
