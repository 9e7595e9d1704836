"""What the business does, in the payload's own words: sentences that speak of its trade, without the other facts
in them.

Greetings, requests and text addressed to the reviewing machine are no description (policy 1, 8.3); delivery delays
stay in.
"""

import re
from typing import Final

from onboarding.reading.prose_names import companies
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_values import Found

_LONGEST: Final = 2000
_MOST: Final = 4
_JOINT: Final = re.compile(
    r"[,;](?=\s)|\s-\s|\s—\s|、|\n(?=\s{0,4}[-*•])|(?<=\w)\s(?=(?:and|und|et|en|e|y|i|och)\s(?:our|unser"
    r"|unsere|notre|nos|onze|ons|il|lo|la|nasza|vår|the|de|der|die|das|le)\s)"
)
_MACHINE: Final = re.compile(
    r"\b(?:ignore|disregard|ignor\w+|vergiss|oublie\w*|negeer|desconsider\w+|zignoruj\w*"
    r"|bortse)\b.{0,60}\b(?:instruction|instru|rule|check|prompt|anweisung"
    r"|anleitung|regel|prüfung|consigne|vérification|opdracht|controle|regra|verifica|regole|polece"
    r"|instrukc|kontrol|regler)"
    r"|\b(?:system prompt|reviewing (?:model|system|ai)|language model|ai (?:model|reviewer|assistant"
    r"|system)|llm|risk_score|as an ai)\b"
    r"|\[\[|\]\]|<\||\|>|<!--|###\s*system|\brecommendation\b.{0,12}\bapprove|\bfindings?\b\s?[\"':=]{1,3}"
    r"|指示を無視|無視して.{0,10}承認|지시.{0,6}무시",
    re.I,
)
_TRAILING: Final = re.compile(
    r"[\s,;:.-]*(?:\b(?:and|und|et|en|e|y|i|och|at|on|under|unter|sur|op|em|no|na|en|su|pod|pa|på|via"
    r"|through|over|auf|bei|see|www|our website|site)\b[\s,;:.-]*)*$",
    re.I,
)
_LEADING: Final = re.compile(r"^[\s,;:.()*•-]+")
_OWN: Final = re.compile(
    r"\s*(?:(?:we|i|wir|ich|nous|je|wij|ik|vi|jag|noi|io|nosotros|eu|ja|my)\s(?!are\b|am\b|sind\b|bin\b|sommes\b|suis\b)"
    r"(?!zijn\b|ben\b|ar\b)|(?:we|i|wir|nous|wij|vi)\s(?:are|am|sind|sommes|zijn|ar)\s(?:an?|eine?|une?|een|en|ett)\s"
    r"|[a-z]{2,}(?:mos|iamo|[aeiu]my)\s|(?:faccio|hago|vendo|faco|robie|produco|creo|riparo|reparo)\s|somos\s|siamo\s|jestesmy\s)"
)
_ENGLISH: Final = re.compile(r"\b(?:the|our|we|we're|with)\b")
_APPOSED: Final = re.compile(
    r"(?: ?\([^()\n]{0,200}\))?,\s(?P<about>(?P<article>an?|ein|eine|une?|een|uma?|una?|un'|en|ett)\s[^\n.;(]{5,200}"
    r"|(?:[^\W\d_][\w'-]* ){0,4}(?:shop|store|studio|workshop|bakery|caf[eé]|restaurant|salon|atelier|boutique|laden"
    r"|werkstatt|winkel|tienda|taller|negozio|sklep|butik)\b[^\n.;,(]{0,80})"
)
_CJK: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def read_about(page: Page) -> list[Found]:
    """The business description, if the text says what is sold, made or done."""
    picked: list[tuple[int, str]] = []
    for start, end in page.sentences:
        text = _activity(page, start, end)
        if text:
            picked.append((start, text))
    picked = picked or _own_words(page) or _beside_site(page) or _apposition(page)
    if not picked:
        return []
    words = " ".join(_sentence_case(text) for _, text in picked[:_MOST])[:_LONGEST]
    first = picked[0][0]
    return [Found("business_description", first, first, words, "", 0.7)]


def is_for_machine(text: str) -> bool:
    """Whether a text speaks to the reviewing system instead of about the business."""
    return _MACHINE.search(text[:20_000]) is not None


