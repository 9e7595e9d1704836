"""A merchant's answers to what was asked: which path is none of ours, and whose words no reader makes a value of."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from onboarding.application import Application
from onboarding.checks.entity import is_partial
from onboarding.checks.run import check
from onboarding.letters.fields import LABELS, OF_A_PERSON, PERSON
from onboarding.policy import Policy
from onboarding.reading.overrides import MOST_NEW_PEOPLE, read_answers
from onboarding.reading.read import read
from onboarding.requirements import requirements_of
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission


class _Kind(NamedTuple):
    """What a field takes, in words to the merchant."""

    what: str
    such_as: str


_DATE: Final = _Kind("a full date", "Day, month and year, for example 4 March 2015.")
_AMOUNT: Final = _Kind("an amount", "For example 420000 EUR.")
_COUNTRY: Final = _Kind("a country", "Its English name, for example Italy.")
_ACCOUNT: Final = _Kind("an account number", "As on a bank statement.")
_NUMBER: Final = _Kind("such a number", "As on the paper that states it.")
_KINDS: Final[dict[str, _Kind]] = {
    "incorporation_date": _DATE,
    "dob": _DATE,
    "expected_annual_volume": _AMOUNT,
    "expected_annual_volume.amount": _AMOUNT,
    "avg_ticket": _AMOUNT,
    "avg_ticket.amount": _AMOUNT,
    "transactions_per_month": _Kind("a number", "For example 350."),
    "ownership_pct": _Kind("a share in percent", "For example 25."),
    "country": _COUNTRY,
    "address.country": _COUNTRY,
    "nationality": _COUNTRY,
    "entity_type": _Kind("a legal form", "For example limited company or sole trader."),
    "contact.email": _Kind("an e-mail address", "For example name@example.com."),
    "contact.phone": _Kind("a phone number", "With its country code, for example +44 20 7946 0000."),
    "website": _Kind("the address of a website", "For example https://www.example.com."),
    "address.postal_code": _Kind("a postcode", "As in the address of the registered office."),
    "mcc": _Kind("a merchant category code", "Four digits."),
    "roles": _Kind("what somebody does", "Owner, director, or who runs the business."),
    **dict.fromkeys(("bank.account", "bank.iban", "bank.account_number", "bank.routing_number"), _ACCOUNT),
    **dict.fromkeys(("registration_number", "vat_number", "tax_id", "tax_id_or_vat"), _NUMBER),
    **dict.fromkeys(("national_id", "passport_number"), _NUMBER),
}
"""Fields of which not every text is a value. Names, descriptions and the like are taken as they are."""
_MISTYPED: Final = frozenset(
    {"DATE_INVALID", "EMAIL_INVALID", "PHONE_INVALID", "URL_INVALID", "POSTAL_CODE_INVALID", "AMOUNT_INVALID"}
    | {"MCC_INVALID", "REG_NUMBER_FORMAT_INVALID", "REG_NUMBER_CHECKSUM_FAILED", "VAT_CHECKSUM_FAILED"}
    | {"TAX_ID_INVALID", "PERSON_ID_INVALID", "IBAN_CHECKSUM_FAILED", "BANK_ROUTING_INVALID"}
)
"""Findings that speak of nothing but the writing of the value."""
_FILLED_BY: Final = {
    "bank.account": ("bank.iban", "bank.account_number"),
    "tax_id_or_vat": ("tax_id", "vat_number"),
    "expected_annual_volume": ("expected_annual_volume.amount",),
    "avg_ticket": ("avg_ticket.amount",),
}
_SOURCE: Final = "answer"
LONGEST: Final = 500
"""Characters: a longer text is no value of such a field."""


def strangers(answers: Iterable[tuple[str, JsonValue]]) -> frozenset[str]:
    """Which of these paths (or labels) nothing is read from, whatever the application: of persons none is judged here.

    As slow as reading the answers is: not for a transaction.
    """
    others = [(path, value) for path, value in answers if not PERSON.fullmatch(path) and path not in LABELS]
    return frozenset(path for path, value in others if not _is_read(path, value))


def _is_read(path: str, value: JsonValue) -> bool:
    candidates, _ = read_answers({path: value}, source=_SOURCE)
    return any(candidate.path != "extra" for candidate in candidates)


def is_nobody(path: str, value: JsonValue, people: int) -> bool:
    """Whether this speaks of a person, but of none there may be, or of what no person has: ``people`` were shown."""
    found = PERSON.fullmatch(path)
    if found is None:
        return False
    fields = value if found[2] is None and isinstance(value, dict) else {found[2] or "name": value}
    return int(found[1]) >= people + MOST_NEW_PEOPLE or not fields.keys() <= OF_A_PERSON.keys()


def unread(application: Application, answers: Mapping[str, str], *, policy: Policy, as_of: date) -> dict[str, str]:
    """What could not be read as what its field takes, in words to the merchant by path.

    Each answer is read by itself, by the reader that will read all of them, against the country they are about.
    """
    found = {path: _problem(application, path, text, policy, as_of) for path, text in answers.items()}
    return {path: words for path, words in found.items() if words}


def _problem(application: Application, path: str, text: str, policy: Policy, as_of: date) -> str | None:
    person = PERSON.fullmatch(path)
    kind = _KINDS.get(person[2] or "" if person else path)
    if kind is None:
        return None
    if len(text) > LONGEST:
        return f"We could not read this as {kind.what}. {kind.such_as}"
    place = f"persons[0].{person[2]}" if person else path
    submission = Submission(version=1, parts=[_about(application), _part("answers", {place: text}, _SOURCE)])
    reading = read(submission, as_of=as_of)
    values, origins = reading.application.flat(), reading.provenance
    taken = [spot for spot in _FILLED_BY.get(place, (place,)) if spot in origins and origins[spot].source == _SOURCE]
    no_value = not taken or (kind is _DATE and is_partial(str(values[taken[0]])))
    if no_value or (kind is _AMOUNT and not any(map(str.isdigit, str(values[taken[0]])))):
        return f"We could not read this as {kind.what}. {kind.such_as}"
    checked = check(reading, submission, priors=(), watchlist=Watchlist.empty(), policy=policy, as_of=as_of)
    wrong = [item for item in checked.findings if item.path in taken and item.code in _MISTYPED]
    said = requirements_of([], wrong)
    return said[0].words if said else None


def _about(application: Application) -> Part:
    """As much of the application as decides how a value is read: the country, the legal form, and somebody."""
    stated: dict[str, JsonValue] = {"country": application.country, "entity_type": application.entity_type}
    return _part("application", stated | {"persons": [{"name": "Ada Price"}]}, "input")


def _part(kind: Any, content: dict[str, JsonValue], source: str) -> Part:
    return Part(source=source, kind=kind, format="json", content=content)
