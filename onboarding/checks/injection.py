"""Texts that address the reviewing machine and try to steer it (policy 8.3).

Ordinary business text may speak of systems, assistants, instructions and approvals. What gives an injection away is
its structure: somebody is told to set aside its own instructions, or a machine is addressed and told what to skip,
return, hide or send; or the text wears the markup or the output of a machine.
"""

import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from onboarding.checks.beginnings import Beginnings
from onboarding.checks.facts import Facts, Hit, Rule, clip
from onboarding.checks.vocabulary import UNSPACED, alternatives, document, pattern, spoken
from onboarding.finding import Evidence
from onboarding.names import fold

ENOUGH: Final = 3
WINDOW: Final = 420
"""Signs further apart than this many characters do not belong together."""
LONGEST: Final = 200_000
MOST_SCANNED: Final = 1_000_000
"""Characters looked at, two microseconds each: all that reading reads without saying that it was too much."""
_EACH: Final = 20
"""What a text costs however short it is, in characters."""

_MARKUP: Final = re.compile(
    r"\[\[\s*+/?\s*+(?:assistant|system|user|developer|tool|inst)\b[^\]]{0,40}\]\]|<\|[\w /-]{2,40}\|>"
    r"|</?(?:system|assistant|system_prompt|system-prompt|sys|tool_call|function_calls?|im_start)\b[^>]{0,60}>"
    r"|<<\s*/?SYS\s*>>|\[/?INST\]|\[(?:system|assistant|ai|admin)[ _](?:note|message|prompt|override|instructions?)\b"
    r"|^\s{0,3}#{1,6}\s*(?:system|assistant|developer)(?: (?:prompt|message|note|instructions?))?\s*(?::|$)"
    r"|^[^\S\n]*+(?:system|assistant)\s*(?:prompt|message|override)\s*:"
    r"|\b(?:begin|end) (?:of )?(?:the )?system prompt\b"
    r"|^[^\S\n]*+(?:tool|function)[ _](?:result|output|response|call)\s*:"
    r"|^[^\S\n]*+(?:system|assistant)\s*:\s*"
    r"(?:you |ignore|approve|verified|set |all checks|this (?:merchant|application))",
    re.I | re.M,
)
_APPROVES: Final = (
    r"(?:approv\w*|accept\w*|genehmig\w*|approuv\w*|goedkeur\w*|goedgekeurd|aprov\w*|aprob\w*|zatwierd\w*|godkan\w*"
    r"|承認|승인|批准|通过|odobr\w*|الموافقة|موافق\w*)"
)
_ADVICE: Final = (
    r"(?:recommendation|recommended[ _]action|verdict|empfehlung|recommandation|aanbeveling|recomendacao|recomendacion"
    r"|raccomandazione|rekomendacja|rekommendation|推奨|추천|建议|rekomendatsiya|التوصية)"
)
_TO: Final = r"[\"'*`]*\s{0,3}(?::|=|：|->|=>|\b(?:to|as|auf|a|op|como|su|na|till)\b)\s{0,3}[\"'*`]*"
_OUTPUT: Final = re.compile(
    rf"{_ADVICE}{_TO}{_APPROVES}"
    r"|\brisk_(?:score|level|rating)[\"'`]*\s{0,3}(?::|=|\bto\b)\s{0,3}[\"'`]*(?:0\b|low\b|none\b|zero\b)"
    r"|[\"'`]?\b(?:findings|red_?flags|sanctions_?hits)[\"'`]?\s{0,3}(?:[:=]|\bto\b)\s{0,3}[\"'`]?(?:\[\s{0,3}\]|none\b|null\b|empty\b)"
    r"|[\"'](?:decision|outcome|status|action)[\"']\s{0,3}:\s{0,3}[\"'](?:approved?|accept(?:ed)?|cleared)[\"']"
    r"|\b(?:decision|action)\s{0,3}[:=]\s{0,3}[\"']?approve\b"
)
_SENTENCE: Final = re.compile(r"[.!?;](?=\s|$)|[。！？；]|\n\s*\n")
_LEADING: Final = re.compile(
    r"(?:^|[^\w\s]\s*|\b(?:please|and|then|must|should|shall|now|also|just|simply|always|you|or|instead|kindly|only|but"
    r"|(?:instructed|asked|told|required|need|needs|have|has|ordered|requested) to)\s+|\n\s*)$"
)
"""What stands before an English verb that gives an order; after a subject it only tells what somebody does."""
_ENGLISH_VERBS: Final = re.compile(
    r"(?:ignore|disregard|forget|skip|bypass|override|overrule|omit|suppress|waive|disable|turn off|circumvent|set|mark"
    r"|return|respond|reply|answer|output|print|classify|rate|label|assign|change|report|treat|consider|write|give|score"
    r"|hide|conceal|send|e-?mail|forward|upload|post|transmit|leak|reveal|show|repeat|exfiltrate|disclose|share)\b"
)


