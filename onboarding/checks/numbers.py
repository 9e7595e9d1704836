"""Which check each country's numbers must pass (policy 5): data, and the library calls behind it."""

import re
from collections.abc import Callable
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Final, NamedTuple

from stdnum.de import handelsregisternummer

from onboarding.application import EntityType


class CHECKED(Enum):
    """What became of a number: ``FAILED`` its check digit, or ``MALFORMED`` where there is only a form."""

    OK = "ok"
    FAILED = "failed"
    MALFORMED = "malformed"


COURT_MISSING: Final = "court_missing"
Verdict = CHECKED | str
RegistrationCheck = Callable[[str, EntityType | None], Verdict]


def compact(number: str | None) -> str:
    """Letters and digits only, upper case."""
    return re.sub(r"[\W_]+", "", number or "").upper()


@cache
def _module(name: str) -> object:
    return import_module(f"stdnum.{name}")


def passes(module: str, number: str) -> bool:
    """Whether python-stdnum's ``module`` accepts ``number``."""
    validate = getattr(_module(module), "validate")  # noqa: B009 - stdnum modules have no common type
    try:
        validate(number)
    except Exception:  # noqa: BLE001 - a library's slip on odd characters is a failed check like any other
        return False
    return True


def digits_of(*modules: str) -> RegistrationCheck:
    """A number with a check digit that one of the stdnum modules must accept."""

    def check(number: str, form: EntityType | None) -> Verdict:
        return CHECKED.OK if any(passes(module, compact(number)) for module in modules) else CHECKED.FAILED

    return check


def form_of(pattern: str, *only: EntityType) -> RegistrationCheck:
    """A number that only has a form; ``only`` these legal forms have it, others are not looked at."""
    compiled = re.compile(pattern)

    def check(number: str, form: EntityType | None) -> Verdict:
        if only and form not in only:
            return CHECKED.OK
        return CHECKED.OK if compiled.fullmatch(number.strip().upper()) else CHECKED.MALFORMED

    return check


def french(number: str, form: EntityType | None) -> Verdict:
    """SIRET when there are fourteen digits, SIREN otherwise."""
    module = "fr.siret" if len(compact(number)) == 14 else "fr.siren"
    return CHECKED.OK if passes(module, compact(number)) else CHECKED.FAILED


def italian(number: str, form: EntityType | None) -> Verdict:
    """Eleven digits; a sole trader may state the personal codice fiscale."""
    sole = form == "sole_proprietorship" and len(compact(number)) == 16
    return CHECKED.OK if passes("it.codicefiscale" if sole else "it.iva", compact(number)) else CHECKED.FAILED


def polish(number: str, form: EntityType | None) -> Verdict:
    """A company's KRS has only a form; a sole trader's REGON has a check digit."""
    if form == "sole_proprietorship":
        return CHECKED.OK if passes("pl.regon", compact(number)) else CHECKED.FAILED
    return CHECKED.OK if re.fullmatch(r"\d{10}", compact(number)) else CHECKED.MALFORMED


def swedish(number: str, form: EntityType | None) -> Verdict:
    """Ten digits; a sole trader's personal number may carry its century."""
    digits = compact(number)
    digits = digits[2:] if len(digits) == 12 and form == "sole_proprietorship" else digits
    return CHECKED.OK if passes("se.orgnr", digits) else CHECKED.FAILED


def austrian(number: str, form: EntityType | None) -> Verdict:
    """Digits and a check letter, with or without FN."""
    return CHECKED.OK if passes("at.businessid", compact(number).lower().removeprefix("fn")) else CHECKED.FAILED


_REGISTER: Final = re.compile(r"\b(?:HR[AB]|GNR|PR|VR|GSR)\b\.?\s*(?:NR\.?\s*)?\d", re.I)
_UMLAUTS: Final = (("ae", "ä"), ("oe", "ö"), ("ue", "ü"))


def german(number: str, form: EntityType | None) -> Verdict:
    """Court, register and number. A court may be written with its umlaut as two letters, or shortened."""
    court = re.sub(
        r"(?i)\b(?:HR[AB]|GNR|PR|VR|GSR)\b\.?|\bNR\b\.?|\bAG\b|amtsgericht|\d+\s*[A-Z]{0,3}\b|[,()]", " ", number
    )
    if _REGISTER.search(number) and not court.strip(" .-/"):
        return COURT_MISSING
    spellings = [number]
    for plain, umlaut in _UMLAUTS:
        spellings += [text.replace(plain, umlaut) for text in spellings if plain in text]
    if any(passes("de.handelsregisternummer", spelling) for spelling in spellings):
        return CHECKED.OK
    return CHECKED.OK if _REGISTER.search(number) and _shortened_court(court) else CHECKED.MALFORMED


def _shortened_court(court: str) -> bool:
    """Whether a known court's name begins with this one (Frankfurt, Limburg)."""
    wanted = " ".join(re.sub(r"[^a-zäöüß]+", " ", court.casefold()).split())
    wanted = wanted.replace("ä", "a").replace("ö", "o").replace("ü", "u").replace("ß", "ss")
    return len(wanted) > 3 and any(name.startswith(wanted) for name in handelsregisternummer._courts)


