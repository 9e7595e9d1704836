"""Every rule, in one list, on one application: the only way validation runs."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from onboarding.assessment import Prior, Validation
from onboarding.checks import (
    address,
    amounts,
    bank,
    contact,
    delivery,
    entity,
    identifiers,
    injection,
    mcc,
    people,
    prohibited,
    scans,
    screening,
)
from onboarding.checks.facts import Facts, Hit, Rule
from onboarding.finding import SEVERITIES, Finding, finding
from onboarding.matching import compare
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.requirements import missing_of
from onboarding.screening import Watchlist
from onboarding.submission import Submission

RULES: Final[tuple[Rule, ...]] = (
    *entity.RULES,
    *identifiers.RULES,
    *address.RULES,
    *contact.RULES,
    *bank.RULES,
    *amounts.RULES,
    *mcc.RULES,
    *people.RULES,
    *screening.RULES,
    *scans.RULES,
    *injection.RULES,
    *prohibited.RULES,
    *delivery.RULES,
)


def check(
    reading: Reading,
    submission: Submission,
    *,
    priors: Sequence[Prior],
    watchlist: Watchlist,
    policy: Policy,
    as_of: date,
) -> Validation:
    """All findings (the reading's included), what is missing, and every screening hit.

    ``priors`` are earlier applications that share a look-up key; ``as_of`` is today for every rule. Findings are
    sorted by severity, worst first, then by code and place. Source: policy 2.1, 3, 5 to 9.
    """
    hits = screening.screen_all(reading.application, watchlist, policy.screening)
    facts = Facts(reading, submission, priors, watchlist, policy, as_of, hits)
    found = list(reading.findings)
    for rule in RULES:
        found += [_finding(facts, rule, hit) for hit in rule.check(facts)]
    limits = policy.thresholds
    found += compare(
        reading.application, priors, name_pct=limits.duplicate_name_pct, person_pct=limits.duplicate_person_pct
    )
    return Validation(findings=_sorted(found), missing=missing_of(facts), screening=hits)


def _finding(facts: Facts, rule: Rule, hit: Hit) -> Finding:
    evidence = facts.evidence_of(hit.path) if hit.evidence is None else hit.evidence
    return finding(hit.code, hit.message, raised_by=rule.name, path=hit.path, evidence=list(evidence))


def _sorted(found: Sequence[Finding]) -> list[Finding]:
    """Worst first, then by code and place; the same finding twice is one."""
    unique = {(item.code, item.path, item.message): item for item in reversed(found)}
    worst_first = {severity: -rank for rank, severity in enumerate(SEVERITIES)}
    return sorted(unique.values(), key=lambda it: (worst_first[it.severity], it.code, it.path or "", it.message))
