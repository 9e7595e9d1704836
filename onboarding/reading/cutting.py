"""How much of what stands behind a label is its value: decided by the kind of field, not by the line's end.

In a form the value is the whole rest of the line; in prose a sentence goes on behind it.
"""

import re
from typing import Final

from onboarding.reading.prose_names import company_in, joiners
from onboarding.reading.prose_page import Page
from onboarding.reading.shapes import flat

_KINDS: Final = {
    "contact.email": ("email",), "website": ("url",), "bank.iban": ("iban",), "incorporation_date": ("date",),
    "persons[].dob": ("date",), "persons[].ownership_pct": ("percent",), "contact.phone": ("phone",),
}  # fmt: skip
_MONEY: Final = frozenset(["expected_annual_volume", "avg_ticket"])
_WHOLE: Final = frozenset(["business_description", "address", "contact", "bank", "registration"])
_NAMES: Final = frozenset(["legal_name", "trading_name", "bank.holder"])
_ID: Final = frozenset(["registration_number", "vat_number", "tax_id", "mcc", "bank.account_number", "bank.bank_code",
                        "bank.branch_code", "bank.routing_number", "persons[].national_id",
                        "persons[].passport_number"])  # fmt: skip
_STOP: Final = re.compile(r"[,;](?=\s+\D)|\s[-|](?=\s)|\s\((?=\D)|(?<=[\w)])\.(?=\s*$)")
_CLAUSE: Final = re.compile(r"[,;](?=\s+[^\W\d_])|\s[-–](?=\s(?![€£$¥₩]|[A-Z]{3} ?\d|\d))|\.(?=\s*$)")
_ABBREVIATED: Final = re.compile(r"(?:^|[\s.])(?:Ltd|Inc|Corp|Ltda|Lda|Co|Cía|Pty|Pte)$", re.I)
_CODE: Final = re.compile(r"\d{4}|\d{2}-\d{3}|\d{3} \d{2}|[A-Z]\d[A-Z\d]? ?\d[A-Z]{2}")
_SOMEBODY: Final = re.compile(r"\.?:?\s+[^\W\d_a-z][^\W\d_]+\s+[^\W\d_]")
_PARTNERS: Final = re.compile(
    r"(?<=c\.|s\.|nc|as) di (?:[A-Z\u00c0-\u00de][\w'.]+|&|e)(?: (?:[A-Z\u00c0-\u00de][\w'.]*|&|e|di|de|del|della))*"
)
"""Italian partnerships bear their partners' names behind the form: "Due Mori S.n.c. di Conti e Rinaldi"."""
_LINE_END: Final = re.compile(r"\.[ \t]*(?:\||\n|\Z)")
_SENTENCE_WORDS: Final = 14


def cut(page: Page, path: str | None, start: int, end: int) -> tuple[int, int]:
    """The part of [start, end) that is the value of ``path``. Never empty."""
    start, end = _sentence(page, path, start, end)
    if path in _NAMES and _LINE_END.match(page.plain, end):
        end += _ABBREVIATED.search(page.plain, max(start, end - 8), end) is not None
    if path in _KINDS:
        return _shaped(page, _KINDS[path], start, end)
    if path in _NAMES:
        return _named(page, start, end)
    if path in _MONEY:
        return _before(_CLAUSE, page, start, end)
    if path in _ID and "HR" not in page.plain[start:end]:
        return _before(_STOP, page, start, end)
    if path in _WHOLE or path is None:
        return start, end
    return _before(_CLAUSE, page, start, end) if _is_prose(page, start, end) else (start, _no_stop(page, start, end))


def _sentence(page: Page, path: str | None, start: int, end: int) -> tuple[int, int]:
    """No value goes on into the next sentence, but a description's."""
    if path == "business_description" or "\n" in page.plain[start:end]:
        return start, end
    _, stop = page.sentence(start)
    stop = min(max(stop, start + 1), end)
    if path == "address" and stop < end <= start + 160 and not _CODE.search(page.plain, start, stop):
        stop = end  # the stop was an abbreviation's: the postcode is still to come
    while stop > start + 1 and page.plain[stop - 1].isspace():
        stop -= 1
    return start, _no_stop(page, start, stop)


def _no_stop(page: Page, start: int, end: int) -> int:
    """Without the full stop of a sentence; the dot of an abbreviation ("Ltd.", "S.L.") stays where a dot is inside."""
    text = page.plain[start:end]
    if text.endswith(".") and len(text.split()) > 1 and "." not in text.split()[-1][:-1] and len(text.split()[-1]) > 3:
        return end - 1
    return end - 1 if text.endswith("。") else end


def _shaped(page: Page, kinds: tuple[str, ...], start: int, end: int) -> tuple[int, int]:
    found = [span for span in page.spans_in(start, end, *kinds) if span.end <= end or span.kind == "iban"]
    if len(found) >= 1:
        return found[0].start, found[0].end
    return _before(_CLAUSE if kinds != ("phone",) else _STOP, page, start, end)


def _named(page: Page, start: int, end: int) -> tuple[int, int]:
    """A name up to its legal form when a sentence goes on behind it; else as the form has it."""
    company = company_in(page, start, end)
    if company is None:
        end = _before_owner(page, start, end)
        return (
            _before(_CLAUSE, page, start, end) if _is_prose(page, start, end) else (start, _no_stop(page, start, end))
        )
    rest = page.plain[company.end : end].strip()
    if not rest.strip("."):
        return start, end
    if partners := _PARTNERS.match(page.plain, company.end, end):
        return start, partners.end()
    lead = page.plain[start : company.start].split()
    told = any(word[:1].islower() and len(word) > 1 and flat(word) not in joiners() for word in lead)
    return (company.start, company.end) if told or company.start - start > 40 else (start, company.end)


def _before_owner(page: Page, start: int, end: int) -> int:
    """ "Salon Haarscharf, Inhaberin Petra Lohmann, …": whose it is, is not its name."""
    for cue in page.cues_in(start, end, "owner"):
        before = page.plain[start : cue.start].rstrip()
        if before.endswith(",") and _SOMEBODY.match(page.plain, cue.end, end):
            return start + len(before) - 1
    return end


def _before(pattern: re.Pattern[str], page: Page, start: int, end: int) -> tuple[int, int]:
    match = pattern.search(page.plain, start + 1, end)
    stop = match.start() if match else end
    return start, max(stop, start + 1)


def _is_prose(page: Page, start: int, end: int) -> bool:
    text = page.plain[start:end]
    return len(text.split()) > _SENTENCE_WORDS or re.search(r"[.!?] \S", text) is not None
