"""Prohibited business (policy 9): judged by what the customer pays for and receives, not by single words.

A category is found by an unambiguous phrase, or by concepts that only together make the business: paying in, a game
of chance, and cashing out. A word that the text denies, or that stands beside what makes it innocent (a toy, a
bakery, a bath bomb), does not count.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice, product
from typing import Any, Final, NamedTuple

from onboarding.checks.beginnings import Beginnings
from onboarding.checks.facts import Facts, Hit, Rule, clip
from onboarding.checks.mcc import is_listed
from onboarding.checks.vocabulary import document, pattern, spoken
from onboarding.finding import Evidence
from onboarding.names import fold

TOGETHER: Final = 320
"""Concepts of one rule further apart than this many characters do not belong together."""
_CLAUSE: Final = re.compile(r"[.;!?。！？；\n•]|,? (?:but|sondern|mais|maar|mas|pero|ma|ale|utan|men) ")
_ANSWERED_NO: Final = re.compile(
    r"[^.\n:?]{0,60}[:?=|][\s:|.\-–]{0,60}(?:no|none|not applicable|n/?a|nein|keine?|non|aucune?|nee|geen|nao|nenhum\w*"
    r"|ninguno|nessun\w*|nie|brak|nej|ingen|inga|いいえ|なし|아니오|없음|false|0|\[ ?\]|☐)(?![^\W_])"
    r"|\s{0,60}(?:\[ ?\]|\( ?\)|☐)"
)
"""A question on a form, answered with no or left unticked: the form's words, not the merchant's business."""
_UNTICKED: Final = re.compile(r"(?:\[ ?\]|\( ?\)|☐)\s*$")
_GROUPED: Final = re.compile(r"(?<=\d)[.,](?=\d)")
_SIGNS: Final = str.maketrans("€£$¥₩", "eeeee")
_LONG: Final = 200_000
MOST_SCANNED: Final = 600_000
"""Characters looked at, five microseconds each: all that reading reads without saying that it was too much."""
_AROUND: Final = 200
"""Characters before and after a word that may say what it means there: further words of its clause are not asked."""
_INNOCENT: Final = 45
"""How near, in characters, the word must be that makes another one innocent."""
_MOST: Final = 60
"""Occurrences of one concept looked at; a text that repeats itself says nothing new."""


class Category(NamedTuple):
    """One kind of prohibited business, compiled. ``rules`` are sets of concepts that must occur together."""

    name: str
    what: str
    honest_mcc: frozenset[str]
    phrases: re.Pattern[str]
    concepts: dict[str, re.Pattern[str]]
    rules: tuple[tuple[str, ...], ...]
    own_denial: frozenset[str]
    innocent: re.Pattern[str]
    licensed: re.Pattern[str]


class Found(NamedTuple):
    """A category, and the span of the folded text that shows it."""

    category: Category
    start: int
    end: int


@cache
def categories() -> tuple[Category, ...]:
    """All categories of ``words/prohibited.toml``."""
    return tuple(_category(name, entry) for name, entry in document("prohibited").items() if name != "negation")


def _category(name: str, entry: dict[str, Any]) -> Category:
    return Category(
        name,
        str(entry["what"]),
        frozenset(entry["honest_mcc"]),
        pattern(entry["phrases"]),
        {concept: pattern(words) for concept, words in entry["concepts"].items()},
        tuple(tuple(rule) for rule in entry["rules"]),
        frozenset(entry.get("own_denial", [])),
        pattern(entry["innocent"]),
        pattern(entry.get("licensed", [])),
    )


@cache
def _denials() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """What denies all that follows in its clause, what denies up to the next comma, and what denies from behind."""
    negation = document("prohibited")["negation"]
    return pattern(negation["before"]), pattern(negation["until_comma"]), pattern(negation["after"])


def prohibited_in(text: str) -> Found | None:
    """The first prohibited business that a description describes; None for an honest one."""
    folded = _folded(text)
    return _found_in(folded, categories())


def _folded(text: str) -> str:
    return _plain(spoken(fold(text[:_LONG])))[:_LONG]


@cache
def _beginnings() -> Beginnings[tuple[str, str]]:
    """How the phrases (``""``) and concepts of each category begin."""
    words = {(each.name, ""): each.phrases.pattern for each in categories()}
    return Beginnings(words | {(each.name, c): p.pattern for each in categories() for c, p in each.concepts.items()})


def _possible(folded: str) -> list[Category]:
    """Categories whose words stand in ``folded``, whatever they mean there: most applications have none."""
    begun = _beginnings().possible(folded)

    def together(category: Category, rule: tuple[str, ...]) -> bool:
        if not all((category.name, concept) in begun for concept in rule):
            return False
        return all(category.concepts[concept].search(folded) for concept in rule)

    return [
        category
        for category in categories()
        if ((category.name, "") in begun and category.phrases.search(folded))
        or any(together(category, rule) for rule in category.rules)
    ]


def _found_in(folded: str, among: Sequence[Category]) -> Found | None:
    for category in among:
        span = _phrase(category, folded) or _combination(category, folded)
        if span and not category.licensed.search(folded):
            return Found(category, *span)
    return None


def _plain(folded: str) -> str:
    """Amounts as one word each ("1.000 €" → "1_000 e"), so that they separate no clause; the length stays."""
    return _GROUPED.sub("_", folded).translate(_SIGNS)


def _phrase(category: Category, folded: str) -> tuple[int, int] | None:
    matches = islice(category.phrases.finditer(folded), _MOST)
    return next((match.span() for match in matches if _stands(category, folded, match.span())), None)


def _combination(category: Category, folded: str) -> tuple[int, int] | None:
    @cache
    def spans(concept: str) -> list[tuple[int, int]]:
        return [match.span() for match in islice(category.concepts[concept].finditer(folded), _MOST)]

    for rule in category.rules:
        if not all(map(spans, rule)):  # stops at the first concept that is not there
            continue
        own = [span for concept in rule if concept in category.own_denial for span in spans(concept)]
        places = [_standing(category, concept, folded, spans(concept), own) for concept in rule]
        for found in product(*(place[:12] for place in places)):
            start, end = min(span[0] for span in found), max(span[1] for span in found)
            if end - start <= TOGETHER and _apart(found):
                return start, end
    return None


def _standing(
    category: Category, concept: str, folded: str, spans: list[tuple[int, int]], own: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Where a concept stands. ``own`` are spans of its rule whose "no" belongs to them and denies nothing else."""
    denied = concept not in category.own_denial
    return [span for span in spans if _stands(category, _blanked(folded, span, own), span, denied=denied)]


