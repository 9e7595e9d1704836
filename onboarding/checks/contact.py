"""E-mail, phone and website, each by itself and together (policy 2.1)."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from onboarding.checks.facts import Facts, Hit, Rule

_HOST: Final = re.compile(r"(?=.{1,253}$)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{0,61}[^\W_]")


@lru_cache(maxsize=4096)
def mail_host(address: str | None) -> str | None:
    """The lower-case host of a valid address, as Unicode; None if email-validator refuses the address."""
    if not address:
        return None
    try:
        return validate_email(address, check_deliverability=False).domain.lower()
    except EmailNotValidError:
        return None
    except (ValueError, IndexError, UnicodeError):  # its slips on odd characters mean the same
        return None


def web_host(website: str | None) -> str | None:
    """The lower-case host of an http(s) address with a dotted host, as Unicode; None for anything else."""
    if not website or re.search(r"\s", website):
        return None
    address = website if re.match(r"[a-z][a-z0-9+.-]*:", website, re.I) else f"https://{website}"
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises for a port that is no number
    except ValueError:
        return None
    host = _unicode_host(host.lower())
    return host if parts.scheme.lower() in ("http", "https") and _HOST.fullmatch(host) else None


def _unicode_host(host: str) -> str:
    if "xn--" not in host:
        return host
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


def email(facts: Facts) -> Iterator[Hit]:
    """Invalid, or of a free provider."""
    address = facts.app.contact.email
    host = mail_host(address)
    if address and host is None:
        yield Hit("EMAIL_INVALID", f"{address} is not a valid e-mail address.", "contact.email")
    elif host and facts.policy.is_free_mail(host):
        yield Hit("EMAIL_FREE_PROVIDER", f"{host} is a free mail provider.", "contact.email")


def phone(facts: Facts) -> Iterator[Hit]:
    """A number that cannot exist, read in the entity's country; ``is_valid`` never matters."""
    number = facts.app.contact.phone
    if not number:
        return
    try:
        possible = phonenumbers.is_possible_number(phonenumbers.parse(number, facts.app.country))
    except phonenumbers.NumberParseException:
        possible = False
    if not possible:
        yield Hit("PHONE_INVALID", f"{number} cannot be a phone number in {facts.app.country}.", "contact.phone")


def website(facts: Facts) -> Iterator[Hit]:
    """No http(s) address with a dotted host, also after adding a missing scheme."""
    stated = facts.app.website
    if stated and web_host(stated) is None:
        yield Hit("URL_INVALID", f"{stated} is not a web address.", "website")


def same_host(facts: Facts) -> Iterator[Hit]:
    """Site and (not free) e-mail on hosts of which neither is equal to nor under the other."""
    site, mail = web_host(facts.app.website), mail_host(facts.app.contact.email)
    if site is None or mail is None or facts.policy.is_free_mail(mail):
        return
    one, other = site.removeprefix("www."), mail.removeprefix("www.")
    if one != other and not one.endswith(f".{other}") and not other.endswith(f".{one}"):
        evidence = (*facts.evidence_of("website"), *facts.evidence_of("contact.email"))
        message = f"The website is at {one}, the e-mail address at {other}."
        yield Hit("WEBSITE_EMAIL_MISMATCH", message, "website", evidence)


RULES: Final = (
    Rule("contact.email", 1, "policy 2.1", email),
    Rule("contact.phone", 1, "policy 2.1", phone),
    Rule("contact.website", 1, "policy 2.1", website),
    Rule("contact.same_host", 1, "policy 2.1", same_host),
)
