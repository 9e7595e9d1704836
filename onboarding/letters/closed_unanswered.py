"""To the merchant: the application was closed because what we asked for, or our own decision, did not come in time."""

from collections.abc import Sequence

from onboarding.letters.fields import capital, label
from onboarding.letters.letter import Block, Letter, Link, Points, Say, letter
from onboarding.letters.words import name


def closed_unanswered(
    *,
    case_id: str,
    legal_name: str | None,
    asked: Sequence[str],
    link: str | None = None,
    people: Sequence[str | None] = (),
) -> Letter:
    """``asked``: paths of what the merchant was asked for; empty when the decision was ours to make.

    ``people``: what each person of the application is called to the merchant.
    """
    why = (
        "We did not hear from you in time, so it is incomplete and we have closed it."
        if asked
        else "We could not complete our review in time, so we have closed it."
    )
    blocks: list[Block] = [
        Say(f"This is about the application of {name(legal_name)}. {why}"),
        Points("What we had asked for", list(dict.fromkeys(capital(label(path, people)) for path in asked))),
        Say("You are welcome to apply again at any time."),
        *([Link("See how it stands", link)] if link else []),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"Your application was closed ({case_id})", blocks)
