"""The envelope: a letter becomes one e-mail, byte for byte the same every time it is composed."""

import re
from datetime import UTC, datetime
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from onboarding.errors import BadInput
from onboarding.letters.letter import SUBJECT_LIMIT, Letter
from onboarding.letters.words import one_line


class Headers(HeaderRegistry):
    """The library's registry, which makes a class a header and parses each anew.

    Here there is one class for each name, and what stands in every letter alike is parsed once.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, type[BaseHeader]] = {}
        self._parsed = lru_cache(256)(super().__call__)

    def __call__(self, name: str, value: Any) -> BaseHeader:
        return self._parsed(name, value) if name in _ALIKE else super().__call__(name, value)

    def __getitem__(self, name: str) -> type[BaseHeader]:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = super().__getitem__(name)
        return made


_ALIKE: Final = {
    "From",
    "Reply-To",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
}
_HEADERS: Final = Headers()
ASCII: Final = SMTP.clone(header_factory=_HEADERS)
UTF8: Final = SMTPUTF8.clone(header_factory=_HEADERS)
LOCAL: Final = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x20\x7f]{1,64}")
HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
NAMED: Final = re.compile(r"([^<>]*)<([^<>]+)>")
MESSAGE_ID: Final = re.compile(r"<[A-Za-z0-9._+=-]{1,120}@[A-Za-z0-9.-]{1,120}>")


def message_id(*key: str, sender: str) -> str:
    """The one Message-ID of a letter, from its business key (case, letter, round, recipient): stable, tells nothing."""
    host = parse_address(sender).domain
    return f"<{sha256(chr(31).join(key).encode('utf-8', 'surrogatepass')).hexdigest()[:40]}@{host}>"


def compose(
    letter: Letter, *, sender: str, recipient: str, message_id: str, date: datetime, reply_to: str | None = None
) -> EmailMessage:
    """Text with an HTML alternative. ``sender`` may be ``Name <address>``; ``date`` must know its zone.

    Raises :class:`BadInput` for an address, Message-ID or date that cannot stand in a header.
    """
    if not MESSAGE_ID.fullmatch(message_id):
        raise BadInput("The Message-ID is not valid.")
    if date.tzinfo is None:
        raise BadInput("A letter's date must know its zone.")
    addresses = [parse_address(sender), parse_address(recipient)]
    ascii_only = all(address.addr_spec.isascii() for address in addresses)
    message = EmailMessage(policy=ASCII if ascii_only else UTF8)
    message["From"], message["To"] = str(addresses[0]), addresses[1]
    if reply_to:
        message["Reply-To"] = str(parse_address(reply_to))
    message["Subject"] = one_line(letter.subject, SUBJECT_LIMIT)
    message["Date"] = format_datetime(date.astimezone(UTC))
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    message.set_boundary("=_" + sha256(message_id.encode()).hexdigest()[:32])
    return message


def parse_address(text: str) -> Address:
    """``address`` or ``Name <address>``, the host in ASCII. Raises :class:`BadInput` for anything else.

    Internal hosts (``localhost``, ``mail.internal``) are fine here: whether an address is one of a public mail
    provider is the application's check, not the envelope's.
    """
    if len(text) > 400 or any(char in text for char in "\r\n\0"):
        raise BadInput("This is not an e-mail address.")
    named = NAMED.fullmatch(text.strip())
    shown, spec = (named[1].strip(' "'), named[2]) if named else ("", text.strip())
    local, _, host = spec.rpartition("@")
    try:
        host = host.lower() if host.isascii() else host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    dots_astray = local.startswith(".") or local.endswith(".") or ".." in local
    if not LOCAL.fullmatch(local) or dots_astray or not HOST.fullmatch(host) or not local.isprintable():
        raise BadInput("This is not an e-mail address.")
    return Address(display_name=one_line(shown, 120), username=local, domain=host)
