"""What is done now and then beside the cases: the trail is sealed, closed cases shed their checkpoints."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from checkpoints import leases, retention, seals
from checkpoints.database import Tx, stamp
from checkpoints.saver import LedgerSaver
from graph.context import Context

MANY: Final = 5_000
"""Events after which the trail is sealed even before the time has come."""
AT_ONCE: Final = 50


def code(ctx: Context) -> seals.Mac:
    """The keyed code of seals, from the installation's secret."""
    return lambda hash_: ctx.lookup.key("seal", hash_)


async def seal(ctx: Context, *, now: bool = False) -> bool:
    """Seal the audit trail when it has grown for long enough or by much; ``now`` whenever it has grown."""
    grown, since = await ctx.db.read(seals.unsealed)
    waited = since is None or ctx.clock() - datetime.fromisoformat(since) >= timedelta(
        seconds=ctx.settings.seal_seconds
    )
    if grown > 0 and (now or waited or grown >= MANY):
        return await ctx.db.write(lambda tx: seals.seal(tx, code(ctx)))
    return False


async def prune(ctx: Context, saver: LedgerSaver) -> int:
    """Of cases closed long enough ago keep only the last checkpoint; returns how many were pruned here."""
    before = stamp(ctx.clock() - timedelta(days=ctx.settings.checkpoint_days))
    if not await ctx.db.read(lambda tx: retention.prunable(tx, before, 1)):
        return 0
    held = await ctx.db.write(partial(_hold, ctx, before))
    if held:
        await saver.aprune(list(held))
        await ctx.db.write(partial(_pruned, held))
    return len(held)


def _hold(ctx: Context, before: str, tx: Tx) -> dict[str, int | None]:
    """Some cases to prune, each under a lease where others may want to prune it too (or run it, after all)."""
    ids, owner = retention.prunable(tx, before, AT_ONCE), ctx.db.owner
    if owner is None:
        return dict.fromkeys(ids)
    tokens = {id_: leases.take(tx, id_, owner, ctx.settings.lease_seconds, due=False) for id_ in sorted(ids)}
    return {id_: token for id_, token in tokens.items() if token is not None}


def _pruned(held: Mapping[str, int | None], tx: Tx) -> None:
    retention.pruned(tx, list(held))
    for id_, token in held.items():
        if token is not None:
            leases.release(tx, id_, token)
