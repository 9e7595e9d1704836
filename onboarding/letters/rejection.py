"""To the merchant: we cannot offer our service, and the specific reasons that may be said (at most four)."""

from collections.abc import Sequence

from onboarding.letters.letter import Block, Letter, Link, Points, Say, letter
from onboarding.letters.reasons import sentences
from onboarding.letters.words import name


def rejection(*, case_id: str, legal_name: str | None, reason_codes: Sequence[str], link: str | None = None) -> Letter:
    """``reason_codes`` are the decision's, else the recommendation's; only fixed sentences are sent."""
    blocks: list[Block] = [
        Say(f"Thank you for the application of {name(legal_name)}. We are sorry that we cannot accept it."),
        Points("Reasons", sentences(reason_codes)),
        Say(
            "If something has changed or was stated wrongly, you are welcome to apply again or to reply to this letter."
        ),
        *([Link("See how it stands", link)] if link else []),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"Your application ({case_id})", blocks)
