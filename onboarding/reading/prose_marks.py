"""Numbers and addresses that running text names without a colon: "EIN is 12-3456789", "Tél. 04 65 71 00 12", "HRB
999001".

The words that name them are the label glossary's; the value has to follow at once and look like one (policy 5, 10).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from onboarding.reading.candidate import ONE_ONLY
from onboarding.reading.cues import Cue, Phrases
from onboarding.reading.identifiers import SCHEMES
from onboarding.reading.placing import place
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_values import Found
from onboarding.reading.vocabulary import load_words

_IDS: Final = (*SCHEMES, "account_number", "clabe", "bank_code", "branch_code", "routing_number", "mcc")
_SHAPED: Final = {"phone": ("phone",), "iban": ("iban",), "email": ("email",), "website": ("url",)}
_BANK: Final = ("account_number", "bank_code", "branch_code", "routing_number")
_NEAR: Final = 40
_NOT: Final = re.compile(r"(?<!\w)(?:not|nicht|pas|niet|nie|inte)(?: (?:at|to|on|an|auf|a|en|naar|na))? ?$")
_OURS: Final = re.compile(
    r"(?<!\w)(?:us|our|my|me|uns|unser\w*|mein\w*|mich|nous|notre|nos|mon|ma|nuestr\w*|mi|ons|onze|mijn|noi|nostr\w*|mio|mia"
    r"|nosso|nossa|meu|minha|nasz\w*|moj\w*|var|vart|oss|min|mitt)(?!\w)"
)
_OTHERS: Final = ("fax", "bic", "lei", "duns", "rea", "corp_reg_kr", "national_id", "passport_number", "other")
_VALUE: Final = re.compile(
    r"[A-Z0-9]{2}\.?[A-Z0-9]{3}\.?[A-Z0-9]{3}/[A-Z0-9]{4}-?\d{2}(?!\w)"
    r"|(?:[A-Z]{1,4}[ ./-]{0,2})?[A-Z0-9Ñ&]{0,12}\d[A-Z0-9]{0,20}(?:[ ./-]{1,2}[A-Z0-9]{0,8}\d[A-Z0-9]{0,8}){0,6}"
    r"(?:[./-][A-Z0-9]{1,4}(?![a-z]))?(?: ?(?:MWST|TVA|IVA))?"
)
_FILLERS: Final = (
    "is|ist|est|è|es|é|to|är|jest|lautet|the|der|die|das|le|la|el|il|lo|o|a|de|du|des|del|della|of|van|het|for|für|our|unsere|notre|number|nummer"
    "|numer|numerem|numéro|número|numero|nº|n°|n|no|nr|under|unter|onder|sob|sous|con|bajo|pod|sotto|med|mit|avec|company|siège|société|società|spółki"
    "|bedrijf|reg|registered"
)
_GAP: Final = re.compile(
    rf"(?:[\s:.#°º(\u3000-]{{1,3}}(?:{_FILLERS})(?![^\W_])){{0,4}}[\s:.#°º()\u3000-]{{0,4}}(?:(?:は|が|는|은|이|번호는|번호)\s?){{0,2}}",
    re.I,
)
_TOWN: Final = re.compile(
    r"(?<=[Rr][Cc][Ss]) (?:de |d'|du )?[A-Z\u00c0-\u00de][\w'-]+(?: [A-Z\u00c0-\u00de][\w'-]*)?(?=,| (?:sous|n|no|\d))"
)
""" "RCS de Lyon sous le n° 812 345 676": the register's town before its number."""
_COURT: Final = (
    r"(?:Amtsgerichts?|AG|Handelsregister(?:\s(?:des|beim|von|der))?(?:\sAmtsgerichts?)?|Registergericht)\s+"
    r"(?P<court>[A-ZÄÖÜ][\wäöüß-]{1,30}(?:\s(?:am|an der|im)\s[A-ZÄÖÜ][\wäöüß]{1,20}|\s\([A-ZÄÖÜ][\wäöüß]{1,20}\))?)"
)
_GERMAN: Final = re.compile(r"HR\s?[AB][\s:]{0,2}(?:Nr\.?\s?|Nummer\s)?\d{1,7}(?:\s?(?!AG )[A-Z]{1,2}(?![\w]))?")
_COURT_NEAR: Final = re.compile(_COURT)
_BARE_COURT: Final = re.compile(r"(?:^|[\s,(:])([A-ZÄÖÜ][a-zäöüß-]{2,30})[ ,]{1,2}$")
_AUSTRIAN: Final = re.compile(r"FN[ :]{0,2}\d{5,6}\s?[a-z](?!\w)")
_SWISS: Final = re.compile(r"CHE[- ]?\d{3}[. ]?\d{3}[. ]?\d{3}(?:\s?(?P<vat>MWST|TVA|IVA))?(?!\w)")
_PHONE: Final = re.compile(r"[^\d\n+(@,;]{0,25}[,:]?\s{0,2}(?P<number>\+?\(?\d[\d ()/.-]{5,22}\d)(?![\w@%])")
_CANADIAN: Final = re.compile(r"(?<![\d-])(?P<bn>\d{9}|\d{5} ?\d{4}|\d{3} \d{3} \d{3}) ?RT ?\d{4}(?!\d)")
_AUSTRIAN_VAT: Final = re.compile(r"(?<!\w)ATU ?\d{8}(?!\w)")
_OWN_CONTACT: Final = re.compile("contact|kontakt|ansprech|contato|interloc|referente|osoba|担当|담당")
_NO_COURT: Final = frozenset(
    ["handelsregister", "unter", "nummer", "der", "die", "registernummer", "eingetragen", "register", "gmbh"]
)


