"""To reviewers: this still waits for a decision."""

from datetime import datetime

from onboarding.letters.letter import Block, Facts, Letter, Link, Say, letter
from onboarding.letters.words import name, when


def reminder(
    *,
    case_id: str,
    legal_name: str | None,
    country: str | None,
    risk_level: str,
    waiting_since: datetime,
    due_at: datetime,
    overdue: bool,
    console_url: str,
) -> Letter:
    """``overdue``: ``due_at`` has passed. It carries no decision links: those of the request still hold."""
    merchant = name(legal_name)
    blocks: list[Block] = [
        Say(f"{merchant} still waits for a decision" + (", and it is overdue." if overdue else ".")),
        Facts(
            [
                ("Merchant", merchant),
                ("Country", country or "not stated"),
                ("Risk", risk_level),
                ("Waiting since", when(waiting_since)),
                ("Was due" if overdue else "Please decide by", when(due_at)),
                ("Case", case_id),
            ]
        ),
        Link("Look and decide", console_url),
    ]
    return letter(f"{'Overdue' if overdue else 'Reminder'}: decision needed on {merchant}", blocks)
