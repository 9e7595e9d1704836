"""What later steps may show a model of an application: fields, shortened, and nothing that identifies a person."""

import re
from collections.abc import Mapping
from typing import Any, Final

from agents.veil import Veil
from onboarding.application import Application

LONGEST: Final = 1_500
"""Characters of one value: a description is shown as a quote of it, not as the raw text."""
_HIDDEN: Final = frozenset(
    {"registration_number", "vat_number", "tax_id", "bank.iban", "bank.account_number", "bank.bank_code"}
    | {"bank.branch_code", "bank.routing_number", "contact.phone"}
)
_HIDDEN_OF_PERSONS: Final = frozenset({"dob", "national_id", "passport_number"})
_PERSON: Final = re.compile(r"persons\[\d+\]\.(\w+)")


def masked(application: Application, veil: Veil) -> dict[str, str]:
    """Path to what may be shown: numbers of persons and accounts only as stated or not, the rest shortened."""
    return {path: _shown(path, value, veil) for path, value in application.flat().items()}


def _shown(path: str, value: Any, veil: Veil) -> str:
    person = _PERSON.fullmatch(path)
    if path in _HIDDEN or (person and person[1] in _HIDDEN_OF_PERSONS):
        return "(stated)"
    if path == "contact.email":
        return f"(stated)@{str(value).rpartition('@')[2]}" if "@" in str(value) else "(stated)"
    if path == "ownership":
        return "; ".join(
            f"{link['owner']} ({link['owner_type']}) holds {link['pct']} % of {link['owns']}" for link in value
        )
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if path.endswith("_date"):
        return text[:4]  # the year says enough, and a birth date may stand in the wrong field
    return text if path.endswith(".amount") else veil.hide(text[:LONGEST])


def lines(fields: Mapping[str, Any]) -> str:
    """One ``path: value`` a line."""
    return "\n".join(f"{path}: {value}" for path, value in fields.items())
