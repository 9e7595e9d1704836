"""To the merchant: your application has waited long, and we still look at it."""

from datetime import datetime

from onboarding.letters.letter import Block, Letter, Link, Say, letter
from onboarding.letters.words import name, when


def still_looking(*, case_id: str, legal_name: str | None, since: datetime, link: str | None = None) -> Letter:
    """``since`` is when the application as it stands came in."""
    blocks: list[Block] = [
        Say(f"We have had the application of {name(legal_name)} since {when(since)}, and we have not decided yet."),
        Say("You need to do nothing. We will write to you as soon as we have decided, or if we need something."),
        *([Link("See how it stands", link)] if link else []),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"We are still looking at your application ({case_id})", blocks)
