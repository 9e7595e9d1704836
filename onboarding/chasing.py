"""When a wait is to be chased: which steps there are, and what time each comes at. Pure; the ledger keeps the rest."""

from datetime import datetime, timedelta
from typing import Final, Literal

from onboarding.case import Stage
from onboarding.settings import Settings

Step = Literal["remind", "overdue", "escalate", "notice", "ask_again"]
"""``remind`` before and ``overdue`` after a review's due time to who has it, ``escalate`` to senior reviewers,
``notice`` to a merchant who has waited long, ``ask_again`` to one who owes an answer."""

OF_REVIEWERS: Final[tuple[Stage, ...]] = ("review", "second_review", "activation")
OF_MERCHANTS: Final[tuple[Stage, ...]] = ("information",)


def steps(
    stage: Stage, *, opened_at: datetime, due_at: datetime, complete_at: datetime, settings: Settings
) -> dict[Step, datetime]:
    """What is due on a wait and when, soonest first. A reminder comes at the earliest half-way to the due time.

    ``complete_at`` is when this version of the application came in: from then on the merchant waits for us.
    """
    half = (due_at - opened_at) / 2
    if stage == "information":
        return {"ask_again": due_at - min(half, timedelta(days=settings.information_reminder_days))}
    if stage not in OF_REVIEWERS:
        return {}
    found: dict[Step, datetime] = {
        "remind": due_at - min(half, timedelta(hours=settings.reminder_hours)),
        "overdue": due_at,
        "escalate": due_at + timedelta(hours=settings.escalation_hours),
    }
    if stage != "activation":
        found["notice"] = complete_at + timedelta(days=settings.notice_days)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def worth_telling(due: list[Step], done: set[str]) -> list[Step]:
    """Of the steps that are due now those that still say something: nobody is reminded of what is overdue already."""
    late = {"overdue", "escalate"} & {*due, *done}
    return [step for step in due if not (step == "remind" and late)]