_Span = tuple[int, int]


class _Sign(NamedTuple):
    """One thing a text does, where, and how much it says: each kind counts once."""

    kind: str
    weight: int
    start: int
    end: int


def injection(facts: Facts) -> Iterator[Hit]:
    """The first text, key or pair that tries it; the finding quotes it."""
    left = MOST_SCANNED
    for text in facts.texts:
        left -= min(len(text.text), LONGEST) + _EACH
        if left < 0:
            return
        found = steering(text.text, pair=text.role == "pair")
        if found:
            what, start, end = found
            quote = clip(text.text[start : max(end, start + 40)])
            evidence = (Evidence(source=text.source, where=text.place(start), quote=quote, detail=what),)
            yield Hit("PROMPT_INJECTION_SUSPECTED", f"A text {what}.", None, evidence)
            return


def steering(text: str, *, pair: bool = False) -> tuple[str, int, int] | None:
    """How a text tries to steer the machine, and the span that shows it; None for ordinary text.

    A ``pair`` (a key and its value) is only looked at as a machine's output.
    """
    text = text[:LONGEST]
    if match := _MARKUP.search(text):
        return "imitates the markup of a machine's conversation", *match.span()
    folded = fold(text)[: 2 * LONGEST]
    if match := _OUTPUT.search(folded):
        return "contains ready-made machine output", *_original(text, folded, match.span())
    if pair or not (UNSPACED.search(folded) or folded.count(" ") > 1):  # two words tell nobody to do anything
        return None
    if signs := _addressed(spoken(folded)):
        return "addresses the reviewing machine and tells it what to do", *_original(text, folded, signs)
    return None


def _original(text: str, folded: str, span: tuple[int, int]) -> tuple[int, int]:
    """A span of the folded text in the original: exact where folding kept the length, else near enough to quote."""
    if not folded:
        return 0, 0
    scale = len(text) / len(folded)
    return int(span[0] * scale), int(span[1] * scale)


def _addressed(folded: str) -> _Span | None:
    signs = sorted(_signs(folded), key=lambda sign: sign.start)
    window: deque[_Sign] = deque()
    for sign in signs:
        window.append(sign)
        while sign.start - window[0].start > WINDOW:
            window.popleft()
        kinds = {near.kind: near.weight for near in sorted(window, key=lambda near: near.weight)}
        if sum(kinds.values()) >= ENOUGH and max(kinds.values()) > 1:
            return window[0].start, max(near.end for near in window)
    return None


def _signs(folded: str) -> Iterator[_Sign]:
    begun, found = _beginnings().possible(folded), dict[str, list[_Span]]()
    if not begun:
        return
    breaks = [match.start() for match in _SENTENCE.finditer(folded)]

    def near(span: _Span, concept: str, distance: int) -> _Span | None:
        return _near(span, spans(concept), distance, breaks)

    def spans(concept: str) -> list[_Span]:
        if concept not in found:
            matches = _words(concept).finditer(folded) if concept in begun else ()
            found[concept] = [m.span() for m in matches if concept not in _VERBS or _orders(folded, m)]
        return found[concept]

    yield from (_Sign("forget", 3, *span) for span in spans("forget_all"))
    for verb in spans("ignore"):
        if instruct := near(verb, "instructions", 50):
            earlier = _beside(spans("previous"), verb, instruct)
            yield _Sign("forget", 3 if earlier else 2, *_join(verb, instruct))
        if prompt := near(verb, "system_prompt", 45):
            yield _Sign("forget", 3, *_join(verb, prompt))
        if checks := near(verb, "checks", 45):
            yield _Sign("skip", 2, *_join(verb, checks))
    for verb in spans("set"):
        result = near(verb, "result", 45)
        if good := near(result, "good", 30) if result else near(verb, "good", 32):
            yield _Sign("return", 2, *_join(verb, good, result or good))
    for verb in spans("hide"):
        if thing := near(verb, "hidden", 45):
            yield _Sign("hide", 2, *_join(verb, thing))
    for verb in spans("send"):
        if thing := near(verb, "secret", 45):
            yield _Sign("send", 2, *_join(verb, thing))
        if thing := near(verb, "system_prompt", 45):
            yield _Sign("send", 3, *_join(verb, thing))
    yield from (_Sign("address", 1, *span) for span in spans("role"))
    if "machine" in begun and _words("machine").search(folded):
        yield from (_Sign("address", 1, *match.span()) for match in _address().finditer(folded))


