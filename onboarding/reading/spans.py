"""What a value's own shape gives away: addresses of mail and web, accounts, dates, percentages, amounts, phones,
numbers.

Spans do not overlap; the more telling shape wins. All patterns are linear (bounded repeats, no nesting).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.bank import iban_length
from onboarding.reading.shapes import flat, shape
from onboarding.reading.vocabulary import load_words


class Span(NamedTuple):
    """A piece of text by shape. ``kind``: email, url, iban, date, year, percent, amount, phone or number."""

    kind: str
    start: int
    end: int


_EAST: Final = r"\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_W: Final = rf"[^\W{_EAST}]"
"""A word character of a script that puts blanks between words: a value may stand right against kana, Han or Hangul."""
_NUM: Final = r"\d{1,15}(?:[.,' ]\d{2,3}(?!\d)){0,6}(?:[.,]\d{1,2}(?!\d))?"
_MULTIPLIER: Final = (
    r"(?:\s?(?:k|m|teur|tkr|t€|mkr|tsd\.?|tys\.?|mille|mil|mio\.?|mln\.?|mn|tausend|thousand|grand|million(?:en|s|es|er)?"
    r"|miljoen|milhoes|milhao"
    r"|millones|milioni|mila|tusen|miljoner|lakhs?|crores?|tysiecy|milionow|k€|百万|千万|万|億|천만|백만|만|억|천)(?![^\W\d_]{2}))"
)
_CODES: Final = (
    r"eur|usd|gbp|chf|sek|nok|dkk|pln|czk|huf|brl|mxn|cad|aud|nzd|jpy|krw|inr|sgd|hkd|aed|sar|kwd|bhd|omr|qar"
    r"|jod|tnd|zar|cny|try|ils"
)
_WORDS: Final = (
    r"euros?|pounds?|quid|dollars?|bucks|franken|francs?|zl(?:oty(?:ch)?)?|kr(?:onor|oner|\.)?|yen|won"
    r"|reais|real|pesos?|rands?|dirhams?"
    r"|rupees|円|원|元"
)
_SIGN: Final = r"(?:[a-z]{1,2}\$|r\$|rs\.?|us\$|[€£$¥₩₹￥￦฿₺]|r(?=\s?\d))"
_UNIT: Final = rf"(?:\s?(?:[€£$¥₩₹]|(?:{_CODES}|{_WORDS})(?![^\W\d_])))"
_TO: Final = rf"(?:\s?(?:-|~|to|bis|a|tot|till|do|al|ate|e|and|und|から|에서)\s?(?:{_SIGN}\s?)?)"
_ONE: Final = rf"{_NUM}(?:[.,]?\s?[-.]-?(?=\s|$|[a-z]))?{_MULTIPLIER}{{0,2}}"
_AMOUNT: Final = re.compile(
    rf"(?<!{_W})(?<![.,])\s?(?:(?:{_CODES}"
    rf"|{_SIGN})\s?)?{_NUM}(?:[.,]\d{{1,3}})?\s?[万億만억천백]{{1,2}}(?:\s?\d{{1,4}}\s?[万만천]{{0,2}})?\s?(?:円|원)?"
    rf"|(?<!{_W})(?<![.,])\s?(?:(?:{_CODES}|{_SIGN})\s?)?{_NUM}\s?(?:円|원)"
    rf"|(?<!{_W})(?<![.,])-?\s?(?:(?:{_CODES}|{_SIGN})\s?-?)?{_ONE}{_UNIT}?(?:{_TO}{_ONE}{_UNIT}?)?(?!{_W}|[@%])"
)
_MONEY: Final = re.compile(
    rf"[€£$¥₩₹￥￦]|(?<![^\W\d_])(?:{_CODES}|{_WORDS}|r\$)(?![^\W\d_])|円|원"
    rf"|(?<=\d){_MULTIPLIER}|\d{{1,3}}[.,' ]\d{{3}}"
)
_EMAIL: Final = re.compile(
    rf"(?<!{_W})(?<![.+%'-])(?:{_W}|[.+%'-]){{1,64}}@(?:{_W}|-){{1,63}}(?:\.(?:{_W}|-){{1,63}}){{1,8}}"
)
_TLD: Final = (
    "com|org|net|info|biz|io|co|app|shop|store|online|site|eu|de|at|ch|fr|be|nl|lu|pt|br|es|mx|it|pl|se"
    "|no|dk|fi|uk|ie|us|ca|au|nz|jp|kr|in|sg"
    "|za|ae|mt|hk|cn|example|test|dev|me|tv|cafe|bike|berlin|paris|london|tokyo"
)
_URL: Final = re.compile(
    rf"(?<!{_W})(?<![@/.])(?:https?:/{{1,2}}[^\s<>\"'()\[\]{{}},;|{_EAST}、。）」】]{{3,300}}"
    rf"|www\.(?:{_W}|-){{1,63}}(?:\.(?:{_W}|-){{1,63}}){{1,6}}(?:/[^\s<>\"'(),;|、。）]{{0,200}})?"
    rf"|(?:{_W}|-){{2,63}}(?:\.(?:{_W}|-){{1,63}}){{0,5}}\.(?:{_TLD})(?!{_W}|[@-]"
    rf"|\.{_W})(?:/[^\s<>\"'(),;|]{{0,200}})?)",
    re.I,
)
_IBAN: Final = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?(?![A-Z0-9])")
_BREAK: Final = r"(?:[ -]|[ \t]?\n[ \t>]{0,4})?"
_WRAPPED_IBAN: Final = re.compile(
    rf"(?<![A-Z0-9])[A-Z]{{2}}\d{{2}}(?:{_BREAK}[A-Z0-9]{{4}}){{2,7}}(?:{_BREAK}[A-Z0-9]{{1,3}})?(?![A-Z0-9])"
)
_PERCENT: Final = re.compile(
    rf"(?<!{_W})(?<![.,])\d{{1,3}}(?:[.,]\d{{1,4}})?\s?(?:%|percent\b|per cent\b|prozent\b|procent\b|pour "
    rf"cent\b|por cento\b|por ciento\b|per cento\b"
    r"|proc\.|pct\b|パーセント|퍼센트|프로)"
)
_PHONE: Final = re.compile(rf"(?<!{_W})(?<![.,])(?:\+|00)?\(?\d[\d ()/.-]{{5,22}}\d(?!{_W}|[@%])")
_AMERICAN: Final = re.compile(r"(?:1[ -.])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}")
_NUMBER: Final = re.compile(rf"(?<!{_W})\d(?:{_W}|[.,/-]){{0,40}}")


@lru_cache(maxsize=1)
def _dates() -> re.Pattern[str]:
    words = sorted({flat(word) for names in load_words("months").values() for word in names}, key=len, reverse=True)
    month = rf"(?:{'|'.join(map(re.escape, words))})\.?"
    of = r"(?:de |of |d'|do |del |di )?"
    era = r"(?:令和|平成|昭和|大正)\s?(?:元|\d{1,2})\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日"
    return re.compile(
        rf"{era}|\d{{4}}\s?[年년]\s?\d{{1,2}}\s?[月월]\s?\d{{1,2}}\s?[日일]"
        rf"|(?<![\w.])\d{{1,2}}(?:st|nd|rd|th|er|re|o|a|°|:?e|\.)?(?:\s{{1,3}}|-){of}{month},?(?:\s{{1,3}}"
        rf"|-)(?:de |del |of |do )?\d{{4}}(?!\d)(?:\s?r\.)?"
        rf"|(?<!\w){month}\s{{1,3}}\d{{1,2}}(?:st|nd|rd|th)?,?\s{{1,3}}\d{{4}}(?!\d)"
        rf"|(?<![\w.])\d{{4}}\s{{0,1}}{month}\s?\d{{1,2}}(?!\d)"
        r"|(?<![\w.,/-])\d{4}\.\s?\d{1,2}\.\s?\d{1,2}(?![\d/-])\.?"
        r"|(?<![\w.,/-])\d{4}([-/])\d{1,2}\1\d{1,2}(?![\w/-])"
        r"|(?<![\w.,/-])\d{1,2}([./-])\s?\d{1,2}\2\s?\d{4}(?![\d/-])"
        r"|(?<![\w.,/-])[rhs]\d{1,2}([./-])\d{1,2}\3\d{1,2}(?![\w/-])"
    )


def spans(text: str) -> list[Span]:
    """All spans of ``text`` in order of place. Offsets are those of ``text``; never raises."""
    plain, low = shape(text), flat(text)
    if len(plain) != len(text) or len(low) != len(
        text
    ):  # never for what ``shape`` maps; the price of a wrong place is high
        return []
    taken = bytearray(len(text))
    found: list[Span] = []
    for kind, matches in _finders(plain, low):
        for start, end in matches:
            end = _trimmed(plain, start, end)
            start += len(plain[start:end]) - len(plain[start:end].lstrip())
            if end > start and not any(taken[start:end]):
                taken[start:end] = b"\x01" * (end - start)
                found.append(Span(kind, start, end))
    return sorted(found, key=lambda span: span.start)


def _finders(plain: str, low: str) -> Iterator[tuple[str, Iterator[tuple[int, int]]]]:
    yield "email", (match.span() for match in _EMAIL.finditer(plain))
    yield "url", (match.span() for match in _URL.finditer(plain))
    yield "iban", (match.span() for match in _WRAPPED_IBAN.finditer(plain) if _is_one_account(match.group()))
    yield "iban", (match.span() for match in _IBAN.finditer(plain))
    yield "date", (match.span() for match in _dates().finditer(low))
    yield "percent", (match.span() for match in _PERCENT.finditer(low))
    yield "phone", (match.span() for match in _PHONE.finditer(plain) if _is_phone(plain, match))
    yield "amount", (match.span() for match in _AMOUNT.finditer(low) if _MONEY.search(match.group()))
    yield "number", (match.span() for match in _NUMBER.finditer(plain))


def _is_one_account(written: str) -> bool:
    """Whether letters over a line's end are one account: as long as its country has them, and with its check digits."""
    bare = "".join(filter(str.isalnum, written))
    digits = "".join(str(int(char, 36)) for char in bare[4:] + bare[:4])
    return "\n" in written and iban_length(bare[:2]) == len(bare) and int(digits) % 97 == 1


def _is_phone(text: str, match: re.Match[str]) -> bool:
    """International, or a trunk 0, or groups as phones have them; the cue before it decides the rest."""
    written = match.group()
    digits = sum(char.isdigit() for char in written)
    if (written.startswith(("+", "00")) and digits >= 8) or _AMERICAN.fullmatch(written):
        return True
    return 9 <= digits <= 12 and written.lstrip("(").startswith("0") and any(char in " -/.()" for char in written)


def _trimmed(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1] in " .,;:-/!?'\"":
        end -= 1
    return end