def _activity(page: Page, start: int, end: int) -> str:
    """The clauses of one sentence from the first to the last that speaks of the trade, facts of other fields left
    out."""
    if not page.cues_in(start, end, "activity") or is_for_machine(page.text[start:end]):
        return ""
    clauses = _clauses(page, start, end)
    told = [
        number
        for number, clause in enumerate(clauses)
        if page.cues_in(*clause, "activity") and not _is_request(page, *clause)
    ]
    if not told:
        return ""
    kept = []
    for number, clause in enumerate(clauses):
        if number < told[0] or (_is_foreign(page, *clause) and number not in told):
            continue
        if number > told[-1] and (_is_foreign(page, *clause) or _is_request(page, *clause)):
            break
        kept.append(_plain(page, *clause))
    return _trim(", ".join(text for text in kept if text))


def _clauses(page: Page, start: int, end: int) -> list[tuple[int, int]]:
    clauses, at = [], start
    for match in _JOINT.finditer(page.plain, start, end):
        clauses.append((at, match.start()))
        at = match.end()
    clauses.append((at, end))
    return [(a, b) for a, b in clauses if page.plain[a:b].strip()]


def _is_foreign(page: Page, start: int, end: int) -> bool:
    """Whether a clause carries another field's fact."""
    if not page.is_free(start, end):
        return True
    kinds = ("email", "url", "iban", "percent", "amount", "phone", "date")
    return bool(page.spans_in(start, end, *kinds)) or bool(
        page.cues_in(start, end, "owner", "director", "volume", "ticket", "born")
    )


def _is_request(page: Page, start: int, end: int) -> bool:
    """A wish to us ("we would like to offer card payments"), not the trade."""
    asks = page.cues_in(start, end, "request")
    does = page.cues_in(start, end, "activity")
    return bool(asks) and (len(asks) >= len(does) or asks[0].start < does[0].start)


def _plain(page: Page, start: int, end: int) -> str:
    """A clause without the addresses, numbers and names that were read as other fields."""
    pieces, at = [], start
    cuts = [(span.start, span.end) for span in page.spans_in(start, end, "email", "url", "iban", "phone")]
    for low, high in cuts:
        pieces.append(_TRAILING.sub("", page.text[at:low]))
        at = high
    pieces.append(page.text[at:end])
    return " ".join(" ".join(pieces).split())


def _trim(text: str) -> str:
    text = _TRAILING.sub("", _LEADING.sub("", text)).strip()
    enough = len(text) >= 4 if _CJK.search(text) else len(text.split()) >= 2
    return text if enough else ""


def _sentence_case(text: str) -> str:
    return text if text.endswith((".", "!", "。")) else f"{text}。" if _CJK.search(text[-3:]) else f"{text}."


def _own_words(page: Page) -> list[tuple[int, str]]:
    """ "Wir brauen Bier und bewirten Gäste": a sentence of the writer's own doing, where no known trade word stands."""
    for start, end in page.sentences:
        for clause in _clauses(page, start, end):
            own = _OWN.match(page.low, *clause) and not page.cues_in(*clause, "request")
            if own and not _is_foreign(page, *clause) and not is_for_machine(page.text[start:end]):
                later = [c for c in _clauses(page, start, end) if c[0] > clause[0]]
                stop = next((c[0] for c in later if _is_foreign(page, *c)), end)
                text = _trim(page.text[clause[0] : max(clause[1], stop)])
                if len(text.split()) > 2:
                    return [(clause[0], text)]
    return []


def _apposition(page: Page) -> list[tuple[int, str]]:
    """ "We are X Ltd, a tea room and gift shop": what stands behind the merchant's name with an article."""
    for company in companies(page):
        match = _APPOSED.match(page.text, company.end)
        if match and match.group("article") in ("a", "an") and not _ENGLISH.search(page.low):
            continue  # "X SARL, a été créée": the verb, not the article
        if match and not _is_request(page, *match.span("about")):
            _, stop = page.sentence(match.start("about"))
            text = _trim(page.text[match.start("about") : min(match.end("about"), stop)])
            if text:
                return [(match.start("about"), text)]
    return []


def _beside_site(page: Page) -> list[tuple[int, str]]:
    """What follows a site behind a dash ("Site : … — épicerie fine"), where nothing else says what is done."""
    for span in page.spans:
        if span.kind != "url":
            continue
        _, stop = page.sentence(span.start)
        match = re.compile(r"\s{0,2}[-—–:,(]\s?(?P<about>[^\n]{8,300})").match(page.text, span.end, stop)
        if (
            match
            and not page.spans_in(match.start("about"), match.end("about"))
            and not _is_request(page, *match.span("about"))
        ):
            return [(match.start("about"), _trim(match.group("about")))]
    return []
