"""To reviewers and operators: approved, but a service refused; retry or give up?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from onboarding.letters.letter import Block, Facts, Letter, Link, Points, Say, letter
from onboarding.letters.words import name, when
from onboarding.model import Value

CLOSED: Final = frozenset({"failed", "refused", "cancelled", "absent"})


class Outcome(Value):
    """How it stands with one service: ``status`` such as ``failed`` or ``cancelled``, ``detail`` its reason."""

    service: str
    status: str
    attempts: int
    detail: str | None = None


def activation_problem(
    *,
    case_id: str,
    legal_name: str | None,
    country: str | None,
    outcomes: Sequence[Outcome],
    due_at: datetime,
    console_url: str,
) -> Letter:
    """One line a service; the merchant is told nothing until a person decides."""
    merchant = name(legal_name)
    open_at = [outcome.service for outcome in outcomes if outcome.status not in CLOSED]
    state = (
        f"It may still be active at {', '.join(open_at)}: please check there." if open_at else "Nothing is half active."
    )
    blocks: list[Block] = [
        Say(f"{merchant} was approved, but could not be activated. {state} Please retry or give up."),
        Facts(
            [
                ("Merchant", merchant),
                ("Country", country or "not stated"),
                ("Please decide by", when(due_at)),
                ("Case", case_id),
            ]
        ),
        Points("Services", [_line(outcome) for outcome in outcomes]),
        Link("Retry or give up", console_url),
    ]
    return letter(f"Activation failed: {merchant}", blocks)


def _line(outcome: Outcome) -> str:
    tries = "1 attempt" if outcome.attempts == 1 else f"{outcome.attempts} attempts"
    said = f"{outcome.service}: {outcome.status} after {tries}"
    return f"{said} ({outcome.detail})" if outcome.detail else said
