"""FIELDS_SWAPPED: a field that provably holds another field's content; the exchange is proposed (policy 2.1).

Every pair needs proof from both sides: each value is right in the other field and wrong in its own.
"""

import datetime
import importlib
import re
from functools import lru_cache
from typing import Any, Final

from onboarding.finding import Evidence, finding
from onboarding.reading.addresses import city, is_postal_code, postal_code
from onboarding.reading.choosing import RAISED_BY, Draft
from onboarding.reading.contact import email_address, is_email, is_possible_phone, is_website, phone_number, website_url
from onboarding.reading.identifiers import registration_number, tax_id, vat_number
from onboarding.reading.legal_forms import has_strong_form
from onboarding.reading.names import person_name

_CHECKS: Final[dict[str, tuple[str | None, str | None, str | None]]] = {
    # country: registration, VAT, tax (stdnum modules; a pattern where there is no check digit)
    "GB": (r"(?:\d{8}|[A-Z]{2}\d{6}|R0\d{6})", "gb.vat", "gb.utr"),
    "DE": (r".*\bHR[AB] \d+.*", "de.vat", None),
    "FR": ("fr.siren|fr.siret", "fr.tva", None),
    "NL": (r"\d{8}", "nl.btw", None),
    "IE": (r"\d{5,7}", "ie.vat", None),
    "ES": ("es.nif", "es.nif", None),
    "IT": ("it.iva", "it.iva", None),
    "PL": (r"0\d{9}|\d{9}|\d{14}", "pl.nip", "pl.nip"),
    "SE": ("se.orgnr", "se.vat", None),
    "CH": ("ch.uid", "ch.vat", None),
    "AT": ("at.businessid", "at.uid", None),
    "BE": ("be.vat", "be.vat", None),
    "PT": ("pt.nif", "pt.nif", None),
    "BR": ("br.cnpj", None, None),
    "AU": ("au.acn", None, "au.abn"),
    "IN": (r"[LU]\d{5}[A-Z]{2}\d{4}[A-Z]{3}\d{6}", "in_.gstin", "in_.pan"),
    "ZA": (r"\d{4}/\d{6}/\d{2}", "za.tin", "za.tin"),
    "CA": (None, "ca.bn", "ca.bn"),
}


def propose_swaps(draft: Draft, people: list[Any], *, country: str | None, as_of: datetime.date) -> None:
    """Exchange what is provably exchanged, and say so once with all evidence."""
    swapped: list[tuple[str, str]] = []
    for first, second in (
        ("registration_number", "vat_number"),
        ("registration_number", "tax_id"),
        ("vat_number", "tax_id"),
    ):
        if _identifiers_swapped(draft, first, second, country):
            swapped.append((first, second))
            _exchange(draft, first, second)
    for first, second, proven in (
        ("legal_name", "trading_name", _names_swapped(draft)),
        ("address.city", "address.postal_code", _city_swapped(draft, country)),
        ("contact.email", "website", _email_swapped(draft)),
        ("contact.name", "contact.phone", _phone_swapped(draft, country)),
    ):
        if proven:
            swapped.append((first, second))
            _exchange(draft, first, second)
    _normalise_again(draft, swapped, country)
    child = _child_of_age_of_company(draft, people, as_of)
    if child is not None:
        swapped.append(("incorporation_date", f"persons[{people.index(child)}].dob"))
        _exchange_dates(draft, child)
    if swapped:
        _raise(draft, swapped)


def _raise(draft: Draft, swapped: list[tuple[str, str]]) -> None:
    pairs = "; ".join(f"{first} and {second}" for first, second in swapped)
    evidence = [
        Evidence(source=source.source, quote=source.raw[:500], where=source.where, detail=f"proposed as {path}")
        for pair in swapped
        for path in pair
        if (source := draft.sources.get(path))
    ]
    draft.findings.append(
        finding("FIELDS_SWAPPED", f"exchanged: {pairs}", raised_by=RAISED_BY.format(rule="swapped"), path=swapped[0][0],
                evidence=evidence)
    )  # fmt: skip


def _exchange(draft: Draft, first: str, second: str) -> None:
    for store in (draft.values, draft.sources):
        values: dict[str, Any] = store
        a, b = values.pop(first, None), values.pop(second, None)
        if b is not None:
            values[first] = b
        if a is not None:
            values[second] = a


