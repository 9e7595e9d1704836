"""To whoever began an application on our page: the link by which it is taken up again."""

from datetime import datetime

from onboarding.letters.letter import Block, Letter, Link, Say, letter
from onboarding.letters.words import when


def draft_link(*, link: str, expires_at: datetime) -> Letter:
    """It says nothing of what was typed: the address may not be the writer's own."""
    blocks: list[Block] = [
        Say("An application was begun with this e-mail address. By this link you can go on, or see how it stands."),
        Link("Go on", link),
        Say(f"What was typed is kept until {when(expires_at)}. If you did not begin it, ignore this letter."),
    ]
    return letter("Your application: the link to go on", blocks)
