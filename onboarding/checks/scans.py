"""Scans of every text that came in: hidden characters, mixed scripts, formulas, card numbers, size (policy 8, 2.1)."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from onboarding.checks.facts import Facts, Hit, Rule, clip
from onboarding.checks.texts import Text
from onboarding.finding import Evidence
from onboarding.masking import mask_cards
from onboarding.reading.text import remove_format

_WORDS: Final = re.compile(r"[^\W\d_](?:[^\W\d_]|[\u0300-\u036f])*")
_LATIN: Final = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿＡ-Ｚａ-ｚ]")
_CYRILLIC: Final = re.compile(r"[\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f]")
_GREEK: Final = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
_UNIT: Final = re.compile(r"[\u00b5\u03bc][a-zA-Z]{1,3}|[kKMGTmnp]?[\u03a9\u2126]")
_ARABIC_OR_INDIC: Final = re.compile(
    r"[\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\u0900-\u0dff\ua8e0-\ua8ff\ufb50-\ufdff\ufe70-\ufefc]"
)
_SUSPECTS: Final = re.compile(r"[^\x00-\xac\xae-\u05ff]|\xad")
_JOINERS: Final = "\u200c\u200d"

_CALL: Final = re.compile(
    r"[+\-@]\s*(?:[A-Z][A-Z0-9._]*|(?i:hyperlink|cmd|sum|webservice|importxml|dde|exec|concat\w*))\("
)
_COMMAND: Final = re.compile(r"[=+\-@].*\|.*!")


def hidden(facts: Facts) -> Iterator[Hit]:
    """Characters nobody sees (category Cf), but for those that ordinary writing needs (policy 8.1)."""
    for text in _originals(facts):
        at = first_hidden(text.text)
        if at is not None:
            name = unicodedata.name(text.text[at], "unnamed")
            message = f"The text contains U+{ord(text.text[at]):04X} ({name}), which cannot be seen."
            yield Hit("HIDDEN_CHARACTERS", message, None, (_evidence(text, at),))
            return


def first_hidden(text: str) -> int | None:
    """Where the first hidden character stands; None if there is none."""
    if text.isascii():
        return None
    return next((m.start() for m in _SUSPECTS.finditer(text) if _is_hidden(text, m.start())), None)


def _is_hidden(text: str, at: int) -> bool:
    char = text[at]
    if unicodedata.category(char) != "Cf" or (char == "\ufeff" and at == 0):
        return False
    if char in _JOINERS and at > 0:
        before, after = text[at - 1], text[at + 1 : at + 2]
        if _ARABIC_OR_INDIC.match(before):
            return False
        return not (char == "\u200d" and _is_emoji(before) and _is_emoji(after))
    return True


def _is_emoji(char: str) -> bool:
    """A pictograph, its variation selector, or its skin tone."""
    return bool(char) and (
        char == "\ufe0f" or unicodedata.category(char) in ("So", "Sk") or char in "\u2194\u2195\u20e3"
    )


def mixed_scripts(facts: Facts) -> Iterator[Hit]:
    """One word with letters of two of Latin, Cyrillic and Greek (policy 8.2)."""
    for text in _originals(facts):
        word = mixed_word(text.text)
        if word:
            at = max(0, text.text.find(word))
            message = f"The word {clip(word, 40)!r} mixes letters of different alphabets."
            yield Hit("HOMOGLYPH_MIXED_SCRIPT", message, None, (_evidence(text, at),))
            return


def mixed_word(text: str) -> str | None:
    """The first word that mixes alphabets; None if there is none. Micro and ohm signs before units do not count."""
    if not (_CYRILLIC.search(text) or _GREEK.search(text)):
        return None
    visible = remove_format(text)
    for word in dict.fromkeys(_WORDS.findall(visible)):
        if word.isascii():
            continue
        scripts = [script for script in (_LATIN, _CYRILLIC, _GREEK) if script.search(word)]
        if len(scripts) > 1 and not _UNIT.fullmatch(word):
            return str(word)
    return None


def formula(facts: Facts) -> Iterator[Hit]:
    """A normalised value that a spreadsheet would run (policy 8.4)."""
    values = [(path, value) for path, value in facts.app.flat().items() if isinstance(value, str)]
    extra = [(None, value) for value in facts.app.extra.values() if isinstance(value, str) and _runs(value.strip())]
    for path, value in [*values, *extra]:
        if value[0] in "=\t\r" or _runs(value):
            evidence = facts.evidence_of(path) or (Evidence(source="input", quote=clip(value)),)
            yield Hit("FORMULA_INJECTION", f"{clip(value, 60)} would run as a spreadsheet formula.", path, evidence)
            return


def _runs(value: str) -> bool:
    if value[:1] == "=":
        return re.match(r"=\s*[+\-@]?\s*[A-Za-z(\"]", value) is not None
    return _CALL.match(value) is not None or _COMMAND.match(value) is not None


def card_data(facts: Facts) -> Iterator[Hit]:
    """Card numbers: those masked at the door, and any that a part still carries (policy 8.5)."""
    for part in facts.submission.parts:
        places = list(part.masked_cards)
        if not places and part.format in ("json", "text", "csv"):
            places = mask_cards(part.content)[1]
        if places:
            evidence = tuple(Evidence(source=part.source, where=place) for place in places[:5])
            yield Hit("CARD_DATA_IN_INPUT", "A payment card number was sent with the application.", None, evidence)
            return


def oversize(facts: Facts) -> Iterator[Hit]:
    """One text longer than any ordinary answer."""
    limit = facts.policy.thresholds.text_oversize_chars
    for text in _originals(facts):
        if len(text.text) > limit and text.role != "raw":
            message = f"A text of {len(text.text)} characters; {limit} are ordinary."
            yield Hit("TEXT_OVERSIZE", message, None, (Evidence(source=text.source, where=text.where),))
            return


def _originals(facts: Facts) -> Iterator[Text]:
    return (text for text in facts.texts if text.role != "pair")


def _evidence(text: Text, at: int) -> Evidence:
    start = max(0, at - 30)
    return Evidence(source=text.source, where=text.place(at), quote=clip(text.text[start : at + 60], 90))


RULES: Final = (
    Rule("scans.hidden", 1, "policy 8.1", hidden),
    Rule("scans.mixed_scripts", 1, "policy 8.2", mixed_scripts),
    Rule("scans.formula", 1, "policy 8.4", formula),
    Rule("scans.card_data", 1, "policy 8.5", card_data),
    Rule("scans.oversize", 1, "policy 2.1", oversize),
)
