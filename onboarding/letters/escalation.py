"""To senior reviewers: a case is late and nobody has decided it."""

from datetime import datetime

from onboarding.letters.letter import Block, Facts, Letter, Link, Say, letter
from onboarding.letters.words import name, when


def escalation(
    *,
    case_id: str,
    legal_name: str | None,
    country: str | None,
    risk_level: str,
    assignee: str | None,
    waiting_since: datetime,
    due_at: datetime,
    console_url: str,
) -> Letter:
    """``assignee`` is who has the case, if anybody."""
    merchant = name(legal_name)
    blocks: list[Block] = [
        Say(f"Nobody has decided on {merchant}, and it is late. Please decide, or see that somebody does."),
        Facts(
            [
                ("Merchant", merchant),
                ("Country", country or "not stated"),
                ("Risk", risk_level),
                ("Assigned to", name(assignee) if assignee else "nobody"),
                ("Waiting since", when(waiting_since)),
                ("Was due", when(due_at)),
                ("Case", case_id),
            ]
        ),
        Link("Look and decide", console_url),
    ]
    return letter(f"Late: decision needed on {merchant}", blocks)
