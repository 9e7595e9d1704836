"""What a field is called in a letter: fixed words, so that no path is ever a label; people may be called by name."""

import re
from collections.abc import Sequence
from typing import Final

LABELS: Final[dict[str, str]] = {
    "legal_name": "legal name",
    "legal_name_kana": "legal name (reading)",
    "trading_name": "trading name",
    "entity_type": "legal form",
    "country": "country of incorporation",
    "registration_number": "registration number",
    "vat_number": "VAT number",
    "tax_id": "tax number",
    "tax_id_or_vat": "tax number or VAT number",
    "incorporation_date": "date of incorporation",
    "address": "business address",
    "address.line1": "street and number",
    "address.city": "city",
    "address.region": "state or region",
    "address.postal_code": "postcode",
    "address.country": "country of the address",
    "contact": "contact details",
    "contact.name": "contact person",
    "contact.email": "contact e-mail",
    "contact.phone": "contact phone number",
    "website": "website",
    "mcc": "merchant category code",
    "business_description": "description of the business",
    "expected_annual_volume": "expected annual card volume",
    "expected_annual_volume.amount": "expected annual card volume",
    "expected_annual_volume.currency": "currency of the expected volume",
    "avg_ticket": "average sale",
    "avg_ticket.amount": "average sale",
    "avg_ticket.currency": "currency of the average sale",
    "transactions_per_month": "transactions a month",
    "bank": "payout account",
    "bank.account": "payout account",
    "bank.iban": "payout account (IBAN)",
    "bank.account_number": "payout account number",
    "bank.bank_code": "bank code",
    "bank.branch_code": "branch code",
    "bank.routing_number": "routing number",
    "bank.holder": "account holder",
    "persons": "owners and officers",
    "persons.owners": "the natural persons who own the business, with their shares",
    "persons.control_person": "the person who controls the business",
    "ownership": "ownership structure",
}
OF_A_PERSON: Final[dict[str, str]] = {
    "name": "name",
    "dob": "full date of birth",
    "nationality": "nationality",
    "national_id": "national identity number",
    "passport_number": "passport number",
    "ownership_pct": "share of ownership",
    "roles": "role",
}
PERSON: Final = re.compile(r"persons\[(\d{1,4})\](?:\.(\w+))?")


def label(path: str, people: Sequence[str | None] = ()) -> str:
    """The words for a field path (``persons[0].dob`` -> ``full date of birth of person 1``), fixed for any other.

    ``people``: what each is called instead, where that may be said (:func:`onboarding.letters.people.named`).
    """
    if found := PERSON.fullmatch(path):
        what, number = OF_A_PERSON.get(found[2], "details"), int(found[1])
        called = people[number] if number < len(people) and found[2] != "name" else None
        return f"{what} of {called or f'person {number + 1}'}"
    return LABELS.get(path, "further details")


def is_field(path: str) -> bool:
    """Whether this is a path of ours, and no words of anybody's."""
    found = PERSON.fullmatch(path)
    return path in LABELS if found is None else found[2] is None or found[2] in OF_A_PERSON


def field(path: str) -> str:
    """The path where nothing but fields may stand; ``other`` for whatever is none."""
    return path if is_field(path) else "other"


def capital(text: str) -> str:
    """First letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]
