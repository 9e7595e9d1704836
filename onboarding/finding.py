"""Findings: what a check noticed, how bad it is, and the evidence beside the claim."""

from collections.abc import Collection, Iterable
from typing import Any, Final

from pydantic import Field

from onboarding.catalogue import CATALOGUE, SEVERITIES, CodeEntry, Severity
from onboarding.model import Value

__all__ = [
    "CATALOGUE",
    "SEVERITIES",
    "SEVERITY_OF",
    "CodeEntry",
    "Evidence",
    "Finding",
    "Severity",
    "cited",
    "cited_case",
    "finding",
    "unquoted",
]


class Evidence(Value):
    """Where a claim can be checked.

    ``source`` names what was looked at (``input``, ``answer-2``, ``document:passport.pdf``, ``watchlist@<hash>``,
    ``case:<id>``); ``where`` is the place in it (a JSON path, ``line 3, column 7``, ``row 1, column ubo1_geb``,
    ``page 2``); ``quote`` is the passage as written; ``detail`` carries what a reader needs beside it.
    """

    source: str
    quote: str | None = None
    where: str | None = None
    detail: str | None = None


class Finding(Value):
    """One code raised at one place. ``path`` is a field path or None for the whole application.

    ``raised_by`` is ``rule:<id>@<version>`` or ``model:<prompt id>@<version>``.
    """

    code: str
    severity: Severity
    path: str | None = None
    message: str
    evidence: list[Evidence] = Field(default_factory=list)
    raised_by: str


SEVERITY_OF: Final[dict[str, Severity]] = {code: entry.severity for code, entry in CATALOGUE.items()}
"""The closed vocabulary and how bad each code is (policy 2.1)."""


def finding(
    code: str,
    message: str,
    *,
    raised_by: str,
    path: str | None = None,
    evidence: list[Evidence] | None = None,
) -> Finding:
    """A finding with the severity its code has in the catalogue. Raises KeyError for an unknown code."""
    return Finding(
        code=code, severity=SEVERITY_OF[code], path=path, message=message, evidence=evidence or [], raised_by=raised_by
    )


_CASE: Final = "case:"


def cited_case(source: Any) -> str | None:
    """The id of the case that this source of evidence names; None for every other source."""
    return source.removeprefix(_CASE) if isinstance(source, str) and source.startswith(_CASE) else None


def cited(findings: Iterable[Finding]) -> set[str]:
    """The other cases that the findings name as evidence."""
    sources = (evidence.source for found in findings for evidence in found.evidence)
    return {case_id for source in sources if (case_id := cited_case(source))}


def unquoted(findings: list[Finding], hidden: Collection[str]) -> list[Finding]:
    """The same findings without these cases: which they are, how many, and in what they are alike. The code stays."""
    return [_unquoted(found, hidden) for found in findings]


def _unquoted(found: Finding, hidden: Collection[str]) -> Finding:
    kept = [evidence for evidence in found.evidence if cited_case(evidence.source) not in hidden]
    if len(kept) == len(found.evidence):
        return found
    return found.model_copy(update={"evidence": kept, "message": CATALOGUE[found.code].meaning})
