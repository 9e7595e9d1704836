"""Why an application was declined, in words that may be sent: a fixed sentence for a code, and nothing else.

Never a finding's text, never a word on screening or suspicion (policy section 2). Codes of that kind say only what is
said when nothing more can be said, so the sentence gives nothing away.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.letters.fields import is_field, label
from onboarding.nearest import meant

AT_MOST: Final = 4
MISSING: Final = "MISSING:"
"""What stands before the path of a field that was not provided."""
GENERAL: Final = "After reviewing the whole application we are not able to offer our service to this business."
IDENTIFIERS: Final = (
    "The registration, tax or VAT number stated could not be confirmed as a valid number of the business."
)
BUSINESS_TYPE: Final = "We do not offer our service for this type of business."
CONTACT: Final = "The contact details stated could not be used."
BANK: Final = "The payout account stated could not be confirmed."
FIGURES: Final = "The expected sales figures stated could not be reconciled with each other."
OWNERSHIP: Final = "The ownership of the business could not be established from the information provided."
DATES: Final = "A date stated in the application could not be confirmed."
DETAILS: Final = "Details stated in the application contradict each other."
READABLE: Final = "Parts of the application could not be processed in the form in which they were sent."
INCOMPLETE: Final = "Required information was not provided"
DUPLICATE: Final = "We already hold an application for this business."

SENTENCE_OF: Final[dict[str, str]] = {
    # info: never a reason by themselves
    "NEW_BUSINESS": "The business has not been trading for long enough.",
    "SCREENING_HIT_DISCOUNTED": GENERAL,
    "BANK_NOT_IN_REGISTRY": BANK,
    # warning
    "DATE_AMBIGUOUS": DATES,
    "VALUE_INFERRED": GENERAL,
    "DATE_INVALID": DATES,
    "EMAIL_INVALID": CONTACT,
    "EMAIL_FREE_PROVIDER": "We need a contact e-mail address of the business itself.",
    "PHONE_INVALID": CONTACT,
    "URL_INVALID": "The website stated could not be used.",
    "WEBSITE_EMAIL_MISMATCH": CONTACT,
    "POSTAL_CODE_INVALID": "The business address stated could not be confirmed.",
    "AMOUNT_INVALID": FIGURES,
    "MCC_INVALID": "The merchant category code stated is not a valid code.",
    "REG_COURT_MISSING": IDENTIFIERS,
    "REG_NUMBER_FORMAT_INVALID": IDENTIFIERS,
    "BANK_COUNTRY_MISMATCH": BANK,
    "FIELDS_SWAPPED": DETAILS,
    "DELIVERY_DELAY_RISK": "The time between payment and delivery is longer than we can support.",
    "TEXT_OVERSIZE": READABLE,
    "FIELD_CONFLICT": DETAILS,
    "FIELD_READ_BY_MODEL": GENERAL,
    "MODEL_FAILED": GENERAL,
    "RULES_UNFINISHED": GENERAL,
    # high
    "REG_NUMBER_CHECKSUM_FAILED": IDENTIFIERS,
    "VAT_CHECKSUM_FAILED": IDENTIFIERS,
    "TAX_ID_INVALID": IDENTIFIERS,
    "PERSON_ID_INVALID": "An identity number stated for a person could not be confirmed as a valid number.",
    "ID_MISMATCH_REG_VAT": IDENTIFIERS,
    "ENTITY_TYPE_REG_MISMATCH": "The legal form and the registration number stated do not belong together.",
    "IBAN_CHECKSUM_FAILED": BANK,
    "BANK_ROUTING_INVALID": BANK,
    "MCC_DESCRIPTION_MISMATCH": "The merchant category stated does not fit the business described.",
    "VOLUME_INCONSISTENT": FIGURES,
    "PERSON_UNDER_18": "All owners and officers must be adults.",
    "OWNERSHIP_SUM_EXCEEDS_100": OWNERSHIP,
    "OWNERSHIP_CYCLE": OWNERSHIP,
    "UBO_NOT_RESOLVED": OWNERSHIP,
    "DUPLICATE_MERCHANT_SUSPECTED": GENERAL,
    "RELATED_MERCHANT_SHARED_BANK": GENERAL,
    "SANCTIONS_POSSIBLE_MATCH": GENERAL,
    "PEP_POSSIBLE_MATCH": GENERAL,
    "PROMPT_INJECTION_SUSPECTED": GENERAL,
    "INPUT_READ_IN_PART": READABLE,
    "HIDDEN_CHARACTERS": GENERAL,
    "HOMOGLYPH_MIXED_SCRIPT": GENERAL,
    "FORMULA_INJECTION": GENERAL,
    "CARD_DATA_IN_INPUT": GENERAL,
    # critical
    "SANCTIONS_STRONG_MATCH": GENERAL,
    "PROHIBITED_BUSINESS": BUSINESS_TYPE,
    "PROHIBITED_COUNTRY": "We do not offer our service to businesses incorporated in this country.",
    # what a reviewer may say beside the findings
    "BUSINESS_NOT_SUPPORTED": BUSINESS_TYPE,
    "COUNTRY_NOT_SUPPORTED": "We do not offer our service to businesses incorporated in this country.",
    "INFORMATION_NOT_PROVIDED": f"{INCOMPLETE}.",
    "INFORMATION_NOT_CONFIRMED": "Information in the application could not be confirmed.",
    "DUPLICATE_APPLICATION": DUPLICATE,
    "OTHER": GENERAL,
}


UNSPECIFIC: Final = "OTHER"
"""The code of whoever chooses to give no reason: the merchant reads the general sentence."""
MOST_CODES: Final = 20
"""So many codes a decision holds."""


class Choice(NamedTuple):
    """One reason to choose. ``own``: the case itself gives it; ``advised``: it is sent if nobody chooses otherwise."""

    code: str
    sentence: str
    own: bool
    advised: bool


def sentence(code: str) -> str:
    """What the merchant reads for a code."""
    if code.startswith(MISSING):
        return f"{INCOMPLETE}: {label(code.removeprefix(MISSING))}."
    return SENTENCE_OF.get(code, GENERAL)


@lru_cache(1024)
def warning(code: str) -> str | None:
    """What whoever gave this code should know: it is none of ours, so the merchant reads nothing specific for it.

    The list is open: a backend may well reject by codes of its own, and then this is nothing new to it.
    """
    if code in SENTENCE_OF:
        return None
    if code.startswith(MISSING):
        named = is_field(code.removeprefix(MISSING))
        return None if named else f"{code} names no field of an application; the merchant reads “further details”."
    return f"{code} is no reason code of ours, so it tells the merchant nothing specific{meant(code, SENTENCE_OF)}"


def chosen(given: Sequence[str], advised: Sequence[str]) -> list[str]:
    """The codes a rejection goes by: those that were given, else those of the advice."""
    return list(given) or list(advised)


def stated(codes: Sequence[str]) -> list[str]:
    """The codes of a form on which reasons are ticked: who ticks none chooses to give none."""
    return list(codes) or [UNSPECIFIC]


def choices(advised: Sequence[str], besides: Iterable[str]) -> list[Choice]:
    """Every reason there is: the advice's codes, ``besides`` (the case's others), then each other sentence once."""
    own = dict.fromkeys([*advised, *besides])
    found = [Choice(code, sentence(code), True, code in advised[:MOST_CODES]) for code in own]
    said = {choice.sentence for choice in found}
    for code, words in [(UNSPECIFIC, GENERAL), *sorted(SENTENCE_OF.items(), key=lambda item: item[1])]:
        if words not in said:
            said.add(words)
            found.append(Choice(code, words, False, False))
    return found


def sentences(reason_codes: Sequence[str]) -> list[str]:
    """One to four sentences, each once, the specific ones in the order given; the general one only when alone."""
    found = dict.fromkeys(map(sentence, reason_codes))
    specific = [words for words in found if words != GENERAL]
    return specific[:AT_MOST] or [GENERAL]
