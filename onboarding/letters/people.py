"""What the people of an application are called to the merchant who named them."""

from collections import Counter
from typing import Final

from onboarding.case import CaseRecord
from onboarding.letters.words import one_line

CORRECTED: Final = "correction-"
"""How the source of what a reviewer set right begins (``graph.deciding``)."""
LONGEST: Final = 60


def named(record: CaseRecord) -> list[str | None]:
    """The name of each person as one harmless line, where the merchant stated it and no two have the same.

    None for a name that a reviewer corrected or a model read: the merchant is told nothing but their own words.
    """
    names = [one_line(person.name or "", LONGEST) for person in record.application.persons]
    times = Counter(name.casefold() for name in names)
    return [
        name if name and times[name.casefold()] == 1 and _stated(record, f"persons[{number}].name") else None
        for number, name in enumerate(names)
    ]


def _stated(record: CaseRecord, path: str) -> bool:
    origin = record.provenance.get(path)
    return origin is not None and origin.extractor.startswith("rules") and not origin.source.startswith(CORRECTED)
