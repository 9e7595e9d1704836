"""Preprocessing: whatever came in becomes one canonical application, with the source of every field."""

from datetime import date

from agents.extraction import extract, prompt
from agents.failing import failed, helped
from agents.grounding import Source
from agents.merging import merge, stated_alone
from agents.sources import is_free_text, sources_of
from agents.talk import Talk
from onboarding.checks.run import check
from onboarding.model_call import ModelGaveUp
from onboarding.policy import Policy
from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Submission


async def preprocess(submission: Submission, *, as_of: date, policy: Policy, talk: Talk | None = None) -> Reading:
    """Read all parts of ``submission`` by rules, and with a model what rules may miss.

    ``as_of`` is today for every rule (dates, ages). The model fills what the rules left empty and contradicts
    aloud; it never replaces what they read. It is asked only about prose and documents, or when a required field is
    missing: a complete form costs nothing.
    """
    rules = read(submission, as_of=as_of)
    if talk is None or not _worth_asking(submission, rules, policy, as_of):
        return rules
    sources = sources_of(submission)
    if not sources:
        return rules
    try:
        return await helped(_with_model(rules, sources, talk, as_of))
    except ModelGaveUp as reason:
        return rules.model_copy(update={"findings": [*rules.findings, failed(prompt(), reason)]})


async def _with_model(rules: Reading, sources: list[Source], talk: Talk, as_of: date) -> Reading:
    extraction = await extract(sources, talk)
    stated = stated_alone(extraction, rules, [source.text for source in sources], as_of=as_of)
    reading = stated if talk.model.alone else merge(rules, stated)
    return reading.model_copy(update={"ungrounded": extraction.ungrounded})


def _worth_asking(submission: Submission, rules: Reading, policy: Policy, as_of: date) -> bool:
    if is_free_text(submission):
        return True
    nobody = Watchlist.empty()
    return bool(check(rules, submission, priors=(), watchlist=nobody, policy=policy, as_of=as_of).missing)
