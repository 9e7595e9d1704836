"""To the merchant: you are active."""

from collections.abc import Sequence

from onboarding.letters.letter import Block, Facts, Letter, Link, Say, letter
from onboarding.letters.words import name


def welcome(
    *, case_id: str, legal_name: str | None, references: Sequence[tuple[str, str]] = (), link: str | None = None
) -> Letter:
    """``references`` are (service, reference) of what was activated."""
    blocks: list[Block] = [
        Say(f"Welcome! The application of {name(legal_name)} was approved and your account is active."),
        Facts([("Your reference", case_id), *((f"Reference at {service}", value) for service, value in references)]),
        Say("You need to do nothing more. Please keep these references for any question you may have."),
        *([Link("See how it stands", link)] if link else []),
    ]
    return letter(f"Welcome, you are active ({case_id})", blocks)
