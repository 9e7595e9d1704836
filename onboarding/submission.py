"""What came in, exactly as accepted at the door: immutable, versioned, every part with its source."""

from typing import Literal

from pydantic import Field, JsonValue

from onboarding.model import Value

PartKind = Literal["application", "answers", "corrections", "document"]
PartFormat = Literal["json", "text", "csv", "pdf", "image"]


class Part(Value):
    """One thing that came in.

    ``source`` is how evidence names it: ``input``, ``answer-2``, ``correction-3``, ``document:passport.pdf``.
    ``content`` is a JSON value (``json``; for answers and corrections a ``{path: value}`` object), text (``text``,
    ``csv``: a header line and one row), or base64 (``pdf``, ``image``). Card numbers are masked before a Part exists:
    ``masked_cards`` says at which places (a JSON path or ``line N``).
    """

    source: str
    kind: PartKind
    format: PartFormat
    content: JsonValue
    media_type: str | None = None
    masked_cards: list[str] = Field(default_factory=list)


class Submission(Value):
    """One application version: all parts so far, in the order they came; a later answer or correction wins."""

    version: int
    parts: list[Part]
