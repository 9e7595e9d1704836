"""The data folder: whose it is, and the secrets that are made in it or given by the settings."""

import base64
import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from checkpoints.documents import Codec
from onboarding.errors import DataDirInUse
from onboarding.settings import BadSettings, Settings


def own(data_dir: Path) -> FileLock:
    """Take the data folder for this process. Raises DataDirInUse."""
    lock = FileLock(data_dir / "owner.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataDirInUse(f"Another process owns {data_dir}; stop it, or set ONBOARD_DATA_DIR.") from error
    return lock


def made(data_dir: Path) -> None:
    """The data folder, for its owner's eyes only where it is new. Raises OSError."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def codec(encryption_key: str | None, *, plain_too: bool = False) -> Codec:
    """Keys are ``id:base64,id:base64``, ids of 1 to 4 characters, keys of 32 bytes; the first seals what is new.

    Raises BadSettings naming the id: of two keys under one id one would be lost, and all that it sealed.
    """
    if not encryption_key:
        return Codec()
    keys: dict[bytes, bytes] = {}
    for item in encryption_key.split(","):
        key_id, _, key = item.strip().partition(":")
        if not 0 < len(key_id) <= 4 or not key_id.isascii() or not key_id.isprintable():
            raise _bad_key(f"the id {key_id[:20]!r} is not 1 to 4 ASCII characters")
        at = key_id.encode().rjust(4, b"0")
        if at in keys:
            raise _bad_key(f"two keys have the id {key_id!r}")
        keys[at] = _bytes_of(key_id, key)
    return Codec(keys, next(iter(keys)), plain_too=plain_too)


def _bytes_of(key_id: str, key: str) -> bytes:
    try:
        found = base64.b64decode(key, validate=True)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise _bad_key(f"{key_id}: 32 bytes in standard base64 (44 characters) are needed")
    return found


def _bad_key(why: str) -> BadSettings:
    return BadSettings(f"ONBOARD_ENCRYPTION_KEY: {why}.")


def secret(settings: Settings) -> str:
    """The installation's secret: set, or made once and kept readable by its owner only."""
    return settings.secret_key or kept_secret(settings.data_dir / "secret-key")


def kept_secret(path: Path) -> str:
    """A secret made at the first call and kept in ``path`` with mode 0600; of several processes all get the same."""
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileExistsError):  # somebody was faster
                os.link(file.name, path)
    return path.read_text().strip()
