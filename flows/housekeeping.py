"""What Prefect's clock starts: the verbs of ``graph/housekeeping.py``, a flow each, safe to run twice at once."""

from typing import Any

from prefect import flow

from flows.product import at_home
from graph import clock, rescreening
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
        return {"ended": await clock.expire(home.product.context)}


@flow(name="chase", persist_result=False)
async def chase() -> dict[str, Any]:
    """Remind merchants and reviewers of what waits for them."""
    async with at_home() as home:
        merchants = await clock.chase_merchants(home.product.context)
        return {"merchants": merchants, "reviewers": await clock.chase_reviewers(home.product.context)}


@flow(name="rescreen", persist_result=False)
async def rescreen() -> dict[str, Any]:
    """Screen active merchants again with the list as it is now, each once a list version."""
    found, more = 0, True
    async with at_home() as home:
        while more:
            some, more = await rescreening.rescreen(home.product.context)
            found += some
    return {"came up": found}


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
