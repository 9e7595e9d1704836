"""Contact details (policy 4.5): phones as E.164, e-mail and web addresses cleaned; what is invalid stays as written."""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from onboarding.reading.text import Scalar, clean, fold
from onboarding.reading.vocabulary import load_words

_LONGEST: Final = 400
_AROUND: Final = "<>()[]\"' "
_EXTENSION: Final = re.compile(r"\s*(?:ext\.?|x|extension|durchwahl|poste|内線|내선)\s*\d{1,6}\s*$", re.IGNORECASE)
_REMARK: Final = re.compile(r"\([^()]*[^\W\d_]{2}[^()]*\)")
""" "01223 456111 (9-5 only)": what is said of a number is no part of it."""
_PHONE_LABEL: Final = re.compile(r"^[^\d+(]{1,20}(?=[+(\d])")
_HOST: Final = re.compile(r"(?:[\w\-]+\.)+[^\W\d_][\w\-]+(?::\d{2,5})?", re.IGNORECASE)
_MAIL: Final = re.compile(r"[^\s<>,;()\[\]\"]+@[^\s<>,;()\[\]\"]+")


@lru_cache(maxsize=4096)
def phone_number(raw: Scalar, country: str | None = None) -> str | None:
    """E.164 (Italian numbers keep their 0); when it is no possible number, the digits as written. None for no value."""
    text = clean(raw)
    if text is None or isinstance(raw, bool) or set(filter(str.isalnum, text)) == {"0"}:
        return None
    text = text[:_LONGEST]
    first = re.split(r"\s*(?:[;|]|,\s|\s/\s|\bor\b|\boder\b|\bou\b)\s*", text)[0]
    for candidate in (text, first, _REMARK.sub(" ", text)):
        found = _e164(_PHONE_LABEL.sub("", candidate), country)
        if found:
            return found
    return re.sub(r"\D", "", text) or text


def is_possible_phone(text: str, country: str | None) -> bool:
    """Whether phonenumbers takes it for a possible number of that country."""
    return _e164(text, country) is not None


def _e164(text: str, country: str | None) -> str | None:
    plain = _EXTENSION.sub("", text)
    if "(0)" in plain:
        plain = plain.replace("(0)", " ")
    elif plain.startswith("00") and len(re.sub(r"\D", "", plain)) > 10 and country not in {"US", "CA"}:
        plain = f"+{plain[2:]}"
    try:
        number = phonenumbers.parse(plain, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@lru_cache(maxsize=4096)
def email_address(raw: Scalar) -> str | None:
    """The address without brackets, ``mailto:`` and display name, host in lower case; invalid: as written."""
    text = clean(raw)
    if text is None or isinstance(raw, bool):
        return None
    text = text[:_LONGEST]
    match = _MAIL.search(re.sub(r"^mailto:", "", text, flags=re.IGNORECASE))
    address = match[0].removeprefix("mailto:").strip(".,;:'\"") if match else text
    if not is_email(address):
        return address if match and len(text.split()) > 1 and is_email(address) else _bare(text)
    local, _, host = address.rpartition("@")
    return f"{local}@{host.lower()}"


def _bare(text: str) -> str:
    return re.sub(r"^(?:mailto:|<)|>$", "", text, flags=re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_email(address: str) -> bool:
    """Whether email-validator takes the address (deliverability is not asked)."""
    try:
        validate_email(address, check_deliverability=False, test_environment=False)
    except (EmailNotValidError, UnicodeError, ValueError):
        return False
    return True


@lru_cache(maxsize=4096)
def website_url(raw: Scalar) -> str | None:
    """``https://`` added to a bare host, host in lower case, no brackets or trailing slash; invalid: as written."""
    text = clean(raw)
    if text is None or isinstance(raw, bool) or fold(text) in map(fold, load_words("roles")["no"]):
        return None  # "Website: no"
    stripped = text[: 4 * _LONGEST].lstrip(_AROUND).rstrip(f"{_AROUND}.,;:!/")
    link = re.search(r"\]\((https?://[^\s)]+)\)", text[: 4 * _LONGEST])
    candidate = link[1].rstrip("/") if link else stripped
    parts = re.fullmatch(r"(?:(https?)://)?([^/?#\s@]+)([/?#]\S*)?", candidate, re.IGNORECASE)
    if not parts or not _HOST.fullmatch(parts[2]):
        first = re.split(r"[\s,;|]+", candidate)[0]
        return website_url(first) if first != candidate and is_website(first) else stripped or text
    scheme = (parts[1] or "https").lower()
    return f"{scheme}://{parts[2].lower()}{parts[3] or ''}"


def is_website(text: str) -> bool:
    """Whether the text is an http(s) URL with a dotted host, or a bare dotted host."""
    parts = re.fullmatch(r"(?:https?://)?([^/?#\s@]+)(?:[/?#]\S*)?", text.strip(), re.IGNORECASE)
    return bool(parts and _HOST.fullmatch(parts[1]))
