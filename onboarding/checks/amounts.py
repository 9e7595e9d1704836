"""Expected figures: positive numbers that agree with each other (policy 2.1)."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from onboarding.application import Money
from onboarding.checks.facts import Facts, Hit, Rule


def amount_of(money: Money) -> Decimal | None:
    """The amount as a number; None if it is none."""
    try:
        value = Decimal(money.amount or "")
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def positive(facts: Facts) -> Iterator[Hit]:
    """Volume and ticket must be numbers above zero."""
    for path, money in (
        ("expected_annual_volume.amount", facts.app.expected_annual_volume),
        ("avg_ticket.amount", facts.app.avg_ticket),
    ):
        value = amount_of(money)
        if money.amount and (value is None or value <= 0):
            yield Hit("AMOUNT_INVALID", f"{money.amount} is not an amount above zero.", path)


def consistent(facts: Facts) -> Iterator[Hit]:
    """Average ticket times stated transactions a month times twelve, against the annual volume."""
    app = facts.app
    volume, ticket = amount_of(app.expected_annual_volume), amount_of(app.avg_ticket)
    currencies = {money.currency for money in (app.expected_annual_volume, app.avg_ticket) if money.currency}
    if volume is None or ticket is None or app.transactions_per_month is None or len(currencies) > 1:
        return
    if volume <= 0 or ticket <= 0:
        return
    computed = ticket * app.transactions_per_month * 12
    factor = Decimal(str(facts.policy.thresholds.volume_factor))
    if computed * factor <= volume or computed >= volume * factor:
        message = f"{ticket} × {app.transactions_per_month} a month is {computed} a year, not {volume}."
        yield Hit("VOLUME_INCONSISTENT", message, "expected_annual_volume.amount")


RULES: Final = (
    Rule("amounts.positive", 1, "policy 2.1", positive),
    Rule("amounts.consistent", 1, "policy 2.1", consistent),
)
