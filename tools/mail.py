"""Letters leave by SMTP, or are kept as files; what goes wrong is said in our words."""

import asyncio
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib

from onboarding.errors import BadInput, ServiceRefused, ServiceUnavailable

PORTS: Final = {"smtp": 25, "smtps": 465}
UNSAFE: Final = re.compile(r"[^A-Za-z0-9@._=+-]")


@dataclass(frozen=True)
class Smtp:
    """A mail server. ``timeout`` in seconds for each step, ``deadline`` for a whole letter."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    start_tls: bool | None = None
    timeout: float = 10.0
    deadline: float = 60.0

    @classmethod
    def from_url(cls, url: str) -> "Smtp":
        """``smtp://[user:password@]host[:port]`` (TLS by STARTTLS where offered, and demanded with a password or with
        ``?starttls=require``; ``?starttls=never`` switches it off) or ``smtps://...`` (TLS at once).

        Raises :class:`BadInput`; the message never repeats the URL, it may hold a password.
        """
        try:
            parts, port = urlsplit(url), urlsplit(url).port
        except ValueError:
            raise BadInput("ONBOARD_SMTP_URL cannot be read.") from None
        modes: dict[str, bool | None] = {"": None, "starttls=require": True, "starttls=never": False}
        if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query not in modes:
            raise BadInput("ONBOARD_SMTP_URL must be smtp://user:password@host:port or smtps://...")
        tls, password = parts.scheme == "smtps", unquote(parts.password) if parts.password else None
        start_tls = modes[parts.query]
        return cls(
            host=parts.hostname,
            port=port or PORTS[parts.scheme],
            user=unquote(parts.username) if parts.username else None,
            password=password,
            tls=tls,
            start_tls=False if tls else (True if start_tls is None and password else start_tls),
        )


async def send(message: EmailMessage, smtp: Smtp) -> None:
    """Hand ``message`` to the server; returning means that it was accepted for its recipient.

    Raises :class:`ServiceRefused` when the server refuses this letter for good (5xx), :class:`ServiceUnavailable` for
    everything that may pass; after a cut it may have left all the same, which its Message-ID lets a reader see.
    """
    client = aiosmtplib.SMTP(
        hostname=smtp.host,
        port=smtp.port,
        username=smtp.user,
        password=smtp.password,
        use_tls=smtp.tls,
        start_tls=smtp.start_tls,
        timeout=smtp.timeout,
    )
    try:
        async with asyncio.timeout(smtp.deadline):
            await client.connect()
            await client.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as error:
        raise _judged(max(refused.code for refused in error.recipients)) from None
    except (aiosmtplib.SMTPDataError, aiosmtplib.SMTPRecipientRefused) as error:
        raise _judged(error.code) from None
    except (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPSenderRefused) as error:
        raise _unavailable(f"it refused us: {error.code}") from None  # ours to mend; the letter waits
    except aiosmtplib.SMTPNotSupported:
        if getattr(message.policy, "utf8", False):
            raise ServiceRefused("The mail server cannot carry this address.", service="smtp", status=553) from None
        raise _unavailable("it does not offer what we demand") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        raise _unavailable(type(error).__name__) from None
    else:
        # accepted is accepted: a farewell that fails must not make us send it again
        with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(smtp.timeout):
                await client.quit()
    finally:
        client.close()


def keep(message: EmailMessage, folder: Path) -> Path:
    """Write ``message`` to ``folder``, atomically; one Message-ID is one file. Returns its path.

    Raises :class:`ServiceUnavailable` when the disk does not take it: nothing half-written stays.
    """
    kept = folder / (safe_name(str(message["Message-ID"])) + ".eml")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _atomically(kept, message.as_bytes())
    except OSError as error:
        raise ServiceUnavailable(
            f"The outbox folder did not take the letter ({error.strerror}).", service="outbox"
        ) from error
    return kept


def safe_name(message_id: str) -> str:
    """A file name for a Message-ID: its harmless characters, and a hash where some had to go."""
    inner = message_id.strip().removeprefix("<").removesuffix(">")
    name = UNSAFE.sub("_", inner).lstrip(".")[:120]
    return name if name == inner else f"{name}-{sha256(inner.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _atomically(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _judged(code: int) -> ServiceRefused | ServiceUnavailable:
    """5xx about this letter is final, all else may pass."""
    if code >= 500:
        return ServiceRefused(f"The mail server refused the letter ({code}).", service="smtp", status=code)
    return _unavailable(f"status {code}")


def _unavailable(outcome: str) -> ServiceUnavailable:
    return ServiceUnavailable(f"The mail server did not take the letter ({outcome}).", service="smtp", outcome=outcome)
