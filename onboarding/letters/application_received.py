"""To whoever applied on our page: it has arrived, and where to see how it stands."""

from onboarding.letters.letter import Block, Letter, Link, Say, letter


def application_received(*, case_id: str, link: str | None) -> Letter:
    """It says nothing of what was typed: the address may not be the writer's own."""
    blocks: list[Block] = [
        Say("We have received the application that was sent with this e-mail address. You need to do nothing now."),
        Say("We look at it and write to you when we need something or have decided."),
        *([Link("See how it stands", link)] if link else []),
        Say(f"Your reference: {case_id}"),
    ]
    return letter(f"We have received your application ({case_id})", blocks)
