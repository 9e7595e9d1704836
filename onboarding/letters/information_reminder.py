"""To the merchant: we still wait for the information we asked for."""

from collections.abc import Sequence
from datetime import datetime

from onboarding.assessment import Requirement
from onboarding.letters.asking import asked_for, how_to_answer
from onboarding.letters.letter import Block, Letter, Say, letter
from onboarding.letters.words import name, when


def information_reminder(
    *,
    case_id: str,
    legal_name: str | None,
    requirements: Sequence[Requirement],
    due_at: datetime,
    link: str | None = None,
    people: Sequence[str | None] = (),
) -> Letter:
    """Like the information request; after ``due_at`` the application closes unanswered."""
    blocks: list[Block] = [
        Say(f"We are still waiting for information on the application of {name(legal_name)}."),
        asked_for(requirements, people),
        Say(f"If we do not hear from you by {when(due_at)}, the application will be closed. You can apply again."),
        *how_to_answer(link, case_id),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"Reminder: information needed ({case_id})", blocks)
