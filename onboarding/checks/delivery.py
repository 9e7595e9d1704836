"""Paying long before receiving (policy 2.1 DELIVERY_DELAY_RISK)."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from onboarding.checks.facts import Facts, Hit, Rule, clip
from onboarding.checks.prohibited import description_texts
from onboarding.checks.vocabulary import alternatives, document, pattern, spoken
from onboarding.names import fold

NEAR: Final = 48
"""How far, in characters, a delay may stand from the word that says what it is of."""
DAYS_OF: Final = {"days": 1, "weeks": 7, "months": 30}
_CLAUSE: Final = re.compile(r"[.;!?。！？\n]")
_LONG: Final = 40_000


def delay_days(text: str) -> int | None:
    """The longest stated delay between payment and delivery, in days; None if none is stated or nobody prepays.

    A range counts with its upper end; a delay of something else (returns, warranty, contract) does not count.
    """
    folded = spoken(fold(text[:_LONG]))
    if not _words("prepaid").search(folded) or _words("paid_later").search(folded):
        return None
    delays = [_days(match) for match in _duration().finditer(folded) if _is_delivery(folded, match.span())]
    return max(delays, default=None)


def _is_delivery(folded: str, span: tuple[int, int]) -> bool:
    starts = [match.end() for match in _CLAUSE.finditer(folded, 0, span[0])]
    stop = _CLAUSE.search(folded, span[1])
    before = folded[max(starts[-1] if starts else 0, span[0] - NEAR) : span[0]]
    after = folded[span[1] : min(stop.start() if stop else len(folded), span[1] + NEAR)]
    nearest = f"{before.rpartition(',')[2][-30:]} | {after.partition(',')[0][:30]}"
    if _words("not_delivery").search(nearest):
        return False
    return _words("delivery").search(f"{before} | {after}") is not None


def _days(match: re.Match[str]) -> int:
    number = match["high"] or match["low"]
    value = int(number) if number.isdigit() else _spelt()[number]
    unit = next(unit for unit in DAYS_OF if match[unit])
    return value * DAYS_OF[unit]


@cache
def _spelt() -> dict[str, int]:
    pairs = (entry.split("=") for entry in document("delivery")["numbers"]["words"])
    return {word: int(value) for word, value in pairs}


@cache
def _duration() -> re.Pattern[str]:
    """A number or range with its unit: ``90 days``, ``6-8 weeks``, ``three months``, ``3か月``."""
    number = rf"\d{{1,3}}|(?<![^\W_])(?:{'|'.join(_spelt())})(?![^\W_])"
    units = "|".join(f"(?P<{unit}>{alternatives(document('delivery')[unit]['words'])})" for unit in DAYS_OF)
    to = r"\s*(?:-|–|—|~|〜|to|bis|a|tot|ate|hasta|do|till|or|or more)\s*"
    return re.compile(
        rf"(?<![\d.,])(?P<low>{number})(?:{to}(?P<high>{number}))?[\s-]*(?:working |business )?(?:{units})"
    )


@cache
def _words(concept: str) -> re.Pattern[str]:
    return pattern(document("delivery")[concept]["words"])


def delivery_delay(facts: Facts) -> Iterator[Hit]:
    """Customers pay first and wait longer than the policy's number of days."""
    limit = facts.policy.thresholds.delivery_delay_days
    for text, evidence in description_texts(facts):
        days = delay_days(text)
        if days is not None and days > limit:
            message = f"Customers pay first and wait about {days} days."
            shown = evidence.model_copy(update={"quote": clip(text)})
            yield Hit("DELIVERY_DELAY_RISK", message, "business_description", (shown,))
            return


RULES: Final = (Rule("delivery.delay", 1, "policy 2.1", delivery_delay),)
