"""Postprocessing by rules: risk, recommendation, the reviewer's summary, and what to ask the merchant (policy 2)."""

from collections.abc import Sequence
from typing import Final

from onboarding.application import Application
from onboarding.assessment import Action, Assessment, Recommendation, Risk, RiskReason, Validation
from onboarding.finding import CATALOGUE, SEVERITIES, SEVERITY_OF, Finding
from onboarding.letters.fields import label
from onboarding.policy import Policy, RiskPolicy
from onboarding.reading.result import Reading
from onboarding.requirements import requirements_of

MISSING: Final = "MISSING_INFORMATION"
MOST_NAMED: Final = 2
"""So many findings, and one more of what is missing, the summary names; the others it counts."""


def assess(reading: Reading, validation: Validation, *, policy: Policy) -> Assessment:
    """Everything a reviewer is shown beside the application and its findings. A person decides; this only advises."""
    recommendation = recommend(validation.findings, validation.missing)
    risk = risk_of(validation.findings, validation.missing, policy.risk)
    return Assessment(
        recommendation=recommendation,
        risk=risk,
        summary=summarise(reading.application, validation, recommendation, risk),
        requirements=requirements_of(validation.missing, validation.findings),
    )


def recommend(findings: Sequence[Finding], missing: Sequence[str]) -> Recommendation:
    """``reject`` for any critical finding, ``review`` for any warning, high finding or missing field, else ``approve``.

    ``reasons`` name what led there: the codes, worst first, then ``MISSING:<path>``. Source: policy 2. Severities are
    read from the catalogue, so that a finding cannot be talked down.
    """
    severity = {found.code: SEVERITY_OF[found.code] for found in findings}
    ordered = sorted(severity, key=lambda code: (-SEVERITIES.index(severity[code]), code))
    blocking = [code for code in ordered if severity[code] != "info"]
    gaps = [f"MISSING:{path}" for path in missing]
    if critical := [code for code in ordered if severity[code] == "critical"]:
        return Recommendation(action="reject", reasons=[*critical, *(c for c in blocking if c not in critical), *gaps])
    if blocking or gaps:
        return Recommendation(action="review", reasons=[*blocking, *gaps])
    return Recommendation(action="approve")


def risk_of(findings: Sequence[Finding], missing: Sequence[str], policy: RiskPolicy) -> Risk:
    """Points by the policy's table, each code once, capped at 100; the level by its thresholds.

    Without a finding there is no risk to speak of; a critical finding is always high.
    """
    points = {code: policy.points_of(code) for code in {found.code for found in findings}}
    if missing:
        points[MISSING] = min(policy.missing_points_max, policy.missing_points * len(missing))
    reasons = [RiskReason(code=code, points=value) for code, value in points.items() if value]
    reasons.sort(key=lambda reason: (-reason.points, reason.code))
    score = min(100, sum(reason.points for reason in reasons))
    critical = any(SEVERITY_OF[found.code] == "critical" for found in findings)
    level = "high" if critical or score >= policy.high_from else "medium" if score >= policy.medium_from else "low"
    return Risk(score=score, level=level, reasons=reasons)


def summarise(app: Application, validation: Validation, recommendation: Recommendation, risk: Risk) -> str:
    """What a risk reviewer needs to decide in a minute: who, what, what stands out, and what is advised and why.

    The findings' own words, and all that is missing, stand in their lists; here is what weighs most.
    """
    advice = f"Recommended: {recommendation.action}, because {_because(recommendation.action, validation)}."
    lines = [
        _who(app),
        _what(app),
        _people(app),
        _stands_out(validation.findings, risk),
        _gaps(validation.missing),
        f"{advice} Risk {risk.level} ({risk.score} of 100).",
    ]
    return "\n".join(line for line in lines if line)


def _stands_out(findings: Sequence[Finding], risk: Risk) -> str:
    """The worst findings by what they mean, heaviest first, and how many others there are by severity."""
    weight = {reason.code: reason.points for reason in risk.reasons}
    blocking = {found.code for found in findings if SEVERITY_OF[found.code] != "info"}
    order = sorted(blocking, key=lambda code: (-SEVERITIES.index(SEVERITY_OF[code]), -weight.get(code, 0), code))
    if not order:
        return ""
    said = " ".join(CATALOGUE[code].meaning for code in order[:MOST_NAMED])
    others = [SEVERITY_OF[code] for code in order[MOST_NAMED:]]
    counted = ((others.count(level), level) for level in reversed(SEVERITIES) if level in others)
    rest = ", ".join(f"{count} {level}{'s' if level == 'warning' and count > 1 else ''}" for count, level in counted)
    return f"What stands out: {said}{f' And more findings: {rest}.' if rest else ''}"


def _gaps(missing: Sequence[str]) -> str:
    """The first of what is missing, in words, and how much more."""
    if not missing:
        return ""
    named = [label(path) for path in missing[: MOST_NAMED + 1]]
    more = len(missing) - len(named)
    return f"Still missing: {', '.join(named)}{f' and {more} more' if more else ''}."


def _because(action: Action, validation: Validation) -> str:
    if action == "reject":
        return "the policy does not allow what was found"
    if action == "approve":
        return "all required fields are there and nothing speaks against it"
    found = any(SEVERITY_OF[item.code] != "info" for item in validation.findings)
    return " and ".join(
        [
            *(["what was found has to be weighed"] if found else []),
            *(["something is missing"] if validation.missing else []),
        ]
    )


def _who(app: Application) -> str:
    name = _shown(app.legal_name) or "A merchant without a name"
    trading = (
        f" (trading as {_shown(app.trading_name)})" if app.trading_name and app.trading_name != app.legal_name else ""
    )
    kind = (app.entity_type or "entity of unknown form").replace("_", " ")
    since = f", since {app.incorporation_date}" if app.incorporation_date else ""
    return f"{name}{trading}: {kind} in {app.country or 'an unknown country'}{since}."


def _what(app: Application) -> str:
    business = f"{_shown(app.business_description, 200)} " if app.business_description else ""
    parts = [f"MCC {app.mcc}"] if app.mcc else []
    for what, money in (("expects", app.expected_annual_volume), ("average ticket", app.avg_ticket)):
        if money.amount:
            period = " a year" if what == "expects" else ""
            parts.append(f"{what} {money.amount} {money.currency or ''}".rstrip() + period)
    told = "; ".join(parts)
    return f"{business}{told[:1].upper()}{told[1:]}{'.' if parts else ''}".strip()


def _people(app: Application) -> str:
    people = []
    for person in app.persons[:8]:
        share = f" {person.ownership_pct:g} %" if person.ownership_pct else ""
        roles = ", ".join(role.replace("_", " ") for role in person.roles if role != "owner" or not share)
        detail = f"{share}{f' ({roles})' if roles else ''}"
        people.append(f"{_shown(person.name) or 'unnamed'}{detail}")
    more = f" and {len(app.persons) - 8} more" if len(app.persons) > 8 else ""
    return f"Owners and officers: {'; '.join(people)}{more}." if people else "Nobody is named as owner or officer."


def _shown(text: str | None, length: int = 80) -> str:
    """One line of at most ``length`` characters; what cannot be seen is left out."""
    line = " ".join("".join(char for char in text or "" if char.isprintable() or char.isspace()).split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def meaning_of(code: str) -> str:
    """One sentence on what a finding code means."""
    return CATALOGUE[code].meaning
