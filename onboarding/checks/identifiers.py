"""Numbers of the entity and of its people against their own check digits, forms and each other (policy 5)."""

from collections.abc import Iterator
from typing import Final

from onboarding.application import Application, Person
from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.checks.numbers import (
    CHECKED,
    COURT_MISSING,
    PERSON_CHECKS,
    REGISTRATION,
    TAX,
    compact,
    vat_is_valid,
)

COMPANIES: Final = frozenset({"private_company", "public_company", "llc"})


def registration_number(facts: Facts) -> Iterator[Hit]:
    """Check digits, forms, and the court a German number needs."""
    app = facts.app
    number, check = app.registration_number, REGISTRATION.get(app.country or "")
    if not number or check is None:
        return
    verdict = check(number, app.entity_type)
    path = "registration_number"
    if verdict == COURT_MISSING:
        yield Hit("REG_COURT_MISSING", f"{number} is unique only together with its register court.", path)
    elif verdict == CHECKED.FAILED:
        yield Hit(
            "REG_NUMBER_CHECKSUM_FAILED", f"{number} fails the check of {app.country} registration numbers.", path
        )
    elif verdict == CHECKED.MALFORMED:
        yield Hit(
            "REG_NUMBER_FORMAT_INVALID", f"{number} has not the form of a {app.country} registration number.", path
        )


def vat_number(facts: Facts) -> Iterator[Hit]:
    """The VAT or GST number's own check; countries without one are passed over."""
    number = facts.app.vat_number
    if number and vat_is_valid(number, facts.app.country) is False:
        yield Hit("VAT_CHECKSUM_FAILED", f"{number} fails the check of its country's VAT numbers.", "vat_number")


def tax_id(facts: Facts) -> Iterator[Hit]:
    """The tax number's own check."""
    app = facts.app
    check = TAX.get(app.country or "")
    if app.tax_id and check and not check(app.tax_id):
        yield Hit("TAX_ID_INVALID", f"{app.tax_id} fails the check of {app.country} tax numbers.", "tax_id")


def person_ids(facts: Facts) -> Iterator[Hit]:
    """National numbers of people: checked by their nationality and by the entity's country."""
    for index, person in enumerate(facts.app.persons):
        if person.national_id and not _plausible(person, facts.app.country):
            name = person.name or "the person"
            path = f"persons[{index}].national_id"
            yield Hit("PERSON_ID_INVALID", f"The national number of {name} fails its check.", path)


def _plausible(person: Person, country: str | None) -> bool:
    """A number of another kind than the countries check stays unknown, unless the nationality demands the kind."""
    number = compact(person.national_id or "")
    tested = []
    for place in dict.fromkeys((person.nationality, country)):
        kind = PERSON_CHECKS.get(place or "")
        if kind and (
            kind.shape.fullmatch(number) or (place == person.nationality and not kind.other.fullmatch(number))
        ):
            tested.append(kind.check(number))
    return any(tested) or not tested


def cross_checks(facts: Facts) -> Iterator[Hit]:
    """Two numbers of one entity that must contain each other (closed list, policy 5)."""
    for one, other, agree in _pairs(facts.app):
        if not agree:
            message = f"{_label(one)} and {_label(other)} belong to different entities: one must contain the other."
            evidence = (*facts.evidence_of(one), *facts.evidence_of(other))
            yield Hit("ID_MISMATCH_REG_VAT", message, one, evidence)
            return


def _label(field: str) -> str:
    return {"vat_number": "VAT number", "registration_number": "Registration number", "tax_id": "Tax number"}[field]


def _pairs(app: Application) -> Iterator[tuple[str, str, bool]]:
    """Field, other field, and whether they agree, for each pair that both stand in the application."""
    reg, vat, tax = compact(app.registration_number), compact(app.vat_number), compact(app.tax_id)
    bare = vat[2:] if vat[:2].isalpha() and app.country != "IN" else vat
    match app.country:
        case "FR" if reg and vat:
            yield "vat_number", "registration_number", bare[2:] == reg[:9]
        case "ES" if vat and (reg or tax):
            yield "vat_number", "registration_number" if reg else "tax_id", bare in (reg or tax).removeprefix("ES")
        case "IT" if reg and vat and len(reg) != 16 and app.entity_type != "sole_proprietorship":
            yield "vat_number", "registration_number", bare == reg.removeprefix("IT")
        case "PL" if vat and tax:
            yield "vat_number", "tax_id", bare == tax.removeprefix("PL")
        case "SE" if reg and vat:
            yield "vat_number", "registration_number", bare == f"{reg[-10:]}01"
        case "CH" if reg and vat:
            yield "vat_number", "registration_number", vat[:12] == reg[:12]
        case "BE" if reg and vat:
            yield "vat_number", "registration_number", bare.zfill(10) == reg.removeprefix("BE").zfill(10)
        case "CA" if vat and tax:
            yield "vat_number", "tax_id", vat[:9] == tax[:9]
        case "IN" if vat and tax:
            yield "vat_number", "tax_id", vat[2:12] == tax
        case "AU" if reg and tax and app.entity_type not in ("sole_proprietorship", "trust", "partnership"):
            yield "tax_id", "registration_number", tax[2:] == reg


RULES: Final = (
    Rule("identifiers.registration_number", 1, "policy 5", registration_number),
    Rule("identifiers.vat_number", 1, "policy 5", vat_number),
    Rule("identifiers.tax_id", 1, "policy 5", tax_id),
    Rule("identifiers.person_ids", 1, "policy 5", person_ids),
    Rule("identifiers.cross_checks", 1, "policy 5", cross_checks),
)
