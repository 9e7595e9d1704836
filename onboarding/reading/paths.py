"""A concept of the label glossary within a scope → the canonical path it fills (policy 10)."""

from typing import Final

from onboarding.reading.vocabulary import load_words

PERSON_SCOPES: Final = ("@owner", "@director", "@control", "@person")
ADDRESS: Final = frozenset(load_words("concepts")["address"])
BANK: Final = frozenset(load_words("concepts")["bank"])
PERSON: Final = frozenset(load_words("concepts")["person"])
_REGISTRATION: Final = frozenset(load_words("concepts")["registration"])
_TAX: Final = frozenset(load_words("concepts")["tax"])
_VAT: Final = frozenset(load_words("concepts")["vat"])
_PERSON_ONLY: Final = PERSON - {"salutation", "roles", "prefix", "person_type", "owns", "pct", "sole_owner"}
_KEPT: Final = frozenset(load_words("concepts")["kept"])
_COMPANY_PLACES: Final = {
    "volume": "expected_annual_volume", "ticket": "avg_ticket", "tx": "transactions_per_month",
    "currency": "expected_annual_volume.currency", "email": "contact.email", "pec": "contact.email",
    "phone": "contact.phone", "court": "registration_court",
} | {name: name for name in load_words("concepts")["same"]}  # fmt: skip
_PERSON_NAMES: Final = {
    "~name": "name", "legal_name": "name", "first_name": "given_name", "middle_name": "middle_name",
    "last_name": "family_name", "first_surname": "family_name", "second_surname": "second_family_name",
    "prefix": "name_prefix", "cjk_given": "given_name", "roles": "roles", "~title": "roles", "pct": "ownership_pct",
    "~id": "national_id", "person_type": "type", "entity_type": "type", "~type": "type", "sole_owner": "sole_owner",
    "tax": "national_id", "nif": "national_id", "codice_fiscale": "national_id", "pan": "national_id",
    "nip": "national_id",
}  # fmt: skip


def path_of(concept: str, scope: str | None) -> tuple[str | None, float]:
    """The canonical path of a concept within a scope (None: kept only), and how certain that is."""
    if scope in PERSON_SCOPES:
        return _person_path(concept)
    if concept in PERSON_SCOPES:
        return "persons[].phrase", 1.0
    if concept in {"first_name", "last_name", "middle_name", "cjk_given", "first_surname", "second_surname"}:
        part = _PERSON_NAMES[concept]
        return (f"contact.{part}" if scope == "@contact" else f"persons[].{part}"), 1.0
    if concept in _PERSON_ONLY and scope not in {"@contact", "@bank", "@home"}:
        return _person_path(concept)
    if concept in {"pct", "roles"} and scope is None:
        return _person_path(concept)[0], 0.9
    if scope == "@ownership" and concept in {"pct", "owns", "person_type", "roles"}:
        return _person_path(concept)
    if concept.startswith("@"):
        return _scope_as_field(concept), 0.9 if concept == "@company" else 1.0
    if concept.startswith("~"):
        return _generic_path(concept, scope), 0.95 if concept == "~name" else 1.0
    return _field_path(concept, scope)


def _person_path(concept: str) -> tuple[str | None, float]:
    if concept in {"email", "phone"}:
        return f"contact.{concept}", 0.4
    if concept in PERSON_SCOPES:
        return "persons[].phrase", 1.0
    if concept in _PERSON_NAMES:
        return f"persons[].{_PERSON_NAMES[concept]}", 1.0
    if concept in PERSON and concept not in _KEPT:
        return f"persons[].{concept}", 1.0
    return None, 1.0


def _scope_as_field(concept: str) -> str | None:
    return {
        "@contact": "contact", "@bank": "bank", "@address": "address", "@other_address": "address",
        "@company": "legal_name", "@registration": "registration", "@tax": "tax_id",
        "@volume": "expected_annual_volume", "@ticket": "avg_ticket", "@birth": "persons[].dob",
        "@ownership": "persons[].phrase",
    }.get(concept)  # fmt: skip


def _generic_path(concept: str, scope: str | None) -> str | None:
    places = {
        (None, "~name"): "legal_name", (None, "~type"): "entity_type", (None, "~registered"): "incorporation_date",
        ("@contact", "~name"): "contact.name", ("@contact", "~number"): "contact.phone",
        ("@bank", "~number"): "bank.account_number", ("@bank", "~code"): "bank.bank_code",
        ("@address", "~code"): "address.postal_code", ("@address", "~number"): "address.house_number",
        ("@registration", "~number"): "registration_number", ("@registration", "~id"): "registration_number",
        ("@registration", "~date"): "incorporation_date", ("@registration", "~code"): "registration_number",
        ("@tax", "~number"): "tax_id", ("@tax", "~id"): "tax_id", ("@birth", "~date"): "persons[].dob",
        ("@ownership", "~name"): "persons[].name", ("@ownership", "~amount"): "persons[].ownership_pct",
        ("@ownership", "~type"): "persons[].type",
    }  # fmt: skip
    return places.get((scope, concept))


def _field_path(concept: str, scope: str | None) -> tuple[str | None, float]:
    if scope == "@home":
        return None, 1.0
    if scope == "@bank" and concept not in BANK:
        return ("bank.holder" if concept == "legal_name" else None), 0.9
    if scope == "@contact" and concept in {"legal_name", "roles", "country", "trading_name"}:
        return None, 1.0
    if scope == "@registration" and concept == "city":
        return "registration_court", 1.0
    if scope == "@address" and concept == "country":
        return "address.country", 1.0
    if scope == "@ticket" and concept in {"currency", "unit"}:
        return f"avg_ticket.{concept}", 1.0
    if concept in {"unit", "period"}:
        return (f"expected_annual_volume.{concept}" if scope == "@volume" else None), 1.0
    if concept == "pec":
        return "contact.email", 0.8
    for group, path in ((_REGISTRATION, "registration_number"), (_TAX, "tax_id"), (_VAT, "vat_number")):
        if concept in group:
            return path, 1.0
    if concept in ADDRESS:
        return f"address.{concept}", 1.0
    if concept in BANK:
        return f"bank.{'account_number' if concept == 'clabe' else concept}", 1.0
    if concept in {"email", "phone"}:
        return f"contact.{concept}", 1.0 if scope == "@contact" else 0.95
    return _COMPANY_PLACES.get(concept), 1.0
