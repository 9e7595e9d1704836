"""Choosing between candidates: standing, then confidence, then order; a tie that disagrees is a conflict.

Standing: 0 for the application and its documents, higher for each later answer or correction, which override.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import JsonValue

from onboarding.finding import Evidence, Finding, finding
from onboarding.names import company_words
from onboarding.reading.candidate import ONE_ONLY, Candidate
from onboarding.reading.result import FieldSource
from onboarding.reading.text import Scalar, fold, scalar_text

RAISED_BY: Final = "rule:reading.{rule}@1"
_CLOSE: Final = 0.25
_ALIKE: Final = 0.12
"""How far apart two statements of one source may be to contradict each other: both are stated as plainly."""
_ONE_ONLY: Final = frozenset(["legal_name", "bank.account_number", *ONE_ONLY])
"""Fields of which a merchant has one: two in one source are a contradiction."""
_LONGEST_RAW: Final = 2000
_WORTH_KEEPING: Final = 0.3
_SINGLE: Final = (
    "legal_name", "trading_name", "incorporation_date", "website", "mcc", "business_description", "contact.name",
    "contact.email", "contact.phone", "bank.iban", "bank.account_number", "bank.holder", "expected_annual_volume",
    "avg_ticket", "transactions_per_month",
)  # fmt: skip


class Standing(NamedTuple):
    """A candidate with the standing of the part it came from."""

    candidate: Candidate
    level: int


class Chosen(NamedTuple):
    """The winner for a path: its normalised value and where it came from."""

    value: Any
    candidate: Candidate


@dataclass
class Draft:
    """What assembling has found so far: canonical path → value, its source, findings and what has no place."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, FieldSource] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    extra: dict[str, JsonValue] = field(default_factory=dict)

    def put(self, path: str, value: Any, candidate: Candidate | None, *, note: str | None = None) -> None:
        """Keep a value with its source; ``note`` says how it was derived when no candidate carries it."""
        if value in (None, "", [], {}):
            return
        self.values[path] = value
        self.sources[path] = (
            source_of(candidate) if candidate else FieldSource(raw=note or "", source="derived", confidence=0.9)
        )

    def raise_(self, code: str, message: str, path: str | None, *candidates: Candidate) -> None:
        """A finding of reading itself, with what was written as evidence."""
        rule = {"FIELD_CONFLICT": "conflict", "FIELDS_SWAPPED": "swapped", "VALUE_INFERRED": "inferred"}.get(
            code, "date"
        )
        self.findings.append(
            finding(
                code,
                message,
                raised_by=RAISED_BY.format(rule=rule),
                path=path,
                evidence=[evidence_of(c) for c in candidates],
            )
        )

    def keep(self, candidate: Candidate) -> None:
        """A value without a place: kept under where it stood, never lost."""
        key = candidate.where or candidate.path
        if self.extra.get(key) == candidate.raw:
            return
        key = key if key not in self.extra else f"{key} ({candidate.source}, {len(self.extra)})"
        self.extra[key] = candidate.raw


def raw_text(raw: JsonValue) -> str:
    """The raw value as text for provenance and evidence, cut to what a reader can use."""
    if isinstance(raw, list):
        return ", ".join(scalar_text(item) for item in raw[:20])[:_LONGEST_RAW]
    return scalar_text(raw)[:_LONGEST_RAW]


def scalar_of(candidate: Candidate) -> Scalar:
    """The raw value, a list as text; ticks and objects are no value of a plain field."""
    raw = candidate.raw
    if isinstance(raw, bool | dict):
        return None
    return raw_text(raw) if isinstance(raw, list) else raw


def source_of(candidate: Candidate) -> FieldSource:
    return FieldSource(
        raw=raw_text(candidate.raw), source=candidate.source, where=candidate.where, confidence=candidate.confidence
    )


def evidence_of(candidate: Candidate) -> Evidence:
    return Evidence(
        source=candidate.source, quote=raw_text(candidate.raw)[:500], where=candidate.where, detail=candidate.label
    )


def ranked(found: Iterable[Standing]) -> list[Standing]:
    """Best first; equals keep the order in which they were read."""
    return sorted(found, key=lambda s: (-s.level, -s.candidate.confidence))


def choose(
    found: Iterable[Standing],
    normalise: Callable[[Candidate], Any],
    *,
    draft: Draft | None = None,
    path: str | None = None,
) -> Chosen | None:
    """The best candidate that normalises to a value. With ``draft``, equals of another source that disagree conflict.

    An explicit empty correction (``None`` at a level above 0) clears the field.
    """
    best: Chosen | None = None
    level = 0
    for standing in ranked(found):
        if best is None and standing.level > 0 and standing.candidate.raw is None:
            return None
        value = normalise(standing.candidate)
        if value in (None, "", [], {}):
            continue
        if best is None:
            best, level = Chosen(value, standing.candidate), standing.level
        elif draft is not None and standing.level == level and _conflicts(path, best, value, standing.candidate):
            draft.raise_("FIELD_CONFLICT", _conflict_text(path, best, value, standing.candidate), path, best.candidate,
                         standing.candidate)  # fmt: skip
            return best
    return best


def keep_second_values(found: dict[str, list[Standing]], draft: Draft) -> None:
    """A second stated value of a field that takes one (another e-mail, another account) is kept aside, never lost.

    So is the newest answer to a field when nothing could be made of it: a person reads it beside what stands there.
    """
    used = {(source.source, source.where) for source in draft.sources.values()}
    known = {fold(source.raw) for source in draft.sources.values()} | {
        fold(str(value)) for value in draft.values.values()
    }
    for path in _SINGLE:
        for standing in found.get(path, []):
            candidate = standing.candidate
            text = fold(raw_text(candidate.raw))
            newest = standing.level == max(other.level for other in found[path])
            certain = candidate.confidence >= _WORTH_KEEPING and (standing.level == 0 or newest)
            if certain and text and (candidate.source, candidate.where) not in used and text not in known:
                draft.keep(candidate)


def _conflicts(path: str | None, best: Chosen, value: Any, candidate: Candidate) -> bool:
    if value == best.value:
        return False
    if candidate.source == best.candidate.source:
        alike = path in _ONE_ONLY and _form(value) == _form(best.value) and not _is_longer(value, best.value)
        return alike and best.candidate.confidence - candidate.confidence <= _ALIKE
    return best.candidate.confidence - candidate.confidence <= _CLOSE


def _form(value: Any) -> str:
    """The form of a number: a SIREN is no other SIRET. All names are of one form."""
    text = fold(scalar_text(value))
    return re.sub("[a-z]", "A", re.sub(r"\d", "9", text)) if any(map(str.isdigit, text)) else ""


def _is_longer(one: Any, other: Any) -> bool:
    """ "Blue Fern", "Blue Fern Limited" and "BLUE FERN LTD." are one name, the others said in full."""
    short, long = sorted(("".join(company_words(scalar_text(value))) for value in (one, other)), key=len)
    return short in long


def _conflict_text(path: str | None, best: Chosen, value: Any, candidate: Candidate) -> str:
    return f"{path}: {best.candidate.source} says {best.value!s}, {candidate.source} says {value!s}"[:500]
