"""What is done now and then beside the cases: the trail is sealed, closed cases shed their checkpoints."""

from datetime import datetime, timedelta
from typing import Final

from checkpoints import retention, seals
from checkpoints.database import stamp
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
    """Of cases closed long enough ago keep only the last checkpoint; returns how many were pruned."""
    before = stamp(ctx.clock() - timedelta(days=ctx.settings.checkpoint_days))
    ids = await ctx.db.read(lambda tx: retention.prunable(tx, before, AT_ONCE))
    if ids:
        await saver.aprune(ids)
        await ctx.db.write(lambda tx: retention.pruned(tx, ids))
    return len(ids)
