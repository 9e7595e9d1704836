"""Free running text → what it says about the merchant and its people, in any of the supported languages.

The order matters: what names itself (numbers, accounts) is claimed first, then addresses and names, then dates and
amounts,
then people; the description is made of what is left. Words and phrases are data (``words/prose.txt``).
"""

import re
from collections.abc import Iterator
from typing import Final

from onboarding.reading.candidate import CORRECTION
from onboarding.reading.prose_about import read_about
from onboarding.reading.prose_firm import bracketed_number, merchant_of, read_firm
from onboarding.reading.prose_marks import is_foreign, is_others, read_marks, statement
from onboarding.reading.prose_names import companies, company_in
from onboarding.reading.prose_page import Company, Page
from onboarding.reading.prose_people import People, read_people
from onboarding.reading.prose_places import read_address
from onboarding.reading.prose_values import Found, read_values
from onboarding.reading.shapes import flat
from onboarding.reading.spans import Span

_SHORTEST_IBAN: Final = 15
_ARTICLE: Final = re.compile(r"(?<!\w)(?:an?|eine?|une?|een|una|um|uma|en|ett) $")
""" "We're a Colorado limited liability company": what kind of company it is, and no name."""
_COMPANYS: Final = ("registration_number", "vat_number", "tax_id")
_LONGEST_NAME: Final = 120
_MOST_CORRECTIONS: Final = 8
_LONGEST_CORRECTION: Final = 300


def read_prose(page: Page, *, sender: str | None = None) -> tuple[list[Found], People]:
    """Fields and people of ``page`` (what is claimed in it is left out). ``sender`` is the name in the mail's From."""
    merchant = merchant_of(page)
    found = [mark for mark in read_marks(page) if not _is_of_other_company(page, merchant, mark)]
    found += _accounts(page)
    found = [_rated(page, item) for item in found]
    found += read_address(page)
    found += read_firm(page, merchant)
    if not any(item.path == "registration_number" for item in found):
        found += bracketed_number(page, merchant)
    found += read_values(page)
    found += _holder(page)
    people = read_people(page, merchant=merchant, sender=sender)
    found += _contact(page)
    found += read_about(page)
    return _first_of_each(found), people


def read_corrections(page: Page) -> list[Found]:
    """What the text takes back and states anew ("sorry, the IBAN above is wrong, it is …"): the last of each field."""
    last: dict[str, Found] = {}
    for cue in page.cues_in(0, len(page.text), "correction")[:_MOST_CORRECTIONS]:
        _, end = page.sentence(page.sentence(cue.start)[1])
        part = Page(page.text[cue.start : min(end, cue.start + _LONGEST_CORRECTION)])
        found = [*read_marks(part), *_accounts(part), *read_address(part), *read_values(part), *_contact(part)]
        for item in _first_of_each(found):
            label = f"{CORRECTION}: {item.label}"
            last[item.path] = item._replace(start=item.start + cue.start, end=item.end + cue.start, label=label)
    return list(last.values())


def _first_of_each(found: list[Found]) -> list[Found]:
    """One value a path; numbers that a merchant has one of as often as they are stated differently."""
    kept: dict[tuple[str, str], Found] = {}
    for item in found:
        kept.setdefault(statement(item), item)
    return list(kept.values())


def _is_of_other_company(page: Page, merchant: Company | None, mark: Found) -> bool:
    """Whether the company named last before a number in its sentence is not the merchant: then it is that one's."""
    if merchant is None or mark.path not in _COMPANYS:
        return False
    start, _ = page.sentence(mark.start)
    named = [
        company
        for company in companies(page)
        if start <= company.start and company.end <= mark.start and not _ARTICLE.search(page.low, start, company.start)
    ]
    return bool(named) and flat(page.text[slice(*named[-1])]) != flat(page.text[slice(*merchant)])


def _rated(page: Page, item: Found) -> Found:
    """Of several accounts the one for payouts counts, the one that fees are debited from least."""
    if item.path != "bank.iban":
        return item
    start, _ = page.sentence(item.start)
    before = page.span_before(start, item.start, "iban")
    cues = page.cues_in(before.end if before else start, item.start, "payout", "debit")
    rate = {"payout": 0.95, "debit": 0.4}.get(cues[-1].concept, 0.0) if cues else 0.0
    return item._replace(confidence=rate or item.confidence)


def _accounts(page: Page) -> Iterator[Found]:
    for span in page.spans:
        compact = "".join(filter(str.isalnum, page.plain[span.start : span.end]))
        if span.kind == "iban" and page.is_free(span.start, span.end) and len(compact) >= _SHORTEST_IBAN:
            page.claim(span.start, span.end)
            if not is_others(page, span.start, span.end):
                yield Found("bank.iban", span.start, span.end, page.text[span.start : span.end], "IBAN")


def _holder(page: Page) -> Iterator[Found]:
    """ "Account holder Moos GmbH": the company named right behind the word."""
    for cue in page.cues_in(0, len(page.text), "holder"):
        company = company_in(page, cue.end, cue.end + _LONGEST_NAME)
        if company and not page.plain[cue.end : company.start].strip(" :,is"):
            yield Found("bank.holder", *company, page.text[slice(*company)], page.text[cue.start : cue.end])
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
    theirs = is_foreign(page, span.start) or is_others(page, span.start, span.end)
    return theirs or "fax" in page.low[max(span.start - 10, 0) : span.start]
