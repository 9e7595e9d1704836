"""What Prefect's clock starts: the verbs of ``graph/housekeeping.py``, a flow each, safe to run twice at once."""

from typing import Any

from prefect import flow

from flows.product import at_home
from graph.triggers import Triggers


@flow(name="sweep", persist_result=False)
async def sweep() -> dict[str, Any]:
    """Trigger every case that has work due and no live run."""
    async with at_home() as home:
        found = await home.product.housekeeping.sweep()
        dispatcher = home.product.engine.dispatcher
        if isinstance(dispatcher, Triggers):
            await dispatcher.empty()
        return {"found": found}


@flow(name="expire", persist_result=False)
async def expire() -> dict[str, Any]:
    """End the waits whose time has come: the merchant did not answer, a service is to be asked again."""
    async with at_home() as home:
        await home.product.housekeeping.tick()
        return {}


@flow(name="relay", persist_result=False)
async def relay() -> dict[str, Any]:
    """Send the letters that are due."""
    async with at_home() as home:
        return {"taken": await home.product.housekeeping.relay()}


@flow(name="seal", persist_result=False)
async def seal() -> dict[str, Any]:
    """Seal the audit trail."""
    async with at_home() as home:
        return {"sealed": await home.product.housekeeping.seal()}


@flow(name="prune", persist_result=False)
async def prune() -> dict[str, Any]:
    """Let cases closed long ago shed their checkpoints."""
    async with at_home() as home:
        return {"pruned": await home.product.housekeeping.prune()}
