"""The faults that the sandbox shows on request, and the magic words that ask for them in a merchant's name."""

import re
from typing import Any, Final, Literal

from pydantic import Field

from onboarding.model import Value

Kind = Literal["status", "hang", "slow", "late", "drop", "drop_before", "garbage", "endless", "redirect"]
Operation = Literal["activate", "lookup", "cancel"]
WORKS_FIRST: Final[frozenset[Kind]] = frozenset({"slow", "late", "drop", "garbage", "endless"})
"""These do the work although the caller never sees a good answer (``slow`` is late, but good)."""


class Fault(Value):
    """One fault, shown ``times`` times (None: until cleared) to calls of ``service`` that ``match``.

    ``status`` answers with ``status`` and does nothing; ``hang`` waits ``seconds``, then cuts, and does nothing;
    ``slow`` waits ``seconds``, then works; ``late`` works, waits ``seconds``, then cuts; ``drop`` works, then cuts the
    connection; ``drop_before`` only cuts; ``garbage`` works and answers nonsense; ``endless`` works and answers without
    end; ``redirect`` sends elsewhere. ``match`` is a part of the key, case id, legal name or external reference.
    """

    service: Literal["svc1", "svc2"]
    kind: Kind
    times: int | None = Field(default=1, ge=1)
    operation: Operation = "activate"
    match: str = ""
    status: int = Field(default=503, ge=400, le=599)
    retry_after: str | None = None
    seconds: float = Field(default=3600.0, ge=0)


MAGIC: Final = re.compile(
    r"\[(svc[12]):(fail|down|[45]\d\d|hang|slow|late|drop|garbage)(?::(\d{1,4}))?\]", re.IGNORECASE
)
WORDS: Final[dict[str, tuple[Kind, int | None, int]]] = {
    "fail": ("status", None, 400),
    "down": ("status", None, 503),
    "hang": ("hang", 1, 0),
    "late": ("late", 1, 0),
    "drop": ("drop", 1, 0),
    "garbage": ("garbage", 1, 0),
}
"""Magic word to kind, how many of the case's activation calls it hits by default (None: all), and status."""


def magic(service: str, body: dict[str, Any], calls_before: int) -> Fault | None:
    """The fault that a merchant's legal name, trading name or external reference asks ``service`` for.

    ``[svc2:fail]`` refuses for good (400), ``[svc2:fail:1]`` only the case's first call; ``[svc2:down]`` is 503 for
    ever, ``[svc2:503:2]`` (any 4xx or 5xx) twice; ``[svc1:drop]``, ``[svc1:late]``, ``[svc1:hang]``,
    ``[svc1:garbage]`` once, or as many times as the number says; ``[svc1:slow:3]`` takes three seconds every time.
    ``calls_before`` counts the case's earlier activation calls to this service.
    """
    for name, word, number in MAGIC.findall(" ".join(texts(body))):
        if name.lower() != service:
            continue
        word, count = word.lower(), int(number) if number else None
        if word == "slow":
            return Fault(service=name.lower(), kind="slow", seconds=float(count or 2))
        kind, times, status = WORDS.get(word) or ("status", 1, int(word))
        times = count or times
        if times is None or calls_before < times:
            return Fault(service=name.lower(), kind=kind, status=status or 503)
    return None


def texts(body: dict[str, Any]) -> list[str]:
    """What a fault may be matched with: case id, names and external reference, where they are text."""
    merchant = body.get("merchant")
    merchant = merchant if isinstance(merchant, dict) else {}
    places = (body.get("case_id"), body.get("external_ref"), merchant.get("external_ref"))
    names = (merchant.get("legal_name"), merchant.get("trading_name"))
    return [text for text in (*places, *names) if isinstance(text, str)]
