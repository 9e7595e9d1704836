"""Standard Webhooks 1.0: prove that a callback is the sender's, and sign the notices we send.

Verify on the raw bytes, before anything is parsed. The caller keeps ``webhook-id`` as its idempotency key.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from onboarding.errors import BadInput, Unauthorized

MAX_SIGNATURES: Final = 10
TIMESTAMP: Final = re.compile(r"\d{1,12}")
ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


def signed(body: bytes, *, message_id: str, secrets: Sequence[str], at: datetime) -> dict[str, str]:
    """The three headers for ``body`` (UTF-8), signed with every secret, so that a receiver may hold the old or new one.

    Raises :class:`BadInput` for an id or body that cannot be signed, or without a secret.
    """
    if not ID.fullmatch(message_id) or at.tzinfo is None:
        raise BadInput("A webhook needs an id of 1 to 200 visible ASCII characters and a time with its zone.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadInput("A webhook's body must be UTF-8.") from None
    moment = at.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(one.sign(message_id, moment, text) for one in _keys(secrets)),
    }


def verified(body: bytes, headers: Mapping[str, str], *, secrets: Sequence[str]) -> str:
    """The ``webhook-id`` of a genuine callback that is at most five minutes old (or early), by any of ``secrets``.

    Raises :class:`Unauthorized`, the same for every cause: a stranger learns nothing from it.
    """
    named = {key.lower(): value for key, value in headers.items()}
    wanted = {key: named.get(f"webhook-{key}", "") for key in ("id", "timestamp", "signature")}
    # the library reads fractions and NaN as times and lets an odd signature raise anything: only the plain form passes
    plain = ID.fullmatch(wanted["id"]) and TIMESTAMP.fullmatch(wanted["timestamp"])
    if plain and wanted["signature"].count(" ") < MAX_SIGNATURES:
        pairs = [part for part in wanted["signature"].split(" ") if part.startswith("v1,") and part.count(",") == 1]
        for key in _keys(secrets):
            if any(_matches(key, body, wanted | {"signature": pair}) for pair in pairs):
                return wanted["id"]
    raise Unauthorized("The webhook's signature is not valid.")


def _matches(key: Webhook, body: bytes, wanted: Mapping[str, str]) -> bool:
    try:
        key.verify(body, {f"webhook-{name}": value for name, value in wanted.items()}, json_parse=False)
    except Exception:  # noqa: BLE001 - whatever it is, it is not verified; no vendor exception leaves this module
        return False
    return True


def _keys(secrets: Sequence[str]) -> list[Webhook]:
    """Raises :class:`BadInput`, naming no secret, when there is none, or one with fewer than 24 random bytes."""
    try:
        keys = [Webhook(secret) for secret in secrets]
        strong = all(len(key._whsecret) >= 24 for key in keys)
    except Exception:  # noqa: BLE001 - its text could repeat the secret
        raise BadInput("A webhook secret must be whsec_ and base64.") from None
    if not keys or not strong:
        raise BadInput("A webhook secret must have at least 24 random bytes.")
    return keys
