"""Later answers and corrections, ``{path: value}``: they override the same path of earlier parts (contract).

Paths of plain fields become candidates of a higher standing; paths of persons by number are applied to the people as
they were shown, after assembling.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from onboarding.reading.amounts import read_share
from onboarding.reading.bank import looks_like_iban
from onboarding.reading.candidate import Candidate
from onboarding.reading.codes import country_code
from onboarding.reading.collect import Collector
from onboarding.reading.dates import DateReading
from onboarding.reading.names import person_name
from onboarding.reading.people import role_kinds
from onboarding.reading.persons import Somebody
from onboarding.reading.structure import read_json
from onboarding.reading.text import clean

_PERSON: Final = re.compile(r"persons\[(\d{1,3})\](?:\.(\w+))?")
MOST_NEW_PEOPLE: Final = 5
"""So far beyond the people who were shown a number may go: what is further is a mistake, and adds nobody."""
_AMOUNTS: Final = {"expected_annual_volume.amount": "expected_annual_volume", "avg_ticket.amount": "avg_ticket"}
PLAIN: Final = frozenset(
    [
        "legal_name",
        "legal_name_kana",
        "trading_name",
        "entity_type",
        "country",
        "registration_number",
        "vat_number",
        "tax_id",
        "incorporation_date",
        "website",
        "mcc",
        "business_description",
        "transactions_per_month",
        "expected_annual_volume",
        "avg_ticket",
        "expected_annual_volume.currency",
        "avg_ticket.currency",
        "contact.name",
        "contact.email",
        "contact.phone",
        "address",
        "address.line1",
        "address.city",
        "address.region",
        "address.postal_code",
        "address.country",
        "bank.iban",
        "bank.account_number",
        "bank.bank_code",
        "bank.branch_code",
        "bank.routing_number",
        "bank.holder",
    ]
)


class Override(NamedTuple):
    """A later value for ``persons[number].field``."""

    number: int
    field: str
    candidate: Candidate


def read_answers(content: JsonValue, *, source: str) -> tuple[list[Candidate], list[Override]]:
    """Candidates and person overrides of one answers or corrections part. Never raises."""
    if not isinstance(content, dict):
        return read_json(content, source=source), []
    candidates: list[Candidate] = []
    overrides: list[Override] = []
    collector = Collector(source)
    for path, value in content.items():
        match = _PERSON.fullmatch(path)
        if match:
            fields = {match[2]: value} if match[2] else value if isinstance(value, dict) else {"name": value}
            overrides.extend(
                Override(
                    int(match[1]),
                    str(name),
                    Candidate(path=f"{match[0]}", raw=inner, source=source, where=path, label=name),
                )
                for name, inner in fields.items()
            )
        elif (path in PLAIN or path in _AMOUNTS) and not isinstance(value, dict):
            candidates.append(
                Candidate(path=_AMOUNTS.get(path, path), raw=value, source=source, where=path, label=path)
            )
        else:
            candidates.extend(_other(path, value, source, collector))
    return [*candidates, *collector.candidates], overrides


def _other(path: str, value: JsonValue, source: str, collector: Collector) -> list[Candidate]:
    """Requested items that are no plain field, and labels of the merchant's own."""
    if path == "bank.account":
        part = "iban" if isinstance(value, str) and looks_like_iban(value) else "account_number"
        return [Candidate(path=f"bank.{part}", raw=value, source=source, where=path, label=path)]
    if path == "tax_id_or_vat":
        vat = isinstance(value, str) and re.match(r"\s*DE\s*\d", value) is not None
        return [Candidate(path="vat_number" if vat else "tax_id", raw=value, source=source, where=path, label=path)]
    if path in {"persons.owners", "persons.control_person"}:
        word = "owners" if path.endswith("owners") else "control person"
        if isinstance(value, str):
            collector.add((word,), value, path)
            return []
        return read_json({word: value}, source=source)
    if isinstance(value, dict | list):
        return read_json({path: value}, source=source)
    collector.add(tuple(part for part in path.split(".") if part) or (path,), value, path)
    return []


def apply_overrides(
    people: list[Somebody], overrides: Sequence[Override], read_date: Callable[[Candidate], DateReading | None]
) -> None:
    """Put the overriding values onto the people in the order in which they were shown; new numbers add people."""
    for override in overrides:
        while len(people) <= override.number and override.number < len(people) + MOST_NEW_PEOPLE:
            people.append(Somebody())
        if override.number < len(people):
            _apply(people[override.number], override, read_date)


def _apply(somebody: Somebody, override: Override, read_date: Callable[[Candidate], DateReading | None]) -> None:
    field, candidate = override.field, override.candidate
    raw: Any = candidate.raw
    somebody.fields[field] = [candidate]
    if field == "name":
        somebody.name = person_name(raw)
        somebody.name_source = None
    elif field == "dob":
        somebody.dob = read_date(candidate)
    elif field == "nationality":
        somebody.nationality = country_code(clean(raw))
    elif field == "ownership_pct":
        somebody.share = read_share(raw)
    elif field == "roles":
        somebody.kinds = role_kinds(raw)
