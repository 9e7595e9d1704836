"""To the merchant: what is still needed, why, and how to cure it."""

from collections.abc import Sequence
from datetime import datetime

from onboarding.assessment import Requirement
from onboarding.letters.asking import asked_for, how_to_answer
from onboarding.letters.letter import Block, Letter, Say, letter
from onboarding.letters.words import name, when


def information_request(
    *,
    case_id: str,
    legal_name: str | None,
    requirements: Sequence[Requirement],
    due_at: datetime,
    link: str | None = None,
    people: Sequence[str | None] = (),
) -> Letter:
    """``requirements`` carry words that are safe to send; without ``link`` the merchant answers by reply.

    ``people``: what each person of the application is called to the merchant.
    """
    blocks: list[Block] = [
        Say(f"Thank you for the application of {name(legal_name)}. To continue we need some more information."),
        asked_for(requirements, people),
        Say(f"Please answer by {when(due_at)}. Your application waits until then; nothing you sent is lost."),
        *how_to_answer(link, case_id),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"More information needed ({case_id})", blocks)