def _normalise_again(draft: Draft, swapped: list[tuple[str, str]], country: str | None) -> None:
    """After the exchange each raw value is read as what it is."""
    readers: dict[str, Any] = {
        "registration_number": lambda raw: registration_number(raw, country),
        "vat_number": lambda raw: vat_number(raw, country),
        "tax_id": lambda raw: tax_id(raw, country),
        "address.city": city,
        "address.postal_code": lambda raw: postal_code(raw, country),
        "contact.email": email_address,
        "website": website_url,
        "contact.name": person_name,
        "contact.phone": lambda raw: phone_number(raw, country),
    }
    for path in {path for pair in swapped for path in pair}:
        if path in readers and path in draft.sources and (value := readers[path](draft.sources[path].raw)):
            draft.values[path] = value


def _raw(draft: Draft, path: str) -> str | None:
    return draft.sources[path].raw if path in draft.sources else None


def _identifiers_swapped(draft: Draft, first: str, second: str, country: str | None) -> bool:
    """Both values fail where they stand and both pass in the other field, by check digits or patterns."""
    if country not in _CHECKS:
        return False
    a, b = _raw(draft, first), _raw(draft, second)
    if a is None or b is None:
        return False
    return (
        not _holds(a, first, country)
        and not _holds(b, second, country)
        and _holds(a, second, country)
        and _holds(b, first, country)
    )


@lru_cache(maxsize=1024)
def _holds(raw: str, path: str, country: str) -> bool:
    kinds = dict(zip(("registration_number", "vat_number", "tax_id"), _CHECKS[country], strict=True))
    check = kinds[path]
    readers = {"registration_number": registration_number, "vat_number": vat_number, "tax_id": tax_id}
    value = readers[path](raw, country)
    if check is None or value is None:
        return False
    if not re.fullmatch(r"[a-z_]+\.[a-z]+(?:\|[a-z_]+\.[a-z]+)*", check):
        return re.fullmatch(check, value) is not None
    return any(_is_valid(module, value) for module in check.split("|"))


def _is_valid(module: str, value: str) -> bool:
    return bool(importlib.import_module(f"stdnum.{module}").is_valid(value))


def _names_swapped(draft: Draft) -> bool:
    """Only the trading name has the legal form, and the applicant is not a sole trader."""
    legal, trading = draft.values.get("legal_name"), draft.values.get("trading_name")
    if not legal or not trading or draft.values.get("entity_type") == "sole_proprietorship":
        return False
    return has_strong_form(trading) and not has_strong_form(legal)


def _city_swapped(draft: Draft, country: str | None) -> bool:
    town, code = _raw(draft, "address.city"), _raw(draft, "address.postal_code")
    if not town or not code:
        return False
    return is_postal_code(town, country) and not is_postal_code(code, country) and not any(map(str.isdigit, code))


def _email_swapped(draft: Draft) -> bool:
    mail, site = draft.values.get("contact.email"), _raw(draft, "website")
    return bool(mail and site and is_website(mail) and not is_email(mail) and is_email(email_address(site) or ""))


def _phone_swapped(draft: Draft, country: str | None) -> bool:
    name, phone = _raw(draft, "contact.name"), _raw(draft, "contact.phone")
    if not name or not phone:
        return False
    letters = not any(map(str.isdigit, phone)) and any(map(str.isalpha, phone))
    return letters and not any(map(str.isalpha, name)) and is_possible_phone(name, country)


def _child_of_age_of_company(draft: Draft, people: list[Any], as_of: datetime.date) -> Any | None:
    """The one person who would be a child, born after the business began, and of age if the two dates are exchanged."""
    start = _day(draft.values.get("incorporation_date"))
    if start is None or start > as_of:
        return None
    children = [p for p in people if p.dob and (born := _day(p.dob.value)) and _age(born, as_of) < 18 and born <= as_of]
    fits = [p for p in children if start < _day(p.dob.value) and _age(start, as_of) >= 18]  # type: ignore[operator]
    return fits[0] if len(fits) == 1 else None


def _day(text: str | None) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text or "")
    except ValueError:
        return None


def _age(born: datetime.date, as_of: datetime.date) -> int:
    return as_of.year - born.year - ((as_of.month, as_of.day) < (born.month, born.day))


def _exchange_dates(draft: Draft, person: Any) -> None:
    start, dob = draft.values["incorporation_date"], person.dob.value
    draft.values["incorporation_date"] = dob
    person.dob = person.dob._replace(value=start)
    candidate = next(iter(person.fields.get("dob", [])), None)
    before = draft.sources["incorporation_date"]
    if candidate is not None:
        draft.sources["incorporation_date"] = before.model_copy(
            update={"raw": str(candidate.raw), "source": candidate.source, "where": candidate.where}
        )
        person.fields["dob"] = [
            candidate.model_copy(update={"raw": before.raw, "source": before.source, "where": before.where})
        ]
