"""Validation: every rule of the policy on the application as read, and what was found about it elsewhere."""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from typing import Final

from langchain_core.tools import BaseTool

from agents import extraction, investigation
from agents.failing import failed, helped
from agents.merging import MODEL, without_model
from agents.talk import Talk
from onboarding.assessment import Prior, Validation
from onboarding.finding import Evidence, Finding, finding
from onboarding.model_call import ModelGaveUp
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.rules import HERE, Rules, RulesGaveUp, unfinished
from onboarding.screening import Watchlist
from onboarding.submission import Submission

_MET_BY: Final = {"bank.account": ("bank.iban", "bank.account_number"), "tax_id_or_vat": ("tax_id", "vat_number")}
_MET_BY_PERSONS: Final = ("persons.owners", "persons.control_person")
_IN_A_PERSON: Final = re.compile(r"\.(?:name|ownership_pct|roles)$")


async def validate(
    reading: Reading,
    submission: Submission,
    *,
    priors: Sequence[Prior],
    watchlist: Watchlist,
    policy: Policy,
    as_of: date,
    talk: Talk | None = None,
    tools: Callable[[Validation], Sequence[BaseTool]] = lambda _: (),
    rules: Rules = HERE,
) -> Validation:
    """Run every rule, then let a model look for what rules miss.

    ``priors`` are earlier applications the ledger's look-up found; none of them is changed. ``tools`` gives the
    read-only look-ups the model may use on what the rules found, each with one text ``argument``. What the rules find
    on their own reading stands whatever the model read or said. When the rules give up nothing is checked, no model is
    asked, and the finding says so.
    """

    async def by_rules(given: Reading) -> Validation:
        return await rules.check(given, submission, priors=priors, watchlist=watchlist, policy=policy, as_of=as_of)

    try:
        checked = await _with_the_models_reading(reading, await by_rules(reading), by_rules)
    except RulesGaveUp as reason:
        return Validation(findings=[unfinished("checked", reason), *reading.findings], missing=[], screening=[])
    if talk is None:
        return checked
    known = [] if talk.model.alone else checked.findings
    try:
        result = await helped(investigation.investigate(reading, known, tools(checked), talk))
    except ModelGaveUp as reason:
        result = investigation.Investigation(findings=[failed(investigation.prompt(), reason)])
    kept = checked.findings
    if talk.model.alone:
        kept = [item for item in kept if item.raised_by.startswith(MODEL)]
    return checked.model_copy(update={"findings": _once([*kept, *result.findings]), "ungrounded": result.ungrounded})


async def _with_the_models_reading(
    reading: Reading, merged: Validation, by_rules: Callable[[Reading], Awaitable[Validation]]
) -> Validation:
    """Findings on both readings; a required field that only the model read is one of its own."""
    own = without_model(reading)
    if own.application == reading.application:
        return merged
    alone = await by_rules(own)
    gained = [path for path in alone.missing if path not in merged.missing]
    hits = [*merged.screening, *(hit for hit in alone.screening if hit not in merged.screening)]
    findings = _once([*alone.findings, *merged.findings, *(_gained(path, reading) for path in gained)])
    return merged.model_copy(update={"findings": findings, "screening": hits})


def _gained(path: str, reading: Reading) -> Finding:
    by_model = {at: source for at, source in reading.provenance.items() if source.extractor.startswith(MODEL)}
    evidence = [
        Evidence(source=source.source, quote=source.raw[:160], where=source.where, detail=at)
        for at, source in by_model.items()
        if at == path or at in _MET_BY.get(path, ()) or (path in _MET_BY_PERSONS and _IN_A_PERSON.search(at))
    ]
    message = f"{path} is required and only the model read it; compare it with what was written."
    return finding("FIELD_READ_BY_MODEL", message, raised_by=extraction.prompt().author, path=path, evidence=evidence)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Each code once a place, the first raised: the rules' before the model's."""
    return list({(item.code, item.path): item for item in reversed(list(findings))}.values())[::-1]
