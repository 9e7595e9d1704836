"""Validation: every rule of the policy on the application as read, and what was found about it elsewhere."""

from collections.abc import Sequence
from datetime import date

from langchain_core.language_models.chat_models import BaseChatModel

from onboarding.assessment import Prior, Validation
from onboarding.checks.run import check
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Submission


async def validate(
    reading: Reading,
    submission: Submission,
    *,
    priors: Sequence[Prior],
    watchlist: Watchlist,
    policy: Policy,
    as_of: date,
    model: BaseChatModel | None = None,
) -> Validation:
    """Run every rule. ``priors`` are earlier applications the ledger's look-up found; none of them is changed."""
    return check(reading, submission, priors=priors, watchlist=watchlist, policy=policy, as_of=as_of)
