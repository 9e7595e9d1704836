"""The form a merchant fills in: what this country and legal form require (policy 3), and what is asked beside it."""

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, get_args

from babel import Locale
from babel.numbers import get_territory_currencies
from pydantic import JsonValue
from schwifty import registry
from schwifty.exceptions import SchwiftyException

from onboarding.application import Application, EntityType, Role
from onboarding.checks.facts import Facts
from onboarding.checks.run import check
from onboarding.letters.fields import capital, label
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.requirements import cure_of, missing_of, requirements_of
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

Kind = Literal["text", "email", "tel", "url", "long"]
MOST_PEOPLE: Final = 10
LONGEST: Final = 10_000
_NO_COUNTRIES: Final = frozenset(
    {"AC", "CP", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ", "AQ", "BV", "HM"}
)
LEGAL_FORMS: Final[dict[EntityType, str]] = {
    "private_company": "Private limited company (Ltd, GmbH, SARL, Inc, ...)",
    "public_company": "Public or listed company (plc, ...)",
    "llc": "Limited liability company (LLC)",
    "free_zone_establishment": "Free zone company (FZE, FZCO, ...)",
    "sole_proprietorship": "Sole trader, self-employed",
    "partnership": "Partnership (GbR, OHG, KG, SNC, ...)",
    "llp": "Limited liability partnership (LLP)",
    "cooperative": "Cooperative",
    "nonprofit": "Association, foundation or other non-profit",
    "trust": "Trust",
}
ROLES: Final[dict[Role, str]] = {
    "owner": "owns a part of the business",
    "director": "director or manager",
    "control_person": "runs the business day to day",
}
_ERRORS_AT: Final = {
    "tax_id_or_vat": "vat_number",
    "persons.owners": "persons[0].ownership_pct",
    "persons.control_person": "persons[0].roles",
    "expected_annual_volume": "expected_annual_volume.amount",
    "avg_ticket": "avg_ticket.amount",
    "address": "address.line1",
}
"""Where a problem is shown that belongs to no single field."""
_ONE_PERSON: Final = re.compile(r"persons\[(\d{1,2})\]\.(\w+)")


class Field(NamedTuple):
    """One question. ``path`` is the canonical path and the name in the form."""

    path: str
    label: str
    hint: str = ""
    kind: Kind = "text"
    required: bool = False
    autocomplete: str = ""


class Section(NamedTuple):
    title: str
    fields: list[Field]


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """ISO code to English name, by name."""
    names: dict[str, str] = dict(Locale.parse("en").territories)
    real = {code: name for code, name in names.items() if code.isalpha() and len(code) == 2}
    return dict(sorted(((c, n) for c, n in real.items() if c not in _NO_COUNTRIES), key=lambda item: item[1]))


def currency_of(country: str) -> str:
    """The currency of the country today, empty where there is none."""
    found: list[str] = get_territory_currencies(country)
    return found[0] if found else ""


def required(country: str, entity_type: str, policy: Policy, as_of: date) -> set[str]:
    """Paths that would be ``missing`` from an application of this country and legal form that says nothing else."""
    assert entity_type in get_args(EntityType)
    nothing = Application.model_validate({"country": country, "entity_type": entity_type})
    facts = Facts(Reading(application=nothing), Submission(version=1, parts=[]), (), Watchlist.empty(), policy, as_of)
    return set(missing_of(facts))


def sections(country: str, entity_type: str, policy: Policy, as_of: date) -> list[Section]:
    """The questions, people left out."""
    needed = required(country, entity_type, policy, as_of)

    def ask(path: str, kind: Kind = "text", autocomplete: str = "", hint: str | None = None) -> Field:
        words = cure_of(path) if hint is None else hint
        return Field(path, capital(label(path)), words, kind, path in needed, autocomplete)

    either = "The VAT number or the tax number is needed." if "tax_id_or_vat" in needed else ""
    business = [
        ask("legal_name", autocomplete="organization"),
        ask("trading_name", hint="If customers know the business by another name."),
        *([] if _exempt(country, entity_type, policy) else [ask("registration_number")]),
        ask("vat_number", hint=either),
        ask("tax_id", hint=either),
        ask("incorporation_date", hint="Day, month and year, for example 4 March 2015."),
    ]
    address = [
        ask("address.line1", autocomplete="address-line1"),
        ask("address.city", autocomplete="address-level2"),
        ask("address.region", autocomplete="address-level1", hint="Where addresses have one."),
        ask("address.postal_code", autocomplete="postal-code"),
    ]
    contact = [
        ask("contact.name", autocomplete="name", hint="Whom we should write to."),
        ask("contact.email", "email", "email"),
        ask("contact.phone", "tel", "tel"),
        ask("website", "url", "url"),
    ]
    selling = [
        ask("business_description", "long"),
        ask("expected_annual_volume.amount", hint="Card sales in a year, for example 420000.00"),
        ask("expected_annual_volume.currency", hint="Three letters, for example EUR."),
        ask("avg_ticket.amount", hint="What one customer usually pays at a time."),
        ask("avg_ticket.currency", hint="Three letters, for example EUR."),
        ask("transactions_per_month", hint="How many sales in a month."),
        ask("mcc", hint="Four digits, if you know it."),
    ]
    return [
        Section("The business", business),
        Section("Registered address", address),
        Section("How we reach you", contact),
        Section("What you sell", selling),
        Section("Payout account", [*_account(country, "bank.account" in needed), ask("bank.holder", hint="")]),
    ]


def _exempt(country: str, entity_type: str, policy: Policy) -> bool:
    rules = policy.required
    return country in rules.registration_number_not_in and entity_type not in rules.registration_number_not_for


def _account(country: str, needed: bool) -> list[Field]:
    """An IBAN where the country has them, else its national numbers."""
    if has_iban(country):
        return [Field("bank.iban", capital(label("bank.iban")), cure_of("bank.account"), required=needed)]
    codes = ["bank.routing_number"] if country == "US" else ["bank.bank_code", "bank.branch_code"]
    number = Field("bank.account_number", capital(label("bank.account_number")), required=needed)
    return [*(Field(path, capital(label(path)), "As on a bank statement.") for path in codes), number]


def has_iban(country: str) -> bool:
    """Whether accounts of this country have an IBAN (ISO 13616 register)."""
    try:
        return registry.get_iban_spec(country) is not None
    except SchwiftyException:
        return False


def person(number: int, policy: Policy) -> list[Field]:
    """The questions about one person; their roles are asked beside."""
    needed = set(policy.required.person)
    kinds = {
        "name": "",
        "dob": "Day, month and year, for example 12 April 1987.",
        "nationality": "",
        "ownership_pct": "In percent of the whole business; 0 for who owns nothing.",
    } | ({"national_id": ""} if "national_id" in needed else {})
    return [
        Field(f"persons[{number}].{name}", capital(label(f"persons[{number}].{name}")), hint, required=name in needed)
        for name, hint in kinds.items()
    ]


def names(country: str, entity_type: str, people: int, policy: Policy, as_of: date) -> dict[str, str]:
    """Every field of the form with its label: nothing else is taken."""
    fields = [field for section in sections(country, entity_type, policy, as_of) for field in section.fields]
    fields += [field for number in range(people) for field in person(number, policy)]
    roles = {f"persons[{number}].roles": f"Role of person {number + 1}" for number in range(people)}
    return {field.path: field.label for field in fields} | roles


def document(country: str, entity_type: str, values: dict[str, str]) -> JsonValue:
    """What was typed as one application, in the shape of the canonical one; empty fields left out."""
    whole: dict[str, Any] = {"country": country, "entity_type": entity_type}
    people: dict[int, dict[str, Any]] = {}
    for path, text in values.items():
        value = text.strip()
        found = _ONE_PERSON.fullmatch(path)
        if not value:
            continue
        if found:
            people.setdefault(int(found[1]), {})[found[2]] = value.split(",") if found[2] == "roles" else value
        elif "." in path:
            head, _, tail = path.partition(".")
            whole.setdefault(head, {})[tail] = value
        else:
            whole[path] = value
    for money in ("expected_annual_volume", "avg_ticket"):
        if "amount" not in whole.get(money, {}):
            whole.pop(money, None)
    if whole.get("address"):
        whole["address"].setdefault("country", country)
    if people:
        whole["persons"] = [people[number] for number in sorted(people)]
    return whole


def problems(parts: list[Part], policy: Policy, as_of: date, fields: set[str]) -> dict[str, str]:
    """What is missing or looks wrong, in words by field; read and checked as it will be, but against nobody else.

    ``application`` holds what belongs to no field of the form.
    """
    submission = Submission(version=1, parts=parts)
    reading = read(submission, as_of=as_of)
    checked = check(reading, submission, priors=(), watchlist=Watchlist.empty(), policy=policy, as_of=as_of)
    found: dict[str, str] = {}
    for item in requirements_of(checked.missing, checked.findings):
        place = _ERRORS_AT.get(item.path, item.path)
        if item.path == "bank.account":
            place = "bank.iban" if "bank.iban" in fields else "bank.account_number"
        place = place if place in fields else "application"
        found[place] = f"{found[place]} {item.cure}" if place in found else f"{item.why} {item.cure}"
    return found
