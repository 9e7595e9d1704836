"""To reviewers: a merchant that is active came up on a newer list."""

from onboarding.letters.letter import Block, Facts, Letter, Link, Say, letter


def new_screening_hit(*, case_id: str, hits: int, list_version: str, console_url: str) -> Letter:
    """Whose name it is stands in the case, not in the letter."""
    blocks: list[Block] = [
        Say("A merchant that is active came up when it was screened again with a newer list. Nothing was changed."),
        Facts([("Case", case_id), ("New hits", str(hits)), ("List", list_version)]),
        Link("Look at the case", console_url),
    ]
    return letter(f"New screening hit on an active merchant: {case_id}", blocks)
