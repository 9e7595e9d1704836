"""Findings: what a check noticed, how bad it is, and the evidence beside the claim."""

from typing import Final, Literal

from pydantic import Field

from onboarding.model import Value

Severity = Literal["info", "warning", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "high", "critical")


class Evidence(Value):
    """Where a claim can be checked.

    ``source`` names what was looked at (``input``, ``answer-2``, ``document:passport.pdf``, ``watchlist@<hash>``,
    ``case:<id>``); ``where`` is the place in it (a JSON path, ``line 3, column 7``, ``row 1, column ubo1_geb``,
    ``page 2``); ``quote`` is the passage as written; ``detail`` carries what a reader needs beside it.
    """

    source: str
    quote: str | None = None
    where: str | None = None
    detail: str | None = None


class Finding(Value):
    """One code raised at one place. ``path`` is a field path or None for the whole application.

    ``raised_by`` is ``rule:<id>@<version>`` or ``model:<prompt id>@<version>``.
    """

    code: str
    severity: Severity
    path: str | None = None
    message: str
    evidence: list[Evidence] = Field(default_factory=list)
    raised_by: str


SEVERITY_OF: Final[dict[str, Severity]] = {
    "NEW_BUSINESS": "info",
    "SCREENING_HIT_DISCOUNTED": "info",
    "BANK_NOT_IN_REGISTRY": "info",
    "DATE_AMBIGUOUS": "warning",
    "VALUE_INFERRED": "warning",
    "DATE_INVALID": "warning",
    "EMAIL_INVALID": "warning",
    "EMAIL_FREE_PROVIDER": "warning",
    "PHONE_INVALID": "warning",
    "URL_INVALID": "warning",
    "WEBSITE_EMAIL_MISMATCH": "warning",
    "POSTAL_CODE_INVALID": "warning",
    "AMOUNT_INVALID": "warning",
    "MCC_INVALID": "warning",
    "REG_COURT_MISSING": "warning",
    "REG_NUMBER_FORMAT_INVALID": "warning",
    "BANK_COUNTRY_MISMATCH": "warning",
    "FIELDS_SWAPPED": "warning",
    "DELIVERY_DELAY_RISK": "warning",
    "TEXT_OVERSIZE": "warning",
    "FIELD_CONFLICT": "warning",
    "MODEL_FAILED": "warning",
    "REG_NUMBER_CHECKSUM_FAILED": "high",
    "VAT_CHECKSUM_FAILED": "high",
    "TAX_ID_INVALID": "high",
    "PERSON_ID_INVALID": "high",
    "ID_MISMATCH_REG_VAT": "high",
    "ENTITY_TYPE_REG_MISMATCH": "high",
    "IBAN_CHECKSUM_FAILED": "high",
    "BANK_ROUTING_INVALID": "high",
    "MCC_DESCRIPTION_MISMATCH": "high",
    "VOLUME_INCONSISTENT": "high",
    "PERSON_UNDER_18": "high",
    "OWNERSHIP_SUM_EXCEEDS_100": "high",
    "OWNERSHIP_CYCLE": "high",
    "UBO_NOT_RESOLVED": "high",
    "DUPLICATE_MERCHANT_SUSPECTED": "high",
    "RELATED_MERCHANT_SHARED_BANK": "high",
    "SANCTIONS_POSSIBLE_MATCH": "high",
    "PEP_POSSIBLE_MATCH": "high",
    "PROMPT_INJECTION_SUSPECTED": "high",
    "HIDDEN_CHARACTERS": "high",
    "HOMOGLYPH_MIXED_SCRIPT": "high",
    "FORMULA_INJECTION": "high",
    "CARD_DATA_IN_INPUT": "high",
    "SANCTIONS_STRONG_MATCH": "critical",
    "PROHIBITED_BUSINESS": "critical",
    "PROHIBITED_COUNTRY": "critical",
}
"""The closed vocabulary. Policy section 2.1, plus two of ours that only real conflicts and failures raise:
FIELD_CONFLICT (two sources of one application disagree) and MODEL_FAILED (a configured model did not answer)."""


def finding(
    code: str,
    message: str,
    *,
    raised_by: str,
    path: str | None = None,
    evidence: list[Evidence] | None = None,
) -> Finding:
    """A finding with the severity its code has in the catalogue. Raises KeyError for an unknown code."""
    return Finding(
        code=code, severity=SEVERITY_OF[code], path=path, message=message, evidence=evidence or [], raised_by=raised_by
    )
