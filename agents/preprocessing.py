"""Preprocessing: whatever came in becomes one canonical application, with the source of every field."""

from datetime import date

from agents.extraction import extract, prompt
from agents.failing import failed, helped
from agents.grounding import Source
from agents.merging import merge, stated_alone
from agents.sources import is_free_text, sources_of
from agents.talk import Talk
from onboarding.application import Application
from onboarding.model_call import ModelGaveUp
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.rules import HERE, Rules, RulesGaveUp, unfinished
from onboarding.screening import Watchlist
from onboarding.submission import Submission


async def preprocess(
    submission: Submission, *, as_of: date, policy: Policy, talk: Talk | None = None, rules: Rules = HERE
) -> Reading:
    """Read all parts of ``submission`` by rules, and with a model what rules may miss.

    ``as_of`` is today for every rule (dates, ages). The model fills what the rules left empty and contradicts
    aloud; it never replaces what they read. It is asked only about prose and documents, or when a required field is
    missing: a complete form costs nothing. When the rules give up nothing is read, and the finding says so.
    """
    try:
        reading = await rules.read(submission, as_of=as_of)
    except RulesGaveUp as reason:
        return Reading(application=Application(), findings=[unfinished("read", reason)])
    if talk is None or not await _worth_asking(submission, reading, policy, as_of, rules):
        return reading
    sources = sources_of(submission)
    if not sources:
        return reading
    try:
        return await helped(_with_model(reading, sources, talk, as_of))
    except ModelGaveUp as reason:
        return reading.model_copy(update={"findings": [*reading.findings, failed(prompt(), reason)]})


async def _with_model(reading: Reading, sources: list[Source], talk: Talk, as_of: date) -> Reading:
    extraction = await extract(sources, talk)
    stated = stated_alone(extraction, reading, [source.text for source in sources], as_of=as_of)
    merged = stated if talk.model.alone else merge(reading, stated)
    return merged.model_copy(update={"ungrounded": extraction.ungrounded})


async def _worth_asking(submission: Submission, reading: Reading, policy: Policy, as_of: date, rules: Rules) -> bool:
    if is_free_text(submission):
        return True
    nobody = Watchlist.empty()
    try:
        checked = await rules.check(reading, submission, priors=(), watchlist=nobody, policy=policy, as_of=as_of)
    except RulesGaveUp:
        return False
    return bool(checked.missing)
