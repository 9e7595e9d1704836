"""Candidates → the canonical application with the source of every field and the findings of reading itself.

Raises DATE_AMBIGUOUS, VALUE_INFERRED, FIELDS_SWAPPED and FIELD_CONFLICT, nothing else (policy 2.1, 4, 7).
"""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from onboarding.application import Address, Application, Bank, Contact, Money, OwnershipLink, Person
from onboarding.reading import persons as folk
from onboarding.reading.candidate import CORRECTION
from onboarding.reading.choosing import Draft, Standing, choose, keep_second_values, raw_text, source_of
from onboarding.reading.dates import Order
from onboarding.reading.details import read_bank, read_business, read_contact
from onboarding.reading.entity import Found, ambiguous, date_reader, read_identifiers, read_names, read_start, read_type
from onboarding.reading.homeland import inferred_country, stated_country
from onboarding.reading.location import read_address
from onboarding.reading.money import read_money
from onboarding.reading.overrides import Override, apply_overrides
from onboarding.reading.result import FieldSource, Reading
from onboarding.reading.swaps import propose_swaps

_PERSON_PART: Final = re.compile(r"(?:persons|ownership)\[\d+\]\.")
_ROLE_ORDER: Final = ("owner", "director", "control_person")


def assemble(
    found: Sequence[Standing], *, as_of: datetime.date, order: Order | None = None, overrides: Sequence[Override] = ()
) -> Reading:
    """One reading of all candidates. ``order`` is what the payload proves of day and month (``dates.proof``).

    ``overrides`` are values that later answers and corrections state for persons by their number. Never raises.
    """
    by_path = _by_path(found)
    draft = Draft()
    country = _read_country(by_path, draft)
    read_date_ = date_reader(country, order, as_of.year)
    read_names(by_path, draft)
    read_type(by_path, draft, country)
    read_identifiers(by_path, draft, country)
    read_start(by_path, draft, read_date_)
    read_contact(by_path, draft, country)
    read_business(by_path, draft)
    read_money(by_path, draft, country)
    read_bank(by_path, draft, country)
    read_address(by_path, draft, country)
    groups = folk.gather(s for s in found if _PERSON_PART.match(s.candidate.path))
    people = [s for s in groups.values() if not s.entity]
    _name_the_unnamed(people, draft)
    everyone = folk.merge(groups.values())
    folk.settle_details(everyone, country=country, order=order, this_year=as_of.year)
    natural = [s for s in everyone if not s.entity and not folk.is_outsider(s) and (s.name or s.dob or s.share)]
    _keep_outsiders(everyone, draft)
    apply_overrides(natural, overrides, read_date_)
    propose_swaps(draft, natural, country=country, as_of=as_of)
    _type_after_swap(by_path, draft, country)
    links = _settle_ownership(found, groups, everyone, natural, draft)
    sole = draft.values.get("entity_type") == "sole_proprietorship"
    folk.settle_roles(natural, sole_trader=sole)
    _name_the_sole_trader(draft, natural, sole=sole)
    persons = _write_people(natural, draft)
    _keep_unread(overrides, persons, draft)
    for standing in by_path.get("extra", []):
        draft.keep(standing.candidate)
    keep_second_values(by_path, draft)
    _show_corrections(by_path, draft)
    return _reading(draft, persons, links)


def _by_path(found: Iterable[Standing]) -> Found:
    by_path: Found = defaultdict(list)
    for standing in found:
        by_path[standing.candidate.path].append(standing)
    return dict(by_path)


def _show_corrections(by_path: Found, draft: Draft) -> None:
    """A value that the writer took back for another is a contradiction that a person looks at."""
    told = {finding.path for finding in draft.findings if finding.code == "FIELD_CONFLICT"}
    for path, standings in by_path.items():
        newest = max(standing.level for standing in standings)
        candidates = [standing.candidate for standing in standings if standing.level == newest]
        corrected = [c for c in candidates if (c.label or "").startswith(CORRECTION)]
        others = [c for c in candidates if c not in corrected]
        if corrected and others and path not in told:
            text = f"{path}: {raw_text(others[0].raw)} is corrected to {raw_text(corrected[-1].raw)}"[:500]
            draft.raise_("FIELD_CONFLICT", text, path, corrected[-1], others[0])


def _read_country(found: Found, draft: Draft) -> str | None:
    result = stated_country(found) or inferred_country(found)
    for standing in found.get("country", []):
        if not result or standing.candidate is not result[1]:
            draft.keep(standing.candidate)
    if result is None:
        return None
    country, candidate = result
    draft.put("country", country, candidate)
    return country


def _name_the_unnamed(people: list[folk.Somebody], draft: Draft) -> None:
    """One person without a name is the contact, or the sole trader the application is named after."""
    unnamed = [s for s in people if not s.name]
    if len(unnamed) != 1:
        return
    others = [s for s in people if s.name]
    if len(others) == 1 and not (others[0].fields.keys() & unnamed[0].fields.keys()):
        unnamed[0].name = others[0].name
        return
    sole = draft.values.get("entity_type") == "sole_proprietorship"
    for path in ("contact.name", "legal_name") if not sole else ("legal_name", "contact.name"):
        name = draft.values.get(path)
        if name and (path == "contact.name" or sole) and not any(s.name == name for s in people):
            unnamed[0].name = str(name)
            unnamed[0].name_source = draft.sources[path]
            return


def _keep_outsiders(people: list[folk.Somebody], draft: Draft) -> None:
    """Mere contacts, agents and advisers are no owners or officers (policy 7): kept aside."""
    for somebody in people:
        if folk.is_outsider(somebody):
            for candidates in somebody.fields.values():
                for candidate in candidates:
                    draft.keep(candidate)


