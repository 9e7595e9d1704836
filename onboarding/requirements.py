"""What is missing (policy 3), and what to ask the merchant: why, and how to cure it, in words safe to send.

Nothing here ever speaks of screening or suspicion (policy 2): a requirement names a field and what we need of it.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from onboarding.application import Application
from onboarding.assessment import Requirement
from onboarding.checks.address import country_of, postcode_required
from onboarding.checks.entity import is_partial
from onboarding.checks.facts import Facts
from onboarding.checks.people import is_unresolved
from onboarding.finding import Finding
from onboarding.policy import Policy, Required


def missing_of(facts: Facts) -> list[str]:
    """Paths of required fields without a value, sorted (policy 3)."""
    return sorted({*_entity(facts.app, facts.policy), *_people(facts)})


def _entity(app: Application, policy: Policy) -> Iterator[str]:
    required, country, stated = policy.required, app.country or "", app.flat()
    for path in required.everyone:
        if path == "bank.account":
            if not (app.bank.iban or app.bank.account_number):
                yield path
        elif not str(stated.get(path, "")).strip():
            yield path
    if app.incorporation_date and is_partial(app.incorporation_date) and "incorporation_date" in required.everyone:
        yield "incorporation_date"
    if not app.address.postal_code and _needs_postcode(app, required):
        yield "address.postal_code"
    exempt = country in required.registration_number_not_in or app.entity_type in required.registration_number_not_for
    if not app.registration_number and not exempt:
        yield "registration_number"
    if not app.tax_id and country in required.tax_id_in:
        yield "tax_id"
    if not (app.tax_id or app.vat_number) and country in required.tax_id_or_vat_in:
        yield "tax_id_or_vat"


def _needs_postcode(app: Application, required: Required) -> bool:
    if required.postal_code == "by_country":
        return postcode_required(country_of(app))
    return required.postal_code == "always"


def _people(facts: Facts) -> Iterator[str]:
    app, required = facts.app, facts.policy.required
    if required.owners and (not facts.ownership_stated or is_unresolved(facts)):
        yield "persons.owners"
    if required.control_person and not any({"director", "control_person"} & set(p.roles) for p in app.persons):
        yield "persons.control_person"
    for index, person in enumerate(app.persons):
        for field in required.person:
            value = getattr(person, field)
            if not value or (field == "dob" and is_partial(value)):
                yield f"persons[{index}].{field}"


_TEXTS: Final = Path(__file__).with_suffix(".toml")


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    """``missing`` by field and ``findings`` by code; a finding that is not there is for the reviewer alone."""
    return tomllib.loads(_TEXTS.read_text(encoding="utf-8"))


def cure_of(path: str) -> str:
    """What we want at a field, in words for the merchant; empty where nothing is to be said."""
    return _texts()["missing"].get(path, {}).get("cure", "")


def requirements_of(missing: Sequence[str], findings: Sequence[Finding]) -> list[Requirement]:
    """What to ask the merchant: one requirement a path, missing fields first."""
    missing_texts, finding_texts = _texts()["missing"], _texts()["findings"]
    asked: dict[str, Requirement] = {}
    for path in missing:
        field = re.sub(r"^persons\[\d+\]\.", "", path)
        asked[path] = Requirement(path=path, **(missing_texts.get(path) or missing_texts[field]))
    for found in findings:
        path = found.path or "application"
        if found.code in finding_texts and path not in asked:
            asked[path] = Requirement(path=path, **finding_texts[found.code])
    return list(asked.values())
