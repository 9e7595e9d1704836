"""To operators: a case was set aside; the others go on."""

from datetime import datetime

from onboarding.letters.letter import Block, Facts, Letter, Link, Say, letter
from onboarding.letters.words import when


def case_quarantined(
    *, case_id: str, step: str | None, attempts: int, error_code: str, at: datetime, console_url: str
) -> Letter:
    """``error_code`` is the stable code of the error; its text may carry personal data and stays in the case."""
    blocks: list[Block] = [
        Say("A case could not be carried on and was set aside. Nothing of it is lost, and all other cases go on."),
        Facts(
            [
                ("Case", case_id),
                ("Step", step or "not known"),
                ("Attempts", str(attempts)),
                ("Error", error_code),
                ("Set aside", when(at)),
            ]
        ),
        Link("Look at the case", console_url),
    ]
    return letter(f"Case set aside: {case_id}", blocks)