def _blanked(folded: str, span: tuple[int, int], own: list[tuple[int, int]]) -> str:
    for start, end in own:
        apart = end <= span[0] or start >= span[1]
        if apart and start < span[1] + _AROUND and end > span[0] - _AROUND:
            folded = f"{folded[:start]}{' ' * (end - start)}{folded[end:]}"
    return folded


def _apart(spans: tuple[tuple[int, int], ...]) -> bool:
    """Whether no two concepts are the very same words."""
    return all(a[1] <= b[0] or b[1] <= a[0] for i, a in enumerate(spans) for b in spans[i + 1 :])


def _stands(category: Category, folded: str, span: tuple[int, int], *, denied: bool = True) -> bool:
    """Whether the words at ``span`` mean what they say: neither denied nor innocent in their clause."""
    before, after = _clause_around(folded, span)
    if _ANSWERED_NO.match(folded, span[1]) or _UNTICKED.search(before):
        return False
    if category.innocent.search(f"{before[-_INNOCENT:]}{folded[span[0] : span[1]]}{after[:_INNOCENT]}"):
        return False
    if not denied:
        return True
    carries, until_comma, behind = _denials()
    if carries.search(before[-70:]) or until_comma.search(before[-70:].rpartition(",")[2]):
        return False
    return not behind.search(after[:45])


def _clause_around(folded: str, span: tuple[int, int]) -> tuple[str, str]:
    """What stands before and after ``span`` in its clause."""
    low, high = max(span[0] - _AROUND, 0), min(span[1] + _AROUND, len(folded))
    starts = [match.end() for match in _CLAUSE.finditer(folded, low, span[0])]
    stop = _CLAUSE.search(folded, span[1], high)
    return folded[starts[-1] if starts else low : span[0]], folded[span[1] : stop.start() if stop else high]


def description_texts(facts: Facts) -> Iterator[tuple[str, Evidence]]:
    """What says what the merchant sells: the description, and free text around it that no field took."""
    description = facts.app.business_description
    if description:
        quoted = facts.evidence_of("business_description")
        yield description, quoted[0] if quoted else Evidence(source="input", quote=clip(description))
    stated = facts.reading.provenance.get("business_description")
    if stated and stated.raw != description:  # the reader may have shortened it
        yield stated.raw, Evidence(source=stated.source, where=stated.where, quote=clip(stated.raw))
    for path, value in facts.app.extra.items():
        if isinstance(value, str) and value.count(" ") >= 3:
            yield value, Evidence(source="input", where=path, quote=clip(value))
    for text in facts.texts:
        if text.where is None and text.role in ("value", "decoded"):
            yield text.text, Evidence(source=text.source, where=text.place(0), quote=clip(text.text))


def _some(texts: Iterable[tuple[str, Evidence]]) -> Iterator[tuple[str, Evidence]]:
    """Each text once, as long as there is room for it."""
    left, seen = MOST_SCANNED, set()
    for text, evidence in texts:
        if text not in seen and left > 0:
            seen.add(text)
            left -= min(len(text), _LONG)
            yield text, evidence


def described_business(facts: Facts) -> tuple[Found, Evidence, str] | None:
    """The prohibited business found in any description, with evidence that quotes the words."""
    texts = [(_folded(text), text, evidence) for text, evidence in _some(description_texts(facts))]
    possible = _possible("\n\n".join(folded for folded, _, _ in texts))
    for folded, text, evidence in texts:
        found = _found_in(folded, possible)
        if found:
            scale = len(text) / max(1, len(folded))
            quote = text[int(found.start * scale) : max(int(found.end * scale) + 1, int(found.start * scale) + 20)]
            return found, evidence.model_copy(update={"quote": clip(quote.strip())}), text
    return None


def prohibited_business(facts: Facts) -> Iterator[Hit]:
    """A described business, or a merchant category code, that the policy never serves."""
    found = described_business(facts)
    mcc = facts.app.mcc
    if found:
        category, evidence = found[0].category, found[1]
        message = f"The description is of {category.what}."
        yield Hit("PROHIBITED_BUSINESS", message, "business_description", (evidence,))
        if mcc and is_listed(mcc) and mcc not in category.honest_mcc:
            words = f"MCC {mcc} is stated, but the description is of {category.what}."
            yield Hit("MCC_DESCRIPTION_MISMATCH", words, "mcc", (*facts.evidence_of("mcc"), evidence))
    elif mcc in facts.policy.prohibited.mccs:
        yield Hit("PROHIBITED_BUSINESS", f"The stated merchant category {mcc} is one we never serve.", "mcc")


RULES: Final = (Rule("prohibited.business", 1, "policy 9", prohibited_business),)
