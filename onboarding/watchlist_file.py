"""Reading a watchlist file: FollowTheMoney-like JSON lines, as OpenSanctions publishes them and ``examples/`` shows."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from onboarding.errors import BadInput
from onboarding.model import Value

_NAMES: Final = ("name", "alias", "weakAlias", "previousName")
_COUNTRIES: Final = ("nationality", "citizenship", "jurisdiction", "country")
_IDENTIFIERS: Final = (
    *("passportNumber", "idNumber", "nationalId", "socialSecurityNumber", "registrationNumber", "taxNumber"),
    *("vatCode", "leiCode", "innCode", "ogrnCode"),
)


class Entry(Value):
    """One entry, as far as screening looks at it. ``countries`` are ISO alpha-2, upper case."""

    id: str
    schema_name: str
    names: list[str]
    birth_dates: list[str]
    countries: list[str]
    identifiers: list[str]
    topics: list[str]


def read_entries(path: str | Path) -> tuple[list[Entry], str]:
    """The entries of a file and its content's hash. Raises BadInput naming the line; blank lines are skipped."""
    file = Path(path)
    try:
        raw = file.read_bytes()
        lines = raw.decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"{file}: the watchlist cannot be read ({why})") from error
    entries = [_entry(file.name, number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    return entries, hashlib.sha256(raw).hexdigest()[:16]


def _entry(file: str, number: int, line: str) -> Entry:
    try:
        document = json.loads(line)
        properties = document["properties"]
        entry = Entry.model_construct(
            id=str(document["id"]),
            schema_name=str(document["schema"]),
            names=_texts(properties, _NAMES),
            birth_dates=_texts(properties, ("birthDate",)),
            countries=[code.upper() for code in _texts(properties, _COUNTRIES)],
            identifiers=_texts(properties, _IDENTIFIERS),
            topics=_texts(properties, ("topics",)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file}, line {number}: not a watchlist entry ({type(error).__name__})", line=number) from error
    if not entry.names:
        raise BadInput(f"{file}, line {number}: the entry has no name", line=number)
    return entry


def _texts(properties: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Values of the named properties as texts; a single value counts as a list of one."""
    found: list[str] = []
    for name in names:
        value = properties.get(name)
        if value is not None:
            found += [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return found
