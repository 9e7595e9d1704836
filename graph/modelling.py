"""A case's talk with the model: what it may ask of the ledger, and where its calls are remembered."""

from dataclasses import replace

from agents.model import Model
from agents.prices import Prices
from agents.talk import Talk, begin
from checkpoints import recordings
from checkpoints.database import Database, Tx
from graph.context import Context, Heard
from onboarding.assessment import ModelUse
from onboarding.model_call import ModelCall, Spent


class CaseMemory:
    """The recordings of one case in the ledger; each new call is also told to the metrics."""

    def __init__(self, db: Database, case_id: str, version: int, heard: Heard) -> None:
        self._db, self._case_id, self._version, self._heard = db, case_id, version, heard

    async def find(self, request_hash: str) -> ModelCall | None:
        """An equal request on this case and what came of it."""
        return await self._db.read(lambda tx: recordings.find(tx, self._case_id, request_hash))

    async def keep(self, call: ModelCall) -> None:
        """Durable when this returns."""
        await self._db.write(lambda tx: recordings.keep(tx, self._case_id, self._version, call))
        self._heard(call)

    async def spent(self) -> Spent:
        """What the case cost so far."""
        return await self._db.read(lambda tx: recordings.spent(tx, self._case_id))


async def talk(ctx: Context, step: str, case_id: str, version: int) -> Talk | None:
    """The case's talk in this step; None when no model is configured, or none was when a replay is played."""
    model = ctx.model
    if model is not None and model.recorded:
        name = await ctx.db.read(lambda tx: recordings.model_of(tx, case_id))
        model = replace(model, name=name) if name else None
    return await begin(model, step, CaseMemory(ctx.db, case_id, version, ctx.heard)) if model else None


def recorded_model() -> Model:
    """In place of a model when a recorded case is played again: it can answer from the recordings and nothing else."""
    return Model(name="recorded", endpoint=None, prices=Prices.load(), recorded=True)


async def use(ctx: Context, case_id: str, ungrounded: int) -> ModelUse:
    """What the model did on the case so far, for the record; without a model and without calls: rules alone."""

    def look(tx: Tx) -> tuple[str | None, Spent]:
        return recordings.model_of(tx, case_id), recordings.spent(tx, case_id)

    asked, spent = await ctx.db.read(look)
    configured = ctx.model.name if ctx.model and not ctx.model.recorded else None
    return ModelUse(
        name=configured or asked,
        calls=spent.calls,
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cost=spent.cost,
        ungrounded=ungrounded,
    )
