"""How documents become bytes: canonical JSON, hashed, and sealed with a key when encryption is on."""

import hashlib
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from onboarding.errors import TamperedRecord

PLAIN: Final = b"\x00"
SEALED: Final = b"\x01"
_KEY_ID: Final = 4
_NONCE: Final = 12
_SUM: Final = 4


def canonical(document: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks: one document, one byte string."""
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def digest(document: Any) -> str:
    """SHA-256 of the canonical form, hex. What a reviewer was shown and what is activated are compared by it."""
    return hashlib.sha256(canonical(document)).hexdigest()


class Codec:
    """Documents in, bytes out, bound to where the row stands: moved or damaged they no longer open.

    Without keys the body is plain behind a checksum (it shows damage, not malice); with keys it is AES-256-GCM.

    ``keys`` maps a 4-byte key id to a 32-byte key; ``current`` is the id that new rows are sealed with. The other
    ids are still read, which is how a key is rotated without downtime. Once a codec has a key it refuses plain rows,
    unless it was made with ``plain_too``: for the one command that seals what was stored before there was a key.
    """

    def __init__(
        self, keys: Mapping[bytes, bytes] | None = None, current: bytes | None = None, *, plain_too: bool = False
    ) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in (keys or {}).items()}
        self._current = current
        self._plain_too = plain_too

    @property
    def sealed(self) -> bool:
        return self._current is not None

    def dump(self, document: Any, where: str) -> bytes:
        """Seal ``document`` for the place ``where`` (table and key): moved elsewhere it no longer opens.

        Keys keep the order they came in: the order a merchant wrote things in is part of what was said.
        """
        return self.seal(orjson.dumps(document), where)

    def load(self, data: bytes, where: str, parse: Callable[[bytes], Any] = orjson.loads) -> Any:
        """Open what :meth:`dump` made for the same place, and ``parse`` it. Raises TamperedRecord on anything else."""
        try:
            return parse(self.open(data, where))
        except orjson.JSONDecodeError as error:
            raise TamperedRecord(f"The record {where} is not readable.") from error

    def seal(self, plain: bytes, where: str) -> bytes:
        if self._current is None:
            return PLAIN + _checksum(plain, where) + plain
        nonce = os.urandom(_NONCE)
        return SEALED + self._current + nonce + self._ciphers[self._current].encrypt(nonce, plain, where.encode())

    def is_current(self, data: bytes) -> bool:
        """Whether this row is stored as a new one would be: under the key in force, or plain without any."""
        return data[:1] == PLAIN if self._current is None else data[: 1 + _KEY_ID] == SEALED + self._current

    def open(self, data: bytes, where: str) -> bytes:
        kind = data[:1]
        if kind == PLAIN and (self._plain_too or not self.sealed):
            body = data[1 + _SUM :]
            if data[1 : 1 + _SUM] != _checksum(body, where):
                raise TamperedRecord(f"The record {where} fails its integrity check.")
            return body
        if kind == SEALED:
            return self._decrypt(data, where)
        raise TamperedRecord(f"The record {where} is not sealed with the key that is in force.")

    def _decrypt(self, data: bytes, where: str) -> bytes:
        head, nonce, body = data[1 : 1 + _KEY_ID], data[1 + _KEY_ID :][:_NONCE], data[1 + _KEY_ID + _NONCE :]
        cipher = self._ciphers.get(head)
        if cipher is None:
            raise TamperedRecord(f"The record {where} is sealed with a key that is not configured.")
        try:
            return cipher.decrypt(nonce, body, where.encode())
        except (InvalidTag, ValueError) as error:
            raise TamperedRecord(f"The record {where} fails its integrity check.") from error


def _checksum(plain: bytes, where: str) -> bytes:
    return zlib.crc32(plain, zlib.crc32(where.encode())).to_bytes(_SUM, "big")
