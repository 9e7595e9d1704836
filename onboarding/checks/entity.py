"""The entity itself: its country, its age, and whether its number belongs to its legal form (policy 2.1, 5)."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.checks.numbers import compact, passes

COMPANIES: Final = ("private_company", "public_company")
_LIMITED: Final = re.compile(r"\b(?:ltd|limited|plc)\b")
_PTY: Final = re.compile(r"\(?\bpty\b\)?\.?\s*(?:ltd|limited)|proprietary limited")
_GERMAN_COMPANY: Final = re.compile(r"\b(?:g?gmbh|ag|ug|aktiengesellschaft|gesellschaft mit beschränkter haftung)\b")
_GERMAN_PARTNERSHIP: Final = re.compile(r"&\s*co\b|\bund\s+co\b|\bu\.\s*co\b|\b(?:kg|ohg|kgaa)\b")
_SPANISH_SL: Final = re.compile(
    r"(?<!\w)s\.?\s?l\.?(?:\s?[ul]\.?)?(?!\w)|\bsociedad (?:de responsabilidad )?limitada\b"
)
_SPANISH_SA: Final = re.compile(r"(?<!\w)s\.?\s?a\.?(?:\s?[ul]\.?)?(?!\w)|\bsociedad anónima\b")
_KOREAN_COMPANY: Final = re.compile(r"주식회사|\(주\)|㈜|（주）")
_KOREAN_COMPANY_CODES: Final = frozenset({"81", "86", "87", "88"})


def prohibited_country(facts: Facts) -> Iterator[Hit]:
    """The country of incorporation only; an owner's nationality does not count."""
    country = facts.app.country
    if country in facts.policy.prohibited.countries:
        yield Hit("PROHIBITED_COUNTRY", f"Incorporated in {country}, which the policy never serves.", "country")


def incorporation_date(facts: Facts) -> Iterator[Hit]:
    """A date that exists and is not in the future; a young business is only noted."""
    stated = facts.app.incorporation_date
    if not stated:
        return
    day = day_of(stated)
    path = "incorporation_date"
    if (day is None and not is_partial(stated)) or (day and day > facts.as_of) or _future_year(stated, facts.as_of):
        yield Hit("DATE_INVALID", f"{stated} does not exist in the calendar or lies after {facts.as_of}.", path)
    elif day and (facts.as_of - day).days < facts.policy.thresholds.new_business_days:
        yield Hit("NEW_BUSINESS", f"Started on {day}, {(facts.as_of - day).days} days ago.", path)


def day_of(text: str | None) -> date | None:
    """The day a full ISO date names; None if it names none."""
    try:
        return date.fromisoformat(text) if text and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
    except ValueError:
        return None


def is_partial(text: str) -> bool:
    """Whether only the year, or year and month, were stated."""
    return re.fullmatch(r"\d{4}(?:-(?:0[1-9]|1[0-2]))?", text) is not None


def _future_year(text: str, as_of: date) -> bool:
    return is_partial(text) and int(text[:4]) > as_of.year


def legal_form(facts: Facts) -> Iterator[Hit]:
    """The number's structure against the stated legal form (closed list, policy 5)."""
    reason = _form_contradiction(facts)
    if reason:
        path, words = reason
        yield Hit("ENTITY_TYPE_REG_MISMATCH", words, path)


def _form_contradiction(facts: Facts) -> tuple[str, str] | None:
    app, form = facts.app, facts.form_words
    reg = compact(app.registration_number)
    company = app.entity_type in COMPANIES
    match app.country:
        case "GB" if reg[:2] in ("OC", "SO", "NC") and (company or _LIMITED.search(form)):
            return "registration_number", f"{reg} is the number of a limited liability partnership, not of a company."
        case "DE" if re.search(r"\bHRA\b", (app.registration_number or "").upper()):
            if _GERMAN_COMPANY.search(form) and not _GERMAN_PARTNERSHIP.search(form):
                return "registration_number", "HRA registers partnerships and sole traders, not a GmbH, AG or UG."
        case "ES" if (reg[:1] == "A" and _SPANISH_SL.search(form)) or (reg[:1] == "B" and _SPANISH_SA.search(form)):
            return "registration_number", f"A NIF beginning with {reg[0]} belongs to the other kind of company."
        case "KR" if _KOREAN_COMPANY.search(form) and len(reg) == 10 and reg[3:5] not in _KOREAN_COMPANY_CODES:
            return "registration_number", f"The digits {reg[3:5]} do not belong to a 주식회사."
        case "IN" if app.tax_id and passes("in_.pan", compact(app.tax_id)):
            limited = company or (_LIMITED.search(form) and not re.search(r"\bllp\b|liability partnership", form))
            if limited and compact(app.tax_id)[3] != "C":
                return "tax_id", "The PAN's fourth letter says that the holder is not a company."
        case "ZA" if _PTY.search(form) and re.fullmatch(r"\d{12}", reg) and not reg.endswith("07"):
            return "registration_number", f"The ending {reg[-2:]} does not belong to a (Pty) Ltd."
    return None


RULES: Final = (
    Rule("entity.prohibited_country", 1, "policy 2.1", prohibited_country),
    Rule("entity.incorporation_date", 1, "policy 2.1", incorporation_date),
    Rule("entity.legal_form", 1, "policy 5", legal_form),
)
