"""The applicant's country: as stated, else from what can only belong to one country (policy 4.8). Never a finding."""

import re
from collections.abc import Sequence
from typing import Final

import phonenumbers

from onboarding.reading.addresses import is_postal_code, region_codes, take_apart
from onboarding.reading.bank import iban, looks_like_iban
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Standing, choose
from onboarding.reading.codes import country_code
from onboarding.reading.identifiers import EU_VAT, compact, scheme_of
from onboarding.reading.labels import read_label
from onboarding.reading.text import clean, fold

_SCHEMES: Final = {
    "siren": "FR", "siret": "FR", "kvk": "NL", "cnpj": "BR", "cin": "IN", "uen": "SG", "cro": "IE", "cipc": "ZA",
    "jpcn": "JP", "brn": "KR", "krs": "PL", "regon": "PL", "acn": "AU", "abn": "AU", "ein": "US", "utr": "GB",
    "nip": "PL", "rfc": "MX", "gstin": "IN", "bn": "CA", "bnrt": "CA", "codice_fiscale": "IT", "cf_piva": "IT",
    "clabe": "MX", "folio": "MX",
}  # fmt: skip
_NAME_FORMS: Final = (
    (r"株式会社|合同会社|有限会社", "JP"), (r"주식회사|유한회사|㈜", "KR"), (r"\bsp\.? ?z ?o\.? ?o\b", "PL"),
    (r"\bb\.?v\.?$", "NL"),
    (r"\(pty\)", "ZA"), (r"\bpty\.? ltd", "AU"), (r"\bpte\.? ltd", "SG"), (r"\bpvt\.? ltd|\bprivate limited$", "IN"),
    (r"\bs\.?a\.? de c\.?v", "MX"),
    (r"\bsarl\b|\bsas\b|\beurl\b", "FR"), (r"\bs\.?r\.?l\.?s?$|\bs\.?p\.?a\.?$", "IT"), (r"\bltda\.?$", "BR"),
    (r"\bab$", "SE"), (r"\bs\.?l\.?u?\.?$", "ES"),
    (r"\bgmbh\b|\bug\b|e\. ?k\.", "DE"),
)  # fmt: skip
_US_STATES: Final = "|".join(sorted({code for code in region_codes("US").values() if len(code) == 2}))
_ADDRESS_FORMS: Final = (
    (r"〒|[都道府県].{0,8}[市区町村]", "JP"), (r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b", "GB"),
    (r"\b[A-Z]\d[A-Z] \d[A-Z]\d\b", "CA"),
    (rf"\b(?:{_US_STATES}),? \d{{5}}(?:-\d{{4}})?\b", "US"), (r"\b(?:NSW|VIC|QLD|WA|SA|TAS|ACT|NT),? \d{4}\b", "AU"),
    (r"\b[A-Z]\d[\dW] [A-Z\d]{4}\b", "IE"), (r"\b\d{4} [A-Z]{2}\b", "NL"), (r"(?<![\d-])\d{2}-\d{3}(?![\d-])", "PL"),
    (r"(?<![\d-])\d{5}-\d{3}(?![\d-])", "BR"), (r"(?<![\d-])\d{4}-\d{3}(?![\d-])", "PT"),
    (r"(?:특별시|광역시|[가-힣]도)\s.{0,10}[시군구]", "KR"),
)  # fmt: skip
_CURRENCY_SIGNS: Final = ((r"zł", "PL"), (r"r\$", "BR"), (r"円", "JP"), (r"원", "KR"), (r"₹", "IN"))


def stated_country(found: dict[str, list[Standing]]) -> tuple[str, Candidate | None] | None:
    """ISO alpha-2 with the candidate that states it; the address's country where none is stated for the entity."""
    for path in ("country", "address.country"):
        chosen = choose(found.get(path, []), lambda c: country_code(clean(c.raw)))
        if chosen:
            return chosen.value, chosen.candidate
    return None


def inferred_country(found: dict[str, list[Standing]]) -> tuple[str, Candidate | None] | None:
    """By the name of an identifier, VAT prefix, phone, address, account, the legal form; None if nothing tells."""
    flat = [s.candidate for standings in found.values() for s in standings]
    for guess in (
        _by_scheme,
        _by_number,
        _by_phone,
        _by_address,
        _by_state,
        _by_bank,
        _by_iban,
        _by_company_house,
        _by_name,
    ):
        result = guess(flat)
        if result:
            return result
    return None


def _of(flat: Sequence[Candidate], *paths: str) -> list[tuple[str, Candidate]]:
    return [(text, c) for c in flat if c.path in paths and (text := clean(c.raw))]


def _by_scheme(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for _, candidate in _of(flat, "registration_number", "vat_number", "tax_id", "bank.account_number"):
        label = read_label((candidate.label or "")[-140:])
        named = scheme_of(candidate.label) or next((c for s in label.segments for c in s if c == "clabe"), None)
        if named in _SCHEMES:
            return _SCHEMES[named], candidate
    return None


def _by_number(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for text, candidate in _of(flat, "vat_number", "registration_number"):
        squeezed = compact(text)
        prefix = squeezed[:2]
        if (
            candidate.path == "vat_number"
            and (prefix in EU_VAT or prefix == "GB")
            and any(map(str.isdigit, squeezed[2:]))
        ):
            return prefix, candidate
        if re.match(r"CHE\d{9}", squeezed):
            return "CH", candidate
        if re.search(r"\bHR ?[AB]\b", text):
            return "DE", candidate
        if re.fullmatch(r"FN ?\d{1,6} ?[a-z]", text, re.IGNORECASE):
            return "AT", candidate
    return None


def _by_phone(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for text, candidate in _of(flat, "contact.phone"):
        if text.startswith("+"):
            try:
                number = phonenumbers.parse(text, None)
            except phonenumbers.NumberParseException:
                continue
            region = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
                number.country_code or 0
            )
            if region and region not in {"ZZ", "001"} and number.country_code != 1:
                return str(region), candidate
    return None


def _by_address(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for text, candidate in _of(flat, "address"):
        named = take_apart(text, None).get("country")
        if named:
            return named, candidate
    written = _of(flat, "address", "address.region", "address.postal_code", "address.city_line", "address.line1")
    whole = " ".join(text for text, _ in written)
    for pattern, code in _ADDRESS_FORMS:
        if re.search(pattern, whole):
            return code, written[0][1]
    return None


def _by_company_house(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    """ "Ltd" is used in many countries; with a number in the form of Companies House it is a British one."""
    limited = any(re.search(r"\b(?:ltd|limited|plc|llp)\.?$", fold(text)) for text, _ in _of(flat, "legal_name"))
    for text, candidate in _of(flat, "registration_number"):
        if limited and re.fullmatch(r"\d{8}|(?:SC|NI|OC|SO|NC|R0|FC|CE)\d{6}", compact(text)):
            return "GB", candidate
    return None


def _by_bank(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    """Routing numbers are American, IFSC codes Indian."""
    for text, candidate in _of(flat, "bank.routing_number", "bank.branch_code"):
        if candidate.path == "bank.routing_number" and re.fullmatch(r"\d{9}", compact(text)):
            return "US", candidate
        if re.fullmatch(r"[A-Z]{4}0[A-Z\d]{6}", compact(text)):
            return "IN", candidate
    return None


def _by_state(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    """A state's name beside a postcode of its country."""
    codes = [text for text, _ in _of(flat, "address.postal_code")]
    for text, candidate in _of(flat, "address.region"):
        for country in ("US", "CA", "AU", "IN", "BR", "MX"):
            if fold(text).replace(".", "") in region_codes(country) and any(
                is_postal_code(code, country) for code in codes
            ):
                return country, candidate
    return None


def _by_iban(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for _, candidate in _of(flat, "bank.iban", "bank.account_number"):
        number = iban(candidate.raw) or ""
        if looks_like_iban(number) and re.match(r"[A-Z]{2}\d{2}", number):
            return number[:2], candidate
    return None


def _by_name(flat: Sequence[Candidate]) -> tuple[str, Candidate] | None:
    for text, candidate in _of(flat, "legal_name", "entity_type"):
        for pattern, code in _NAME_FORMS:
            if re.search(pattern, fold(text)):
                return code, candidate
    for text, candidate in _of(flat, "expected_annual_volume", "avg_ticket"):
        for pattern, code in _CURRENCY_SIGNS:
            if re.search(pattern, fold(text)):
                return code, candidate
    return None
