"""Values that hold several things, or that an unknown label leaves open: what their own shape says (policy 10)."""

import re
from typing import Final

from pydantic import JsonValue

from onboarding.reading.bank import find_iban, looks_like_iban
from onboarding.reading.dates import is_date_like
from onboarding.reading.labels import read_label
from onboarding.reading.legal_forms import is_entity
from onboarding.reading.placing import place

_EMAIL: Final = re.compile(r"[^\s@<>,;:()\[\]、。；：（）／]{1,64}@[^\s@<>,;()\[\]]{1,190}")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>,;]{3,200}", re.IGNORECASE)
_PHONE: Final = re.compile(r"\+?[\d(][\d ().\-/]{5,24}\d")
_SHORT: Final = 400
_SLASH: Final = re.compile(r"\s*/\s*|\s\|\s")
_APART: Final = re.compile(r"\s+[/|]\s+")
_RANGE: Final = re.compile(r"\b(?:between|zwischen|entre|tussen|tra|fra|między|mellan)\s.{0,20}\d", re.IGNORECASE)
_LISTED: Final = re.compile(r",\s+|;\s*")
_WORDED: Final = frozenset(
    {"legal_name", "trading_name", "business_description", "address", "address.line1", "address.city"}
)
_AND: Final = re.compile(r"\s+(?:and|und|et|en|e|y|i|och|&)\s+|と|及び|및")


def by_shape(text: str) -> str | None:
    """The place of a value that an unknown label leaves open: only shapes that can mean one thing."""
    if len(text) > 200:
        return None
    if _EMAIL.fullmatch(text):
        return "contact.email"
    if _URL.fullmatch(text):
        return "website"
    return "bank.iban" if find_iban(text) and looks_like_iban(text) else None


def apart(trail: tuple[str, ...], value: JsonValue) -> list[tuple[str, str]]:
    """``"Bank code / branch / account": "7171 / 001 / 0012345678"``: as many values as labels, each with its own."""
    if not trail or not isinstance(value, str) or len(value) > _SHORT:
        return []
    label = read_label(trail[-1])
    joint = _SLASH if "/" in trail[-1] else _AND
    labels = joint.split(trail[-1].strip(" ?"))
    if len(labels) < 2 or (joint is _AND and label.unknown == 0 and len(label.segments) < 2):
        return []  # one thing whose name has an "and" in it
    if place((*trail[:-1], labels[0])).path == "legal_name" and read_label(labels[-1]).segments == (("~number",),):
        labels[-1] = "company number"
    paths = {place((*trail[:-1], each)).path for each in labels}
    if None in paths or len(paths) != len(labels) or any(str(path).startswith("persons") for path in paths):
        return []
    if _RANGE.search(value):
        return []  # "between 10k and 20k" is one value
    worded = bool(paths & _WORDED) and joint is _AND  # "Bread and Roses Ltd": an "and" of the value's own
    joints = [_APART if "//" in value else joint, _LISTED][worded:]
    values = next((told for each in joints if len(told := each.split(value.strip())) == len(labels)), [])
    return list(zip(labels, values, strict=True)) if values and all(values) else []


def is_told(value: JsonValue) -> bool:
    """Whether what stands under "business" is told in words and is no name."""
    words = value.split() if isinstance(value, str) else []
    return len(words) > 4 and not is_entity(str(value)) and sum(word[0].islower() for word in words) * 2 > len(words)


def is_address(value: JsonValue) -> bool:
    """Whether what stands under "office" is a place and no position."""
    return isinstance(value, str) and "," in value and any(map(str.isdigit, value)) and "%" not in value


def parts_of(kind: str, text: str) -> list[tuple[str, str]]:
    if kind == "contact":
        return _contact_parts(text)
    if kind == "bank":
        account = find_iban(text)
        if account:
            return [("bank.iban", account)]
        if re.fullmatch(r"\d{3,4}", text):
            return [("bank.bank_code", text)]
        digits = re.search(r"(?<!\w)\d[\d -]{4,30}\d(?!\w)", text)
        return [("bank.account_number", digits[0])] if digits else []
    if is_date_like(text):
        return [("incorporation_date", text)]
    return [("registration_number", text)] if any(map(str.isdigit, text)) and len(text) <= 80 else []


def _contact_parts(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    rest = text[:_SHORT]
    for path, pattern in (("contact.email", _EMAIL), ("contact.phone", _PHONE)):
        match = pattern.search(rest)
        if match:
            found.append((path, match[0]))
            rest = f"{rest[: match.start()]} {rest[match.end() :]}"
    name = re.sub(r"\b(?:tel|phone|e-?mail|mail)\b\.?:?", " ", rest, flags=re.IGNORECASE).strip(" ,;:/|<>()-.")
    if 2 < len(name) <= 80:
        found.append(("contact.name", " ".join(name.split())))
    return found
