"""Free running text → what it says about the merchant and its people, in any of the supported languages.

The order matters: what names itself (numbers, accounts) is claimed first, then addresses and names, then dates and
amounts,
then people; the description is made of what is left. Words and phrases are data (``words/prose.txt``).
"""

from collections.abc import Iterator
from typing import Final

from onboarding.reading.prose_about import read_about
from onboarding.reading.prose_firm import bracketed_number, merchant_of, read_firm
from onboarding.reading.prose_marks import is_foreign, read_marks
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_people import People, read_people
from onboarding.reading.prose_places import read_address
from onboarding.reading.prose_values import Found, read_values
from onboarding.reading.spans import Span

_SHORTEST_IBAN: Final = 15


def read_prose(page: Page, *, sender: str | None = None) -> tuple[list[Found], People]:
    """Fields and people of ``page`` (what is claimed in it is left out). ``sender`` is the name in the mail's From."""
    merchant = merchant_of(page)
    found = read_marks(page)
    found += _accounts(page)
    found += read_address(page)
    found += read_firm(page, merchant)
    if not any(item.path == "registration_number" for item in found):
        found += bracketed_number(page, merchant)
    found += read_values(page)
    people = read_people(page, merchant=merchant, sender=sender)
    found += _contact(page)
    found += read_about(page)
    return _first_of_each(found), people


def _first_of_each(found: list[Found]) -> list[Found]:
    """One value a path; only registration numbers may be several (a SIREN and a SIRET)."""
    kept: dict[tuple[str, str], Found] = {}
    for item in found:
        key = (item.path, item.label if item.path == "registration_number" else "")
        kept.setdefault(key, item)
    return list(kept.values())


def _accounts(page: Page) -> Iterator[Found]:
    for span in page.spans:
        compact = "".join(filter(str.isalnum, page.plain[span.start : span.end]))
        if span.kind == "iban" and page.is_free(span.start, span.end) and len(compact) >= _SHORTEST_IBAN:
            page.claim(span.start, span.end)
            yield Found("bank.iban", span.start, span.end, page.text[span.start : span.end], "IBAN")
            return


def _contact(page: Page) -> Iterator[Found]:
    """Mail, phone and site: the one stated first; one of an accountant, a supplier or a bank is not the merchant's."""
    for kind, path in (("email", "contact.email"), ("url", "website"), ("phone", "contact.phone")):
        own = [
            span
            for span in page.spans
            if span.kind == kind and page.is_free(span.start, span.end) and not _foreign(page, span)
        ]
        if own:
            page.claim(own[0].start, own[0].end)
            yield Found(path, own[0].start, own[0].end, page.text[own[0].start : own[0].end], kind, 0.7)


def _foreign(page: Page, span: Span) -> bool:
    return is_foreign(page, span.start) or "fax" in page.low[max(span.start - 10, 0) : span.start]
