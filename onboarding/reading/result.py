"""What preprocessing hands on: the canonical application and where each value of it came from."""

from pydantic import Field

from onboarding.application import Application
from onboarding.finding import Finding
from onboarding.model import Value


class FieldSource(Value):
    """The origin of one field: ``raw`` as written, ``where`` as in Evidence, ``extractor`` ``rules@1`` or ``model:…``.

    ``confidence`` 0 to 1: 1.0 a labelled value, lower where the reader had to choose.
    """

    raw: str
    source: str
    where: str | None = None
    extractor: str = "rules@1"
    confidence: float = 1.0


class Reading(Value):
    """An application as read. ``findings`` are only those that reading itself raises

    (DATE_AMBIGUOUS, VALUE_INFERRED, FIELDS_SWAPPED, FIELD_CONFLICT, INPUT_READ_IN_PART): everything else is
    validation's.
    ``provenance`` has one entry per flat path that carries a value.
    """

    application: Application
    provenance: dict[str, FieldSource] = Field(default_factory=dict)
    findings: list[Finding] = Field(default_factory=list)
    ungrounded: int = 0
    """Values a model stated and no source bears out: dropped."""