@lru_cache(maxsize=1)
def _phrases() -> Phrases:
    words = load_words("labels")
    wanted = [*_IDS, *_SHAPED, *_OTHERS]
    vocabulary = {
        concept: [w for w in words.get(concept, ()) if (len(w) > 2 or w > "\u2fff") and not w.isdigit()]
        for concept in wanted
    }
    for concept, phrases in load_words("marks").items():
        vocabulary[concept] = [*vocabulary.get(concept, []), *phrases]
    return Phrases(vocabulary)


def read_marks(page: Page) -> list[Found]:
    """Identifiers, account numbers, codes, phones, accounts and sites named in the text, the first of each kind."""
    found: dict[tuple[str, str], Found] = {}
    cues = _longest(_phrases().find(page.text))
    for mark in [*_registers(page), *(m for cue in cues if (m := _named(page, cue)))]:
        if page.is_free(mark.start, mark.end):
            page.claim(mark.start, mark.end)
            if not is_others(page, mark.start, mark.end):
                found.setdefault(statement(mark), mark)
    return list(found.values())


def statement(mark: Found) -> tuple[str, str]:
    """What a found value states anew: of numbers that a merchant has one of, each other number; else the field."""
    return mark.path, "".join(filter(str.isalnum, mark.raw)).upper() if mark.path in ONE_ONLY else ""


def is_others(page: Page, start: int, end: int) -> bool:
    """Whether a number is somebody else's or of the past: "our accountant's VAT number", "… is their account".

    A capital is a name's: "Old Mill Ltd".
    """
    first, last = page.sentence(start)
    theirs = page.cues_in(max(first, start - _NEAR), start, "theirs")
    if any(_is_said_of(page, cue, start) for cue in theirs) or _NOT.search(page.low, first, start):
        return True
    stop = min((at for sign in ".;" if (at := page.plain.find(sign, end, last)) >= 0), default=last)
    return bool(page.cues_in(end, min(stop, end + _NEAR), "not_ours"))


def _is_said_of(page: Page, cue: Cue, start: int) -> bool:
    """Whether "their", "old" goes on to what starts at ``start``: without a comma, and with no "us", "our" after it."""
    between = page.low[cue.end : start]
    own = _OURS.search(between) or any(sign in between for sign in ",;()")
    no_name = page.plain[cue.start].islower() or " " in page.plain[cue.start : cue.end]
    return no_name and not own


def _longest(cues: list[Cue]) -> list[Cue]:
    """Cues that no longer cue contains."""
    kept: list[Cue] = []
    for cue in cues:
        if not kept or cue.end > kept[-1].end or (cue.start == kept[-1].start and cue.end == kept[-1].end):
            kept.append(cue)
    return kept


def _named(page: Page, cue: Cue) -> Found | None:
    if not page.is_free(cue.start, cue.end):
        return None
    label = page.text[cue.start : cue.end]
    if cue.concept in _OTHERS:
        _skip(page, cue)
        return None
    town = _TOWN.match(page.plain, cue.end) if cue.concept == "reg" else None
    after = town.end() if town else cue.end
    gap = _GAP.match(page.plain, after)
    start = gap.end() if gap else after
    if cue.concept in _SHAPED:
        return _shaped(page, cue, start, label)
    if cue.concept == "account_number" and page.spans_in(start, start + 1, "iban"):
        return _shaped(page, cue._replace(concept="iban"), start, label)
    value = _VALUE.match(page.plain, start)
    if (
        value is None
        or page.spans_over(*value.span(), "date", "email", "url")
        or not page.is_free(*value.span())
        or not _is_number(value.group(), cue.concept)
    ):
        return None
    path = f"bank.{cue.concept}" if cue.concept in _BANK else place((label,)).path
    if path in (None, "registration") and cue.concept == "reg":
        path = "registration_number"
    if path is None or path.startswith("persons"):
        return None
    return Found(path, *value.span(), page.text[slice(*value.span())].strip(), label, 0.9)


