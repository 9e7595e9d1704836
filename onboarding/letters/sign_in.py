"""To a reviewer: a personal link into the console."""

from datetime import datetime

from onboarding.letters.letter import Block, Letter, Link, Say, letter
from onboarding.letters.words import name, when


def sign_in(*, reviewer: str, link: str, expires_at: datetime) -> Letter:
    """``link`` works once, until ``expires_at``."""
    blocks: list[Block] = [
        Say(f"Hello {name(reviewer)}, this is your personal link to sign in."),
        Link("Sign in", link),
        Say(f"It works once, until {when(expires_at)}. If you did not ask for it, ignore this letter."),
    ]
    return letter("Your link to sign in", blocks)