_VERBS: Final = frozenset({"ignore", "set", "hide", "send"})


def _orders(folded: str, verb: re.Match[str]) -> bool:
    """Whether an English verb stands where an order stands; other languages show an order by their forms."""
    if not _ENGLISH_VERBS.match(verb[0]):
        return True
    return _LEADING.search(folded[max(0, verb.start() - 24) : verb.start()]) is not None or verb.start() == 0


def _join(*spans: _Span) -> _Span:
    return min(span[0] for span in spans), max(span[1] for span in spans)


def _near(span: _Span, others: list[_Span], distance: int, breaks: list[int]) -> _Span | None:
    """The closest of ``others`` within ``distance`` characters of ``span``, in its sentence and not overlapping it."""
    at = bisect_left(others, span)
    close = []
    for other in others[max(0, at - 3) : at + 3]:
        gap = max(other[0] - span[1], span[0] - other[1])
        low, high = _join(span, other)
        if 0 <= gap <= distance and bisect_left(breaks, low) == bisect_left(breaks, high):
            close.append((gap, other))
    return min(close)[1] if close else None


def _beside(others: list[_Span], one: _Span, other: _Span) -> bool:
    """Whether one of ``others`` (in order) stands between two spans or right beside them."""
    low, high = _join(one, other)
    at = bisect_left(others, (low - 25, 0))
    return at < len(others) and others[at][1] <= high + 25


@cache
def _words(concept: str) -> re.Pattern[str]:
    return pattern(document("injection")[concept]["words"])


@cache
def _beginnings() -> Beginnings[str]:
    """How the words of each concept begin."""
    return Beginnings({name: _words(name).pattern for name in document("injection")})


def _alternatives(concept: str, *, whole: bool = True) -> str:
    return alternatives(document("injection")[concept]["words"], whole=whole)


@cache
def _address() -> re.Pattern[str]:
    """The machine spoken to: named by what it does here, greeted, or called before a colon or comma.

    No match is without one of its names, the words of the concept ``machine``.
    """
    machine, reviewing = _alternatives("machine"), _alternatives("reviewing")
    to = _alternatives("to", whole=False)
    spoken_to = r"\s*(?:[:,]|must|should|shall|please|soll|muss|doit|deve|debe)"
    system = rf"(?<!\w)(?:systeme?|systems|sistema|systemet|algorithms?)\b(?!{spoken_to})"
    return re.compile(
        rf"(?:{reviewing})[\s\-の·]{{0,3}}(?!{system})(?:{machine})"
        rf"|(?!{system})(?:{machine})[\s\-]{{0,3}}(?![a-z]*s\b)(?:{reviewing})"
        rf"|(?:{to})(?:[^\W\d_]+\s){{0,2}}?(?:{machine})\s*(?:[:,，：、!.\-–—]|that |who |which |processing |reading )"
        rf"|(?:(?:^|[.!?;:>(*#\"'])\s*+|\n[^\S\n]*+)(?:-\s++)?(?:{machine})\s*[:,，：、!]"
        rf"|(?:{machine})(?:へ|への|に告ぐ|님|에게|，请|,请|请)"
    )


RULES: Final = (Rule("injection.steering", 1, "policy 8.3", injection),)