def _skip(page: Page, cue: Cue) -> None:
    """A fax number or a BIC is nobody's phone or account."""
    value = re.compile(r"[\s:.]{0,4}\+?[A-Z0-9][A-Z0-9 ()/.-]{4,24}").match(page.plain, cue.end)
    if value and any(map(str.isdigit, value.group())) and cue.concept in ("fax", "bic", "lei", "duns", "rea"):
        page.claim(cue.start, value.end())


def _shaped(page: Page, cue: Cue, start: int, label: str) -> Found | None:
    if cue.concept == "phone":
        return _phone(page, cue, label)
    spans = list(page.spans_in(cue.end, start + 18, *_SHAPED[cue.concept]))
    if (
        not spans
        or page.plain[cue.end : spans[0].start].count(".") > 1
        or not page.is_free(spans[0].start, spans[0].end)
    ):
        return None
    span = spans[0]
    path = {"iban": "bank.iban", "email": "contact.email", "website": "website"}[cue.concept]
    return Found(path, span.start, span.end, page.text[span.start : span.end], label, 0.9)


def _phone(page: Page, cue: Cue, label: str) -> Found | None:
    match = _PHONE.match(page.plain, cue.end)
    if match is None or not page.is_free(*match.span("number")):
        return None
    if not 7 <= sum(map(str.isdigit, match.group("number"))) <= 15 or is_foreign(page, cue.start):
        return None
    start, end = match.span("number")
    return Found("contact.phone", start, end, page.text[start:end], label, 0.9)


def is_foreign(page: Page, offset: int) -> bool:
    """Whether a contact detail is an accountant's, a supplier's, a bank's: said so before it in its sentence."""
    start, _ = page.sentence(offset)
    low = max(start, offset - 70)
    if page.cues_in(low, offset, "not_merchant"):
        return True
    return any(not _OWN_CONTACT.match(page.low, cue.start) for cue in page.cues_in(low, offset, "not_person"))


def _is_number(text: str, concept: str) -> bool:
    digits = sum(map(str.isdigit, text))
    if concept == "mcc":
        return digits == 4 and text.strip().isdigit()
    if concept in ("bank_code", "branch_code", "postal_code"):
        return digits >= 3
    return digits >= 5 or (digits >= 4 and sum(map(str.isalnum, text)) >= 7)


def _registers(page: Page) -> Iterator[Found]:
    """Numbers that carry their register's name: German HRB with its court, Austrian FN, Swiss CHE."""
    for match in _GERMAN.finditer(page.plain):
        court = _court(page, match)
        raw = f"{court} {match.group()}" if court else match.group()
        yield Found("registration_number", *match.span(), raw, "Handelsregister", 0.95)
        break
    for match in _AUSTRIAN.finditer(page.plain):
        yield Found("registration_number", *match.span(), match.group(), "Firmenbuch", 0.95)
        break
    for match in _AUSTRIAN_VAT.finditer(page.plain):
        yield Found("vat_number", *match.span(), match.group(), "UID", 0.95)
    for match in _CANADIAN.finditer(page.plain):
        yield Found("tax_id", *match.span("bn"), match.group("bn"), "BN", 0.9)
        yield Found("vat_number", match.end("bn"), match.end(), match.group(), "GST", 0.9)
        break
    for match in _SWISS.finditer(page.plain):
        path = "vat_number" if match.group("vat") else "registration_number"
        yield Found(path, *match.span(), match.group(), "UID", 0.95)


def _court(page: Page, match: re.Match[str]) -> str | None:
    """The court beside a German number: "Amtsgericht München", or a bare "München" right before it."""
    low = max(match.start() - 90, 0)
    before = list(_COURT_NEAR.finditer(page.plain, low, match.start()))
    if before:
        return f"Amtsgericht {before[-1].group('court')}"
    after = _COURT_NEAR.search(page.plain, match.end(), match.end() + 50)
    if after and "\n\n" not in page.plain[match.end() : after.start()]:
        return f"Amtsgericht {after.group('court')}"
    bare = _BARE_COURT.search(page.plain, low, match.start())
    return bare.group(1) if bare and bare.group(1).lower() not in _NO_COURT else None