def _keep_unread(overrides: Sequence[Override], persons: list[Person], draft: Draft) -> None:
    """An answer about a person of which nothing could be made is kept aside: a person reads it."""
    for override in overrides:
        person = persons[override.number] if override.number < len(persons) else None
        if override.candidate.raw not in (None, "", [], {}) and not getattr(person, override.field, None):
            draft.keep(override.candidate)


def _type_after_swap(found: Found, draft: Draft, country: str | None) -> None:
    if any(f.code == "FIELDS_SWAPPED" for f in draft.findings):
        for path in ("entity_type",):
            draft.values.pop(path, None)
        kept = dict(draft.extra)
        read_type(found, draft, country)
        draft.extra = kept


def _settle_ownership(
    found: Sequence[Standing],
    groups: dict[tuple[str, int], folk.Somebody],
    everyone: list[folk.Somebody],
    natural: list[folk.Somebody],
    draft: Draft,
) -> list[OwnershipLink]:
    folk.settle_shares(groups.values(), everyone, draft)
    company = draft.values.get("legal_name")
    stated = folk.stated_links(found, company)
    links = stated or folk.nested_links(groups, company)
    before = len(natural)
    folk.apply_links(natural, links, company)
    for somebody in natural[before:]:
        somebody.name_source = FieldSource(raw=somebody.name or "", source="ownership", confidence=0.9)
    return links if any(link.owner_type == "entity" for link in links) else []


def _name_the_sole_trader(draft: Draft, people: list[folk.Somebody], *, sole: bool) -> None:
    """A sole trader without a registered business name goes by the person's name (policy 4.2)."""
    if sole and "legal_name" not in draft.values and people and people[0].name:
        draft.values["legal_name"] = people[0].name
        candidate = people[0].first("name") or people[0].first("given_name") or people[0].first("family_name")
        draft.sources["legal_name"] = (
            source_of(candidate) if candidate else FieldSource(raw=people[0].name, source="derived")
        )


def _write_people(people: list[folk.Somebody], draft: Draft) -> list[Person]:
    persons = []
    for number, somebody in enumerate(people):
        path = f"persons[{number}]"
        _write_provenance(path, somebody, draft)
        if somebody.completed_from and (candidate := somebody.first("name")):
            text = f"{path}.name: the family name of {somebody.name} is completed from {somebody.completed_from}"
            draft.raise_("VALUE_INFERRED", text, f"{path}.name", candidate)
        if somebody.dob and somebody.dob.ambiguous and (candidate := somebody.first("dob")):
            ambiguous(draft, f"{path}.dob", somebody.dob, candidate)
        numbers = {name: folk.number_of(somebody, name) for name in ("national_id", "passport_number")}
        for name, found in numbers.items():
            if found:
                draft.sources[f"{path}.{name}"] = source_of(found[1])
        persons.append(
            Person(
                name=somebody.name,
                dob=somebody.dob.value if somebody.dob else None,
                nationality=somebody.nationality,
                national_id=numbers["national_id"][0] if numbers["national_id"] else None,
                passport_number=numbers["passport_number"][0] if numbers["passport_number"] else None,
                ownership_pct=somebody.pct,
                roles=sorted(somebody.roles, key=_ROLE_ORDER.index),
            )
        )
    return persons


def _write_provenance(path: str, somebody: folk.Somebody, draft: Draft) -> None:
    pairs = {
        "name": "name",
        "dob": "dob",
        "nationality": "nationality",
        "ownership_pct": "ownership_pct",
        "roles": "roles",
    }
    for name, stored in pairs.items():
        candidate = somebody.first(stored) if name != "roles" else folk.role_source(somebody)
        if name == "name" and candidate is None:
            candidate = somebody.first("given_name") or somebody.first("family_name")
        if candidate:
            draft.sources[f"{path}.{name}"] = source_of(candidate)
    if somebody.name_source:
        draft.sources[f"{path}.name"] = somebody.name_source
    if "owner" in somebody.roles and f"{path}.roles" not in draft.sources and f"{path}.ownership_pct" in draft.sources:
        draft.sources[f"{path}.roles"] = draft.sources[f"{path}.ownership_pct"]
    fallback = draft.sources.get(f"{path}.name") or FieldSource(raw="", source="derived", confidence=0.9)
    for name, carried in (("ownership_pct", somebody.pct is not None), ("roles", bool(somebody.roles))):
        if carried:
            draft.sources.setdefault(f"{path}.{name}", fallback.model_copy(update={"confidence": 0.9}))


def _reading(draft: Draft, persons: list[Person], links: list[OwnershipLink]) -> Reading:
    values = draft.values
    nested: dict[str, dict[str, Any]] = defaultdict(dict)
    top: dict[str, Any] = {}
    for path, value in values.items():
        head, dot, tail = path.partition(".")
        if dot:
            nested[head][tail] = value
        else:
            top[path] = value
    application = Application(
        **top,
        address=Address(**nested["address"]),
        contact=Contact(**nested["contact"]),
        bank=Bank(**nested["bank"]),
        expected_annual_volume=Money(**nested["expected_annual_volume"]),
        avg_ticket=Money(**nested["avg_ticket"]),
        persons=persons,
        ownership=links,
        extra=draft.extra,
    )
    carried = application.flat()
    sources = {path: source for path, source in draft.sources.items() if path in carried}
    if links and "ownership" in carried:
        sources.setdefault("ownership", FieldSource(raw=f"{len(links)} statements", source="input"))
    return Reading(application=application, provenance=sources, findings=draft.findings)


__all__ = ["assemble", "choose"]
