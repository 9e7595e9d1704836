"""Account numbers (policy 4.6): IBAN compact, national numbers as letters and digits without separators."""

import re
from functools import lru_cache
from typing import Final

from pydantic import JsonValue
from schwifty import registry
from schwifty.exceptions import SchwiftyException

from onboarding.reading.identifiers import compact
from onboarding.reading.text import clean

_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z\d]{8,31}")
_WITHIN: Final = re.compile(r"(?<![A-Z\d])[A-Z]{2}\d{2}(?:[ .-]?[A-Z\d]){10,32}")
_LONGEST: Final = 100
_LONGEST_IBAN: Final = 34
_HIDDEN: Final = re.compile(r"[*•●…]|\.\.")
NATIONAL: Final = ("account_number", "bank_code", "branch_code", "routing_number")


def iban(raw: JsonValue) -> str | None:
    """Compact and in upper case, also when it is wrong; a leading "IBAN" dropped. None for no value.

    Words without a digit and an account with hidden places ("GB33 **** 55") are no value.
    """
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    written = re.sub(r"^IBAN", "", compact(text[:_LONGEST]))
    if _HIDDEN.search(written) or (len(written) > _LONGEST_IBAN and (inside := find_iban(text)) is None):
        return None
    if len(written) > _LONGEST_IBAN:
        return inside
    return written if any(map(str.isdigit, written)) else None


def looks_like_iban(text: str) -> bool:
    """Two letters, two digits, then letters and digits: the form, not the check."""
    return _IBAN.fullmatch(compact(text[:_LONGEST]).removeprefix("IBAN")) is not None


def find_iban(text: str) -> str | None:
    """The first IBAN in a text, as long as its country has them (by form, also when the check fails)."""
    for match in _WITHIN.finditer(text[:2000].upper()):
        squeezed = compact(match[0])
        length = iban_length(squeezed[:2])
        if length and len(squeezed) >= length - 2:
            return squeezed[:length]
    return None


@lru_cache(maxsize=512)
def iban_length(country: str) -> int | None:
    """How many letters and digits an account of this country has; None where there are none."""
    try:
        return int(registry.get_iban_spec(country).iban_length)
    except (KeyError, ValueError, AttributeError, SchwiftyException):
        return None


def account_part(raw: JsonValue) -> str | None:
    """An account, bank, branch or routing number: the number itself, without words beside it ("普通 0001234")."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:_LONGEST]
    whole = compact(text)
    if re.fullmatch(r"[A-Z]{0,5}\d[A-Z\d]*", whole) and not re.search(r"[^\x00-\x7f]", whole):
        return whole
    numbers = re.findall(r"(?<![^\W_])[A-Z]{0,4}\d[\dA-Z]*(?:[ \-./]\d[\dA-Z]*)*", text.upper())
    return compact(max(numbers, key=len)) if numbers else whole or None


def settle(found: dict[str, str], country: str | None) -> dict[str, str]:
    """The national numbers of one account put where policy 4.6 wants them.

    A number in IBAN form is the IBAN; a Mexican CLABE stands alone; Canadian "transit-institution" is taken apart.
    """
    parts = dict(found)
    number = parts.get("account_number", "")
    if "iban" not in parts and looks_like_iban(number):
        parts["iban"] = number
        del parts["account_number"]
    if (
        "iban" in parts
        and not looks_like_iban(parts["iban"])
        and re.fullmatch(r"\d+", parts["iban"])
        and "account_number" not in parts
    ):
        parts["account_number"] = parts.pop("iban")
    if country == "US" and "routing_number" not in parts:
        _move(parts, "bank_code", "routing_number", r"\d{9}")
        _move(parts, "branch_code", "routing_number", r"\d{9}")
    if country == "CA" and "bank_code" not in parts:
        _split_canadian(parts)
    if country in {"AU", "IN", "ZA"} and "branch_code" not in parts:
        for path in ("routing_number", "bank_code"):
            _move(parts, path, "branch_code", r"[A-Z\d]{6,11}")
    if country == "MX" and re.fullmatch(r"\d{18}", parts.get("account_number", "")):
        parts = {
            path: value for path, value in parts.items() if path not in {"bank_code", "branch_code", "routing_number"}
        }
    if looks_like_iban(parts.get("iban", "")):
        parts = {path: value for path, value in parts.items() if path not in NATIONAL}
    return parts


def _move(parts: dict[str, str], source: str, target: str, form: str) -> None:
    if target not in parts and re.fullmatch(form, parts.get(source, "")):
        parts[target] = parts.pop(source)


def _split_canadian(parts: dict[str, str]) -> None:
    branch = parts.get("branch_code", "")
    if re.fullmatch(r"\d{8}", branch):
        parts["branch_code"], parts["bank_code"] = branch[:5], branch[5:]
