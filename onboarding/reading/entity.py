"""Who the applicant is: names, type, identifiers, start of business (policy 4.2, 4.3, 4.8, 5)."""

import re
from collections.abc import Callable
from typing import Any, Final

from onboarding.application import EntityType
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Chosen, Draft, Standing, choose, ranked, scalar_of
from onboarding.reading.dates import DateReading, Order, read_date
from onboarding.reading.identifiers import compact, registration_number, scheme_of, tax_id, vat_number
from onboarding.reading.legal_forms import entity_type, type_of_name
from onboarding.reading.text import clean, fold

Found = dict[str, list[Standing]]
_KANA: Final = re.compile(r"\s*[(（]([ァ-ヺーぁ-ゖ・\s　]{2,})[)）]")
_GENERIC_TYPES: Final = frozenset(
    [
        "company",
        "private",
        "limited company",
        "private company",
        "법인",
        "법인사업자",
        "corporation",
        "private_company",
        "limited",
        "firm",
        "societe",
        "gesellschaft",
        "business",
    ]
)
_MORE_SPECIAL: Final = frozenset(["public_company", "llc", "free_zone_establishment", "llp", "cooperative"])
_TAX_IS_NIF: Final = frozenset(["ES", "PT"])
_TAX_IS_REGISTRATION: Final = {"BR": r"[A-Z\d]{12}\d{2}", "KR": r"\d{10}", "SG": r"[A-Z\d]{9,10}", "IT": r"\d{11}"}


def read_names(found: Found, draft: Draft) -> None:
    """Legal and trading name as written; a reading in brackets goes to ``legal_name_kana``."""
    for path in ("legal_name", "trading_name", "legal_name_kana"):
        chosen = choose(found.get(path, []), lambda c: clean(c.raw), draft=draft, path=path)
        if not chosen:
            continue
        value = chosen.value[:500]
        kana = _KANA.search(value)
        if path == "legal_name" and kana:
            value = f"{value[: kana.start()]}{value[kana.end() :]}".strip()
            draft.put("legal_name_kana", " ".join(kana[1].split()), chosen.candidate)
        draft.put(path, value, chosen.candidate)


def read_type(found: Found, draft: Draft, country: str | None) -> None:
    """The stated type, unless it is a general word and the name's own legal form says more."""
    chosen = choose(
        found.get("entity_type", []), lambda c: entity_type(clean(c.raw), country), draft=draft, path="entity_type"
    )
    named: EntityType | None = type_of_name(draft.values.get("legal_name"), country)
    for standing in found.get("entity_type", []):
        if entity_type(clean(standing.candidate.raw), country) is None:
            draft.keep(standing.candidate)
    if chosen and not _name_says_more(chosen, named, country):
        draft.put("entity_type", chosen.value, chosen.candidate)
    elif named:
        draft.values["entity_type"] = named
        draft.sources["entity_type"] = draft.sources["legal_name"].model_copy(update={"confidence": 0.9})


def _name_says_more(chosen: Chosen, named: EntityType | None, country: str | None) -> bool:
    if named is None or named == chosen.value:
        return False
    stated = fold(clean(chosen.candidate.raw) or "")
    if named == "public_company" and chosen.value == "private_company":
        return True
    general = stated in _GENERIC_TYPES and stated != "private_company"
    return general and chosen.value == "private_company" and named in _MORE_SPECIAL


def read_start(found: Found, draft: Draft, read: Callable[[Candidate], DateReading | None]) -> None:
    """Incorporation or start of activity; a date without day or month is no date and is kept aside."""

    def complete(candidate: Candidate) -> DateReading | None:
        reading = read(candidate)
        return reading if reading and reading.complete else None

    chosen = choose(found.get("incorporation_date", []), complete, draft=draft, path="incorporation_date")
    if chosen:
        draft.put("incorporation_date", chosen.value.value, chosen.candidate)
        if chosen.value.ambiguous:
            ambiguous(draft, "incorporation_date", chosen.value, chosen.candidate)
        return
    for standing in found.get("incorporation_date", []):
        if clean(standing.candidate.raw):
            draft.keep(standing.candidate)


def ambiguous(draft: Draft, path: str, reading: DateReading, candidate: Candidate) -> None:
    text = f"{path}: {candidate.raw} may be day or month first; {reading.value} is proposed"
    draft.raise_("DATE_AMBIGUOUS", text, path, candidate)


def date_reader(country: str | None, order: Order | None, this_year: int) -> Callable[[Candidate], DateReading | None]:
    """How every date of one payload is read."""
    return lambda candidate: read_date(candidate.raw, country=country, order=order, this_year=this_year)


