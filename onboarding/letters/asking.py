"""What both letters that ask a merchant for something have in common."""

from collections.abc import Sequence

from onboarding.assessment import Requirement
from onboarding.letters.fields import capital, label
from onboarding.letters.letter import Block, Link, Points, Say


def asked_for(requirements: Sequence[Requirement], people: Sequence[str | None]) -> Points:
    """One point a requirement: what, why, how to cure it."""
    return Points("What we need", [_one(each, people) for each in requirements])


def how_to_answer(link: str | None, case_id: str) -> list[Block]:
    """The link to answer by, or how to answer by reply."""
    if link:
        return [Link("Answer here", link)]
    return [Say(f"Please reply to this letter, and leave the reference {case_id} in it.")]


def _one(asked: Requirement, people: Sequence[str | None]) -> str:
    sentences = (text.strip() for text in (asked.why, asked.cure))
    said = " ".join(text if text.endswith((".", "!", "?")) else f"{text}." for text in sentences if text)
    what = capital(label(asked.path, people))
    return f"{what}: {said}" if said else what
