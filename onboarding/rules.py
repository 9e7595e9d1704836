"""Where the rules run: the two long pure computations, behind one seam.

A hostile input can keep a reader busy or break it. ``HERE`` runs them in the calling thread, as a replay does; the
service runs them in processes of their own (``tools/apart.py``), so that nothing a merchant sends holds up the others.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, Protocol

from onboarding.assessment import Prior, Validation
from onboarding.checks.run import check
from onboarding.errors import OnboardingError
from onboarding.finding import Evidence, Finding, finding
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Submission


class RulesGaveUp(OnboardingError):
    """The rules did not come to an end on this application."""

    code = "rules_gave_up"


class Rules(Protocol):
    """Runs ``read`` and ``check``. Both raise RulesGaveUp when they are stopped before they end."""

    async def read(self, submission: Submission, *, as_of: date) -> Reading: ...

    async def check(
        self,
        reading: Reading,
        submission: Submission,
        *,
        priors: Sequence[Prior],
        watchlist: Watchlist,
        policy: Policy,
        as_of: date,
    ) -> Validation: ...


class Here:
    """In the calling thread, for as long as it takes."""

    async def read(self, submission: Submission, *, as_of: date) -> Reading:
        return read(submission, as_of=as_of)

    async def check(
        self,
        reading: Reading,
        submission: Submission,
        *,
        priors: Sequence[Prior],
        watchlist: Watchlist,
        policy: Policy,
        as_of: date,
    ) -> Validation:
        return check(reading, submission, priors=priors, watchlist=watchlist, policy=policy, as_of=as_of)


HERE: Final = Here()


def unfinished(what: str, reason: RulesGaveUp) -> Finding:
    """RULES_UNFINISHED: a person has to do what the rules could not. ``what`` is "read" or "checked"."""
    return finding(
        "RULES_UNFINISHED",
        f"The application could not be {what} by the rules; a person has to do it.",
        raised_by="rule:unfinished@1",
        evidence=[Evidence(source="input", detail=reason.detail)],
    )
