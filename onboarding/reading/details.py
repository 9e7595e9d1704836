"""How to reach the applicant, what it sells, and where it is paid (policy 4.2, 4.5, 4.6, 4.8)."""

from typing import Any, Final

from onboarding.reading.bank import account_part, iban, settle
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Draft, choose, raw_text, scalar_of
from onboarding.reading.codes import count_of, mcc_code
from onboarding.reading.contact import email_address, phone_number, website_url
from onboarding.reading.entity import Found
from onboarding.reading.names import joined_name, person_name
from onboarding.reading.text import clean

_LONGEST_DESCRIPTION: Final = 2000
_PARTS: Final = ("line1", "city", "region", "postal_code", "country")


def read_contact(found: Found, draft: Draft, country: str | None) -> None:
    """Name, e-mail, phone, website."""
    readers: dict[str, Any] = {
        "contact.email": lambda c: email_address(scalar_of(c)),
        "contact.phone": lambda c: phone_number(scalar_of(c), country),
        "website": lambda c: website_url(scalar_of(c)),
        "contact.name": lambda c: person_name(scalar_of(c)),
    }
    for path, read in readers.items():
        chosen = choose(found.get(path, []), read)
        if chosen:
            draft.put(path, chosen.value, chosen.candidate)
    parts = [choose(found.get(f"contact.{part}", []), lambda c: clean(c.raw)) for part in ("given_name", "family_name")]
    if "contact.name" not in draft.values and any(parts):
        given, family = (part.value if part else None for part in parts)
        draft.put("contact.name", joined_name(given, family), next(part.candidate for part in parts if part))


def read_business(found: Found, draft: Draft) -> None:
    """MCC, description, transactions per month."""
    chosen = choose(found.get("mcc", []), lambda c: mcc_code(scalar_of(c)))
    if chosen:
        draft.put("mcc", chosen.value, chosen.candidate)
    chosen = choose(found.get("business_description", []), lambda c: clean(scalar_of(c)))
    if chosen:
        draft.put("business_description", _shortened(chosen.value), chosen.candidate)
    chosen = choose(found.get("transactions_per_month", []), lambda c: count_of(scalar_of(c)))
    if chosen:
        number, between = chosen.value
        draft.put("transactions_per_month", number, chosen.candidate)
        if between:
            text = (
                f"transactions_per_month: {raw_text(chosen.candidate.raw)[:100]} gives {number} (midpoint of a range)"
            )
            draft.raise_("VALUE_INFERRED", text, "transactions_per_month", chosen.candidate)


def _shortened(text: str) -> str:
    return (
        text
        if len(text) <= _LONGEST_DESCRIPTION
        else text[:_LONGEST_DESCRIPTION].rsplit(" ", 1)[0] or text[:_LONGEST_DESCRIPTION]
    )


def _iban_of(candidate: Candidate) -> str | None:
    return iban(scalar_of(candidate))


def _number_of(candidate: Candidate) -> str | None:
    return account_part(scalar_of(candidate))


def read_bank(found: Found, draft: Draft, country: str | None) -> None:
    """The account to be paid to."""
    raw: dict[str, Candidate] = {}
    values: dict[str, str] = {}
    for part in ("iban", "account_number", "bank_code", "branch_code", "routing_number"):
        read = _iban_of if part == "iban" else _number_of
        chosen = choose(found.get(f"bank.{part}", []), read, draft=draft, path=f"bank.{part}")
        if chosen:
            raw[part], values[part] = chosen.candidate, chosen.value
    settled = settle(values, country)
    for part, value in settled.items():
        candidate = raw.get(part) or next((c for p, c in raw.items() if values[p] == value), next(iter(raw.values())))
        draft.put(f"bank.{part}", value, candidate)
    for part, candidate in raw.items():
        if values[part] not in settled.values() and f"{values[part]}" not in "".join(settled.values()):
            draft.keep(candidate)
    holder = choose(found.get("bank.holder", []), lambda c: clean(scalar_of(c)))
    if holder:
        draft.put("bank.holder", holder.value, holder.candidate)