REGISTRATION: Final[dict[str, RegistrationCheck]] = {
    "GB": form_of(
        r"\d{8}|(?:AC|CE|CS|FC|FE|GE|GS|IC|LP|NC|NF|NI|NL|NO|NP|OC|OE|PC|R0|RC|SA|SC|SE|SF|SG|SI|SL|SO|SR|SZ|ZC)\d{6}"
        r"|(?:IP|SP|RS)[A-Z\d]{6}|SL\d{5}[\dA]"
    ),
    "DE": german,
    "FR": french,
    "NL": form_of(r"\d{8}"),
    "IE": form_of(r"\d{5,7}"),
    "ES": digits_of("es.nif"),
    "IT": italian,
    "PL": polish,
    "SE": swedish,
    "CH": digits_of("ch.uid"),
    "AT": austrian,
    "BE": digits_of("be.vat"),
    "DK": digits_of("dk.cvr"),
    "NO": digits_of("no.orgnr"),
    "FI": digits_of("fi.ytunnus"),
    "PT": digits_of("pt.nif"),
    "BR": digits_of("br.cnpj"),
    "AU": digits_of("au.acn"),
    "JP": digits_of("jp.cn"),
    "SG": digits_of("sg.uen"),
    "KR": digits_of("kr.brn"),
    "IN": form_of(r"[LU]\d{5}[A-Z]{2}\d{4}[A-Z]{3}\d{6}", "private_company", "public_company"),
    "ZA": form_of(r"\d{4}/\d{6}/\d{2}"),
}

_VAT_MODULES: Final[dict[str, str]] = {
    **{"AT": "at.uid", "BE": "be.vat", "BG": "bg.vat", "CY": "cy.vat", "CZ": "cz.dic", "DE": "de.vat", "DK": "dk.cvr"},
    **{
        "EE": "ee.kmkr",
        "EL": "gr.vat",
        "ES": "es.nif",
        "FI": "fi.alv",
        "FR": "fr.tva",
        "HR": "hr.oib",
        "HU": "hu.anum",
    },
    **{"IE": "ie.vat", "IT": "it.iva", "LT": "lt.pvm", "LU": "lu.tva", "LV": "lv.pvn", "MT": "mt.vat", "NL": "nl.btw"},
    **{"PL": "pl.nip", "PT": "pt.nif", "RO": "ro.cf", "SE": "se.vat", "SI": "si.ddv", "SK": "sk.dph", "GB": "gb.vat"},
    **{"CH": "ch.vat", "NO": "no.mva", "IN": "in_.gstin", "CA": "ca.bn", "GR": "gr.vat", "XI": "gb.vat"},
}


def vat_is_valid(number: str, country: str | None) -> bool | None:
    """Whether a VAT or GST number passes its country's check; None where there is none.

    A prefix of another country decides before the entity's own country does: a VAT number may be foreign.
    """
    code = compact(number)
    prefix = "CH" if code.startswith("CHE") else code[:2]
    prefixed = prefix in _VAT_MODULES and prefix not in ("IN", "CA") and prefix != "NO" and country != "IN"
    place = prefix if prefixed and (prefix == country or country in _VAT_MODULES) else country or ""
    module = _VAT_MODULES.get(place)
    if module is None:
        return None
    if place == "CH" and code[-1:].isdigit():
        return passes("ch.uid", code)  # written without MWST, TVA or IVA behind it
    if place == "NO":
        code = f"{re.sub(r'[^0-9]', '', code)}MVA"
    if place in ("XI", "EL", "GR") and code[:2].isalpha():
        code = code[2:]
    return passes(module, code)


def _any_of(*modules: str) -> Callable[[str], bool]:
    return lambda number: any(passes(module, compact(number)) for module in modules)


TAX: Final[dict[str, Callable[[str], bool]]] = {
    "US": _any_of("us.ein"),
    "GB": _any_of("gb.utr"),
    "PL": _any_of("pl.nip"),
    "IN": _any_of("in_.pan"),
    "AU": _any_of("au.abn"),
    "IT": _any_of("it.codicefiscale"),
    "ES": _any_of("es.nif"),
    "CA": _any_of("ca.bn"),
    "ZA": _any_of("za.tin"),
    "MX": _any_of("mx.rfc"),
}


class PersonCheck(NamedTuple):
    """``shape`` is what the number looks like, right or wrong; ``other`` a document of that country that is not it."""

    shape: re.Pattern[str]
    other: re.Pattern[str]
    check: Callable[[str], bool]


PERSON_CHECKS: Final[dict[str, PersonCheck]] = {
    "BR": PersonCheck(re.compile(r"\d{11}"), re.compile(r"[A-Z]{2}\d{6}|\d{7,9}[\dX]?"), _any_of("br.cpf")),
    "ES": PersonCheck(re.compile(r"[XYZ]?\d{7,8}[A-Z]"), re.compile(r"[A-Z]{3}\d{6}"), _any_of("es.dni", "es.nie")),
    "IT": PersonCheck(
        re.compile(r"[A-Z]{6}[0-9A-Z]{2}[A-Z][0-9A-Z]{2}[A-Z][0-9A-Z]{3}[A-Z]"),
        re.compile(r"[A-Z]{2}\d{5}[A-Z]{2}|[A-Z]{2}\d{7}"),
        _any_of("it.codicefiscale"),
    ),
}
"""CPF in Brazil, DNI or NIE in Spain, codice fiscale in Italy (policy 2.1 PERSON_ID_INVALID)."""
