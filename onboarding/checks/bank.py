"""The payout account: IBAN, bank list, country and routing number (policy 2.1)."""

from collections.abc import Iterator
from functools import cache
from typing import Final

from schwifty import IBAN, registry
from schwifty.exceptions import SchwiftyException

from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.checks.numbers import passes

SAME_BANKING: Final = (
    dict.fromkeys(("GG", "IM", "JE"), "GB")
    | dict.fromkeys(("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"), "FR")
    | {"AX": "FI", "SJ": "NO"}
)
"""Territories without IBANs of their own: an account there carries the other country's code."""


def iban_of(text: str | None) -> IBAN | None:
    """The IBAN if schwifty's default check accepts it: length, structure and check digits."""
    if not text:
        return None
    try:
        return IBAN(text)
    except (SchwiftyException, ValueError, TypeError, KeyError, IndexError):
        return None


def iban(facts: Facts) -> Iterator[Hit]:
    """IBAN_CHECKSUM_FAILED; national check digits are not tested."""
    stated = facts.app.bank.iban
    if stated and iban_of(stated) is None:
        yield Hit("IBAN_CHECKSUM_FAILED", "The IBAN's length, structure or check digits are wrong.", "bank.iban")


def bank_listed(facts: Facts) -> Iterator[Hit]:
    """A bank code nobody knows, where the bundled list covers the country."""
    valid = iban_of(facts.app.bank.iban)
    if valid is None or listed_banks(valid.country_code) < facts.policy.thresholds.bank_list_min_entries:
        return
    if valid.bank is None:
        code = valid.bank_code
        yield Hit(
            "BANK_NOT_IN_REGISTRY", f"{code} is not on the bundled list of {valid.country_code} banks.", "bank.iban"
        )


@cache
def listed_banks(country: str) -> int:
    """How many banks of ``country`` schwifty's bundled list has."""
    return len(registry.get_banks_by_country(country))


def bank_country(facts: Facts) -> Iterator[Hit]:
    """A valid IBAN of another country than the entity's, also inside SEPA."""
    valid, country = iban_of(facts.app.bank.iban), facts.app.country
    if valid and country and valid.country_code not in (country, SAME_BANKING.get(country)):
        message = f"The account is in {valid.country_code}, the entity in {country}."
        yield Hit("BANK_COUNTRY_MISMATCH", message, "bank.iban")


def routing(facts: Facts) -> Iterator[Hit]:
    """The US routing number's check digit."""
    number = facts.app.bank.routing_number
    if number and not passes("us.rtn", number):
        yield Hit("BANK_ROUTING_INVALID", f"{number} fails the check of US routing numbers.", "bank.routing_number")


RULES: Final = (
    Rule("bank.iban", 1, "policy 2.1", iban),
    Rule("bank.listed", 1, "policy 2.1", bank_listed),
    Rule("bank.country", 1, "policy 2.1", bank_country),
    Rule("bank.routing", 1, "policy 2.1", routing),
)
