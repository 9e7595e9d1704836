"""The closed vocabulary of findings: one entry a code, its meaning and where the policy says so."""

from typing import Final, Literal, NamedTuple

Severity = Literal["info", "warning", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "high", "critical")


class CodeEntry(NamedTuple):
    """``meaning`` is one sentence for a reviewer; ``source`` the policy section, or ``ours``."""

    severity: Severity
    meaning: str
    source: str


CATALOGUE: Final[dict[str, CodeEntry]] = {
    "NEW_BUSINESS": CodeEntry("info", "The business started less than 183 days ago.", "policy 2.1"),
    "SCREENING_HIT_DISCOUNTED": CodeEntry(
        "info", "A watchlist name is close, but the birth date shows it is somebody else.", "policy 6"
    ),
    "BANK_NOT_IN_REGISTRY": CodeEntry(
        "info", "The IBAN is valid, but its bank code is not on the bundled list of banks.", "policy 2.1"
    ),
    "DATE_AMBIGUOUS": CodeEntry(
        "warning",
        "A numeric date can be read day-first or month-first and nothing in the application decides.",
        "policy 4.3",
    ),
    "VALUE_INFERRED": CodeEntry(
        "warning", "A value was computed or guessed from what was stated, not merely rewritten.", "policy 4.9"
    ),
    "DATE_INVALID": CodeEntry(
        "warning", "A stated date does not exist in the calendar or lies in the future.", "policy 2.1"
    ),
    "EMAIL_INVALID": CodeEntry("warning", "The e-mail address is not a valid address.", "policy 2.1"),
    "EMAIL_FREE_PROVIDER": CodeEntry(
        "warning", "The e-mail address belongs to a free mail provider, not to the business.", "policy 2.1"
    ),
    "PHONE_INVALID": CodeEntry("warning", "The phone number cannot exist in the merchant's country.", "policy 2.1"),
    "URL_INVALID": CodeEntry("warning", "The website is not a web address.", "policy 2.1"),
    "WEBSITE_EMAIL_MISMATCH": CodeEntry("warning", "Website and e-mail address are on different hosts.", "policy 2.1"),
    "POSTAL_CODE_INVALID": CodeEntry(
        "warning", "The postcode does not fit the country, or contradicts the region.", "policy 2.1"
    ),
    "AMOUNT_INVALID": CodeEntry(
        "warning", "The annual volume or the average ticket is not a positive number.", "policy 2.1"
    ),
    "MCC_INVALID": CodeEntry("warning", "The merchant category code is not in ISO 18245.", "policy 2.1"),
    "REG_COURT_MISSING": CodeEntry(
        "warning", "A German register number was given without its court, so it is not unique.", "policy 2.1"
    ),
    "REG_NUMBER_FORMAT_INVALID": CodeEntry(
        "warning", "The registration number does not have the form its country uses.", "policy 5"
    ),
    "BANK_COUNTRY_MISMATCH": CodeEntry(
        "warning", "The account is held in another country than the merchant's.", "policy 2.1"
    ),
    "FIELDS_SWAPPED": CodeEntry(
        "warning",
        "Fields provably hold each other's content; the exchange is proposed, not made silently.",
        "policy 2.1",
    ),
    "DELIVERY_DELAY_RISK": CodeEntry(
        "warning", "Customers pay more than 30 days before they receive anything.", "policy 2.1"
    ),
    "TEXT_OVERSIZE": CodeEntry(
        "warning", "One text in the application is longer than any ordinary answer.", "policy 2.1"
    ),
    "FIELD_CONFLICT": CodeEntry(
        "warning", "Two sources of this application state different values for one field.", "ours"
    ),
    "FIELD_READ_BY_MODEL": CodeEntry(
        "warning", "Only the model read a required field, so a person compares it with its quote.", "ours"
    ),
    "RULES_UNFINISHED": CodeEntry(
        "high", "The rules could not read or check this application to the end, so a person has to.", "ours"
    ),
    "MODEL_FAILED": CodeEntry(
        "warning", "A configured model did not answer, so a person has to look where it would have.", "ours"
    ),
    "REG_NUMBER_CHECKSUM_FAILED": CodeEntry("high", "The registration number fails its own check digit.", "policy 5"),
    "VAT_CHECKSUM_FAILED": CodeEntry("high", "The VAT or GST number fails its own check.", "policy 5"),
    "TAX_ID_INVALID": CodeEntry("high", "The tax number fails its country's check.", "policy 5"),
    "PERSON_ID_INVALID": CodeEntry("high", "A person's national number fails its check.", "policy 5"),
    "ID_MISMATCH_REG_VAT": CodeEntry(
        "high", "Two numbers of the entity that must contain each other do not.", "policy 5"
    ),
    "ENTITY_TYPE_REG_MISMATCH": CodeEntry(
        "high", "The number belongs to another legal form than the one stated.", "policy 5"
    ),
    "IBAN_CHECKSUM_FAILED": CodeEntry(
        "high", "The IBAN has the wrong length, structure or check digits.", "policy 2.1"
    ),
    "BANK_ROUTING_INVALID": CodeEntry("high", "The US routing number fails its check digit.", "policy 2.1"),
    "MCC_DESCRIPTION_MISMATCH": CodeEntry(
        "high", "The described activity belongs to another category than the stated MCC.", "policy 2.1"
    ),
    "VOLUME_INCONSISTENT": CodeEntry(
        "high", "Average ticket and number of transactions do not give the stated annual volume.", "policy 2.1"
    ),
    "PERSON_UNDER_18": CodeEntry("high", "A listed person is under 18.", "policy 2.1"),
    "OWNERSHIP_SUM_EXCEEDS_100": CodeEntry("high", "The owners' shares add up to more than the whole.", "policy 7"),
    "OWNERSHIP_CYCLE": CodeEntry("high", "An entity owns itself through others.", "policy 7"),
    "UBO_NOT_RESOLVED": CodeEntry(
        "high", "A quarter or more of the entity does not end at natural persons.", "policy 7"
    ),
    "DUPLICATE_MERCHANT_SUSPECTED": CodeEntry(
        "high", "An earlier application seems to be by the same merchant.", "policy 2.1"
    ),
    "RELATED_MERCHANT_SHARED_BANK": CodeEntry(
        "high", "An earlier application uses the same bank account.", "policy 2.1"
    ),
    "SANCTIONS_POSSIBLE_MATCH": CodeEntry(
        "high", "A name may be one on the watchlist; nothing stated rules it out.", "policy 6"
    ),
    "PEP_POSSIBLE_MATCH": CodeEntry(
        "high", "A person may be a politically exposed person or close to one.", "policy 2.1"
    ),
    "PROMPT_INJECTION_SUSPECTED": CodeEntry(
        "high", "A text addresses the reviewing machine and tries to steer it.", "policy 8.3"
    ),
    "INPUT_READ_IN_PART": CodeEntry(
        "high", "The application is longer than what is read; a person has to look at the rest.", "ours"
    ),
    "HIDDEN_CHARACTERS": CodeEntry("high", "A text contains characters that cannot be seen.", "policy 8.1"),
    "HOMOGLYPH_MIXED_SCRIPT": CodeEntry(
        "high", "A word mixes letters of different alphabets that look alike.", "policy 8.2"
    ),
    "FORMULA_INJECTION": CodeEntry(
        "high", "A value would run as a formula when opened in a spreadsheet.", "policy 8.4"
    ),
    "CARD_DATA_IN_INPUT": CodeEntry(
        "high", "A payment card number was sent with the application; it was masked.", "policy 8.5"
    ),
    "SANCTIONS_STRONG_MATCH": CodeEntry(
        "critical", "A name and an identifying detail agree with a watchlist entry.", "policy 6"
    ),
    "PROHIBITED_BUSINESS": CodeEntry(
        "critical", "What the customer pays for is a business we never serve.", "policy 9"
    ),
    "PROHIBITED_COUNTRY": CodeEntry("critical", "The country of incorporation is one we never serve.", "policy 2.1"),
}
"""Policy section 2.1, plus five of ours: FIELD_CONFLICT for real conflicts, INPUT_READ_IN_PART for what is too long to
be read, RULES_UNFINISHED where a rule was stopped, and two that only a configured model can raise, FIELD_READ_BY_MODEL
and MODEL_FAILED."""
