"""Reading with a model: which passage states which field. Code finds the passage and derives the value from it.

The model has no tools here and sees no personal detail (:mod:`agents.veil`). What it cannot quote does not count.
"""

import re
from typing import Annotated, Final

from langchain_core.messages import HumanMessage
from pydantic import Field

from agents.answers import Answer
from agents.grounding import Found, Grounds, Source
from agents.prompt import Prompt, fenced, load_prompt
from agents.talk import Talk
from agents.veil import Veil
from onboarding.finding import Evidence, Finding, finding
from onboarding.model import Value
from onboarding.reading.candidate import Candidate

CONFIDENCE: Final = 0.6
"""Below everything the rules read: a model's word is a hint that a person confirms."""
MOST_PERSONS: Final = 30
PATHS: Final = frozenset(
    {"legal_name", "trading_name", "entity_type", "country", "registration_number", "vat_number", "tax_id", "mcc"}
    | {"incorporation_date", "website", "business_description", "expected_annual_volume", "avg_ticket"}
    | {"address", "address.line1", "address.city", "address.region", "address.postal_code", "transactions_per_month"}
    | {"contact.name", "contact.email", "contact.phone", "bank.iban", "bank.account_number", "bank.bank_code"}
    | {"bank.branch_code", "bank.routing_number", "bank.holder"}
)
PERSON_FIELDS: Final = frozenset(
    {"name", "dob", "nationality", "national_id", "passport_number", "ownership_pct", "roles"}
)
_PERSON: Final = re.compile(r"persons\[(\d{1,2})\]\.([a-z_]+)")
Short = Annotated[str, Field(max_length=1_200)]


class StatedField(Answer):
    path: Annotated[str, Field(max_length=60)]
    value: Short
    quote: Short


class Suspicious(Answer):
    quote: Short


class ReadAnswer(Answer):
    """The shape of the reading model's answer."""

    fields: Annotated[list[StatedField], Field(max_length=200)]
    suspicious: Annotated[list[Suspicious], Field(max_length=20)]


class Extraction(Value):
    """What the model pointed at: candidates as every reader yields them, findings, how many claims had no ground."""

    candidates: list[Candidate] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)
    ungrounded: int = 0


def prompt() -> Prompt:
    return load_prompt("read_application")


async def extract(sources: list[Source], talk: Talk) -> Extraction:
    """Ask once. Raises ModelGaveUp; then nothing was extracted."""
    veil, left = Veil(), talk.model.limits.source_chars
    shown: list[Source] = []
    for source in sources:
        shown.append(Source(source.name, source.text[:left]))
        left = max(0, left - len(source.text))
    texts = [
        fenced(veil.hide(source.text), f"source {number}") for number, source in enumerate(shown, 1) if source.text
    ]
    answer, _ = await talk.ask(prompt(), [HumanMessage("\n\n".join(texts))], ReadAnswer)
    return ground(answer, Grounds(shown), veil)


def ground(answer: ReadAnswer, grounds: Grounds, veil: Veil) -> Extraction:
    """Keep what stands in the sources as the model says; drop and count the rest."""
    candidates: list[Candidate] = []
    ungrounded = 0
    stated: set[str] = set()
    for item in answer.fields:
        found = grounds.find_in(veil.show(item.value), veil.show(item.quote))
        if found is None or not is_path(item.path) or item.path in stated:
            ungrounded += 1
            continue
        stated.add(item.path)
        candidates.append(_candidate(item.path, found))
    passages = [grounds.find(veil.show(item.quote)) for item in answer.suspicious]
    findings = [_suspected(passage) for passage in passages if passage is not None and is_telling(passage.quote)][:1]
    return Extraction(
        candidates=candidates,
        findings=findings,
        ungrounded=ungrounded + sum(passage is None for passage in passages),
    )


def is_path(path: str) -> bool:
    """Whether ``path`` is one the model may fill."""
    person = _PERSON.fullmatch(path)
    return path in PATHS or bool(person and int(person[1]) < MOST_PERSONS and person[2] in PERSON_FIELDS)


def is_telling(quote: str) -> bool:
    """Whether a passage is long enough to prove anything: eight letters, or three where one says as much as a word."""
    return sum(3 if char > "\u2e7f" else 1 for char in quote if char.isalpha()) >= 8


def _candidate(path: str, found: Found) -> Candidate:
    return Candidate(
        path=path, raw=found.quote, source=found.source.name, where=found.where, label=None, confidence=CONFIDENCE
    )


def _suspected(passage: Found) -> Finding:
    return finding(
        "PROMPT_INJECTION_SUSPECTED",
        "A passage seems to address the reviewing machine.",
        raised_by=prompt().author,
        evidence=[Evidence(source=passage.source.name, quote=passage.quote, where=passage.where)],
    )
