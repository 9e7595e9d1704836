"""Setting a case aside: quarantined, an operator told, the others go on. One way, whoever found what is wrong."""

from checkpoints import audit, cases, reviews
from checkpoints.database import Tx
from graph import correspondence
from graph.context import Context
from onboarding.errors import OnboardingError, ReviewTampered


def problem_of(error: OnboardingError) -> str:
    """What stands at the case."""
    return f"{error.code}: {error.detail}"


def set_aside(tx: Tx, ctx: Context, case_id: str, problem: str, attempts: int) -> None:
    """Quarantine, and the letter that tells of it; a case that is quarantined stays so, and nobody is told twice."""
    if cases.quarantine(tx, case_id, problem):
        correspondence.report_quarantine(tx, ctx, case_id, problem, attempts)


async def tampered(ctx: Context, error: ReviewTampered) -> None:
    """Set aside the case of a decision that was refused for it, if that still stands as it was found.

    In a transaction after the one that refused: whatever that one had written is gone by then. Killed between the two,
    nothing was decided, and the next who tries comes here.
    """

    case_id, review_id = error.extra["case_id"], error.extra["review_id"]

    def work(tx: Tx) -> None:
        audit.hold(tx, case_id)
        row = reviews.waiting(tx, case_id)
        if row is None or row.id != review_id:
            return
        try:
            reviews.intact(tx, row)
        except ReviewTampered:
            set_aside(tx, ctx, case_id, problem_of(error), 0)

    await ctx.db.write(work)
