"""The canonical application: what a merchant is, whatever it arrived as.

Every field is optional: a missing fact is unknown, never guessed. Values are normalised notation of what
was written (E.164 phones, ISO dates, decimal strings), never repairs of it.
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, JsonValue

from onboarding.model import Value

EntityType = Literal[
    "private_company",
    "public_company",
    "llc",
    "free_zone_establishment",
    "sole_proprietorship",
    "partnership",
    "llp",
    "cooperative",
    "nonprofit",
    "trust",
]
Role = Literal["owner", "director", "control_person"]


class Address(Value):
    """A postal address; ``line1`` is street, number, unit and quarter; ``country`` ISO 3166 alpha-2."""

    line1: str | None = None
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Money(Value):
    """``amount`` is a decimal string with exactly the currency's minor units (ISO 4217)."""

    amount: str | None = None
    currency: str | None = None


class Bank(Value):
    """The payout account: an IBAN, or national numbers as digits and letters without separators."""

    iban: str | None = None
    account_number: str | None = None
    bank_code: str | None = None
    branch_code: str | None = None
    routing_number: str | None = None
    holder: str | None = None


class Contact(Value):
    """Whom we write to; ``phone`` is E.164, or the digits as written when it is no phone number."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Person(Value):
    """An owner or officer. ``dob`` is ``YYYY-MM-DD``, or less (``"1961"``) when only that was written.

    ``ownership_pct`` is the effective share in percent, 0 to 100, direct and through chains.
    """

    name: str | None = None
    dob: str | None = None
    nationality: str | None = None
    national_id: str | None = None
    passport_number: str | None = None
    ownership_pct: int | float | None = None
    roles: list[Role] = Field(default_factory=list)


class OwnershipLink(Value):
    """``owner`` holds ``pct`` percent of ``owns``, as stated."""

    owner: str
    owner_type: Literal["person", "entity"]
    owns: str
    pct: int | float


class Application(Value):
    """One merchant's application in canonical form."""

    legal_name: str | None = None
    legal_name_kana: str | None = None
    trading_name: str | None = None
    entity_type: EntityType | None = None
    country: str | None = None
    registration_number: str | None = None
    vat_number: str | None = None
    tax_id: str | None = None
    incorporation_date: str | None = None
    address: Address = Address()
    contact: Contact = Contact()
    website: str | None = None
    mcc: str | None = None
    business_description: str | None = None
    expected_annual_volume: Money = Money()
    avg_ticket: Money = Money()
    transactions_per_month: int | None = None
    bank: Bank = Bank()
    persons: list[Person] = Field(default_factory=list)
    ownership: list[OwnershipLink] = Field(default_factory=list)
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """What was stated and has no place of its own: kept and shown, never fatal. Source path to value."""

    def flat(self) -> dict[str, Any]:
        """Flat path to value (``persons[0].dob``), only fields that carry a value; ``extra`` is left out."""
        return dict(_flatten(self.model_dump(mode="json", exclude={"extra"})))


def _flatten(document: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in document.items():
        path = f"{prefix}{key}"
        if value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            yield from _flatten(value, f"{path}.")
        elif key == "persons":
            for index, person in enumerate(value):
                yield from _flatten(person, f"{path}[{index}].")
        else:
            yield path, value