def read_identifiers(found: Found, draft: Draft, country: str | None) -> None:
    """Registration, VAT and tax number, each where policy 5 wants it whatever the label called it."""
    placed = _placed(found, country, draft.values.get("entity_type"))
    court = choose(found.get("registration_court", []), lambda c: clean(c.raw))
    name = court.value if court else None
    registration = choose(
        _best_scheme(placed["registration_number"], country),
        lambda c: registration_number(scalar_of(c), country, name), draft=draft, path="registration_number",
    )  # fmt: skip
    vat = choose(placed["vat_number"], lambda c: vat_number(scalar_of(c), country), draft=draft, path="vat_number")
    tax = choose(placed["tax_id"], lambda c: tax_id(scalar_of(c), country), draft=draft, path="tax_id")
    for path, chosen in (("registration_number", registration), ("vat_number", vat), ("tax_id", tax)):
        if chosen:
            draft.put(path, chosen.value, chosen.candidate)
    if court and not (registration and country == "DE"):
        draft.keep(court.candidate)
    used = {id(c.candidate) for c in (registration, vat, tax) if c}
    for standings in placed.values():
        for standing in standings:
            if id(standing.candidate) not in used and clean(standing.candidate.raw):
                draft.keep(standing.candidate)


def _placed(found: Found, country: str | None, kind: Any) -> dict[str, list[Standing]]:
    """Identifier candidates by the field they belong to in this country and for this kind of entity."""
    placed: dict[str, list[Standing]] = {"registration_number": [], "vat_number": [], "tax_id": [], "unused": []}
    for path in ("registration_number", "vat_number", "tax_id"):
        for standing in ranked(found.get(path, [])):
            if clean(standing.candidate.raw) is None:
                continue
            for target in _targets(path, standing.candidate, country, kind):
                placed[target].append(standing)
    if not placed["registration_number"] and kind != "sole_proprietorship":
        _registration_from_tax(placed, country)
    if country == "IT" and kind == "sole_proprietorship" and not placed["tax_id"]:  # the owner's is the trader's
        owners = [s for path, those in found.items() if path.endswith(".national_id") for s in those]
        placed["tax_id"] = [s for s in owners if len(compact(clean(s.candidate.raw) or "")) == 16][:1]
    return placed


def _registration_from_tax(placed: dict[str, list[Standing]], country: str | None) -> None:
    """Where the tax number of a company is its registration number, a "tax id" is one (ES, PT, BR, KR, SG, IT)."""
    pattern = r"[A-Z]?\d{7,8}[A-Z\d]" if country in _TAX_IS_NIF else _TAX_IS_REGISTRATION.get(country or "")
    fits = [
        s
        for s in placed["tax_id"]
        if pattern and re.fullmatch(f"(?:{country})?{pattern}", compact(clean(s.candidate.raw) or ""))
    ]
    if fits:
        placed["registration_number"] = fits
        placed["tax_id"] = [s for s in placed["tax_id"] if s not in fits]


def _targets(path: str, candidate: Candidate, country: str | None, kind: Any) -> list[str]:
    """Usually ``path`` itself; the exceptions are the countries where one word means several numbers."""
    named = scheme_of(candidate.label)
    sole = kind == "sole_proprietorship"
    length = len(compact(clean(candidate.raw) or ""))
    if named == "nif" and path == "registration_number":
        return ["tax_id"] if sole or country in {"MX", "US"} else ["registration_number"]
    if named == "uid" and country != "CH":
        return ["vat_number"]
    if named == "cf_piva":
        return ["vat_number"] if sole else ["registration_number", "vat_number"]
    if named == "codice_fiscale" or (country == "IT" and named == "tax"):
        if length == 16:
            return ["tax_id"]
        return ["unused"] if sole else ["registration_number"]
    if named == "regon" and kind in {"private_company", "public_company", "llc"}:
        return ["unused"]
    if country == "CA" and named in {"bn", "tax"} and re.search(r"R[TCPM]\d{4}$", compact(clean(candidate.raw) or "")):
        return ["vat_number"]
    if country == "ES" and sole and path == "registration_number":
        return ["tax_id"]
    return [path]


def _best_scheme(standings: list[Standing], country: str | None) -> list[Standing]:
    """SIRET before SIREN; otherwise the order they have."""
    if country != "FR":
        return standings
    siret = [s for s in standings if len(re.sub(r"\D", "", clean(s.candidate.raw) or "")) == 14]
    return siret or standings
