"""A case's record read back from its bytes: parsed once, however many look at it.

Every page, decision and gate on a case's way reads the same record. What is kept goes by all of the bytes, after they
were opened and found whole: other bytes are another record, and nothing that is stored is trusted for being known.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from checkpoints.documents import digest
from onboarding.case import CaseRecord

_KEPT: Final = 64
_LARGEST: Final = 100_000
"""Bytes; what is larger is parsed anew, so that what is kept stays small."""


class Parsed(NamedTuple):
    """A record, and the hash of the document that it was read from."""

    record: CaseRecord
    hash: str


def parse(plain: bytes) -> Parsed:
    """The record in these bytes. Raises ``orjson.JSONDecodeError``, ``pydantic.ValidationError``."""
    return _known(plain) if len(plain) <= _LARGEST else _parse(plain)


def _parse(plain: bytes) -> Parsed:
    document = orjson.loads(plain)
    return Parsed(CaseRecord.from_json(document), digest(document))


_known = lru_cache(_KEPT)(_parse)
