"""Writing what moves a case: what every verb that does shares."""

from checkpoints import traces
from checkpoints.database import Tx, Work
from graph import quarantine
from graph.context import Context
from onboarding import tracing
from onboarding.case import CaseView
from onboarding.errors import ReviewTampered


async def moved(ctx: Context, work: Work[CaseView]) -> CaseView:
    """Write what moves a case, and what it was traced under: the run that follows belongs to it.

    Refused because the review is not what was shown, the case is set aside.
    """
    trace = tracing.carried()

    def both(tx: Tx) -> CaseView:
        view = work(tx)
        traces.keep(tx, view.id, trace)
        return view

    try:
        return await ctx.db.write(both if trace else work)
    except ReviewTampered as error:
        await quarantine.tampered(ctx, error)
        raise
