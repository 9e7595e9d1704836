"""Drafts from the case record: a summary for the reviewer, a letter for the merchant. Nothing follows from them.

Recommendation, reasons and risk stay what code computed. A draft that states a number the record does not know, or
a letter that says what no merchant may read, is dropped and counted.
"""

import json
import re
from typing import Annotated, Any, Final

from langchain_core.messages import HumanMessage
from pydantic import Field

from agents.answers import Answer, plain
from agents.masked import masked
from agents.prompt import Prompt, fenced, load_prompt
from agents.talk import Talk
from agents.veil import Veil
from onboarding.assessment import Assessment, Drafts, Validation
from onboarding.catalogue import CATALOGUE
from onboarding.reading.result import Reading

LONGEST_SUMMARY: Final = 1_500
LONGEST_LETTER: Final = 2_000
_NUMBER: Final = re.compile(r"\d[\d.,'’ \u00a0/-]*\d|\d")
_LINK: Final = re.compile(r"https?:|www\.|[\w.+-]+@[\w-]+\.|\[[^\]]*\]\(", re.IGNORECASE)
_NOT_FOR_MERCHANTS: Final = re.compile(
    r"sanction|screen|watch\s?list|suspic|suspect|fraud|launder|terror|\bpep\b|politically|risk|finding|recommend|reject|"
    r"approv|prohibit|injection|duplicate|\bcheck(?:s|ed)?\b|[A-Z]+_[A-Z_]+",
    re.IGNORECASE,
)
_DECIDES: Final = re.compile(
    r"\b(?:i|we) (?:have )?(?:approved?|rejected?|decided)\b|\bhas been (?:approved|rejected)\b", re.I
)


class WriteUp(Answer):
    """The shape of the writing model's answer."""

    summary: Annotated[str, Field(max_length=4_000)]
    letter: Annotated[str, Field(max_length=6_000)]


def prompt() -> Prompt:
    return load_prompt("write_up")


async def write_up(reading: Reading, checked: Validation, judged: Assessment, talk: Talk) -> tuple[Drafts, int]:
    """Ask once; the drafts that hold, and how many did not. Raises ModelGaveUp."""
    veil = Veil()
    record = _record(reading, checked, judged, veil)
    text = fenced(json.dumps(record, ensure_ascii=False, indent=1), "case record")
    answer, _ = await talk.ask(prompt(), [HumanMessage(text)], WriteUp)
    summary = plain(veil.show(answer.summary), LONGEST_SUMMARY)
    letter = plain(answer.letter, LONGEST_LETTER)
    good_summary = summary if _holds(summary, text) else None
    good_letter = letter if judged.requirements and _is_for_merchants(letter) else None
    dropped = sum(bool(said) and not good for said, good in ((summary, good_summary), (letter, good_letter)))
    return Drafts(author=prompt().author, summary=good_summary or None, letter=good_letter or None), dropped


def _record(reading: Reading, checked: Validation, judged: Assessment, veil: Veil) -> dict[str, Any]:
    """What the model may know of the case: no texts of findings (they may name other merchants), only their meaning."""
    findings = sorted({(item.code, item.path or "") for item in checked.findings})
    return {
        "application": masked(reading.application, veil),
        "findings": [
            {"code": code, "path": path, "severity": CATALOGUE[code].severity, "meaning": CATALOGUE[code].meaning}
            for code, path in findings
        ],
        "missing": checked.missing,
        "to_ask": [{"path": item.path, "why": item.why} for item in judged.requirements],
        "risk": {"score": judged.risk.score, "level": judged.risk.level},
        "recommendation": judged.recommendation.action,
    }


def _holds(summary: str, record: str) -> bool:
    """Whether every number of three digits or more, and every link, stands in the record, and nothing is decided."""
    if _LINK.search(summary) or _DECIDES.search(summary):
        return False
    known = _numbers(record)
    return all(any(other.startswith(number) for other in known) for number in _numbers(summary) if len(number) > 2)


def _is_for_merchants(letter: str) -> bool:
    """Whether a merchant may read it: nothing of checks, suspicion or decisions, no links, no long numbers."""
    forbidden = _LINK.search(letter) or _NOT_FOR_MERCHANTS.search(letter)
    return not forbidden and all(len(number) < 3 for number in _numbers(letter))


def _numbers(text: str) -> set[str]:
    """The digits of every number, without separators."""
    return {re.sub(r"\D", "", match[0]) for match in _NUMBER.finditer(text)}
