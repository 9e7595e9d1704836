"""Values that hold several things, or that an unknown label leaves open: what their own shape says (policy 10)."""

import re
from typing import Final

from pydantic import JsonValue

from onboarding.reading.bank import find_iban, looks_like_iban
from onboarding.reading.dates import is_date_like
from onboarding.reading.legal_forms import is_entity
from onboarding.reading.placing import place

_EMAIL: Final = re.compile(r"[^\s@<>,;:()\[\]、。；：（）／]{1,64}@[^\s@<>,;()\[\]]{1,190}")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>,;]{3,200}", re.IGNORECASE)
_PHONE: Final = re.compile(r"\+?[\d(][\d ().\-/]{5,24}\d")
_SHORT: Final = 400


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
    if not trail or "/" not in trail[-1] or not isinstance(value, str) or len(value) > _SHORT:
        return []
    labels, values = (re.split(r"\s*/\s*|\s\|\s", text.strip(" ?")) for text in (trail[-1], value))
    paths = {place((*trail[:-1], label)).path for label in labels}
    told = None not in paths and len(paths) == len(labels) and not any(str(p).startswith("persons") for p in paths)
    return list(zip(labels, values, strict=True)) if told and len(labels) == len(values) > 1 else []


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
