"""Dates → ``YYYY-MM-DD`` (policy 4.3).

An impossible date keeps this form (``2031-02-30``), a date without day or month keeps what there is (``1961``,
``1961-03``). Whether 03/04 is March or April is proven for the whole payload (``proof``), else by country.
"""

import datetime
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from pydantic import JsonValue

from onboarding.reading.text import fold, scalar_text, tidy
from onboarding.reading.vocabulary import load_words

Order = Literal["day", "month"]
MONTH_FIRST_COUNTRIES: Final = frozenset({"US", "CA"})

_ERAS: Final = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867, "r": 2018, "h": 1988, "s": 1925, "t": 1911,
}  # fmt: skip
_SEPARATED: Final = r"\s?([./-]|\s)\s?"
_ISO: Final = re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:(?!\d)|(?=[T ]\d\d?:))")
_SPACED_YEAR_FIRST: Final = re.compile(r"(?<!\d)(\d{4})(?:\. ?| )(\d{1,2})(?:\. ?| )(\d{1,2})(?!\d)")
_CJK: Final = re.compile(r"(?<!\d)(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(?:(\d{1,2})\s?[日일])?")
_ERA: Final = re.compile(r"(令和|平成|昭和|大正|明治)\s?(元|\d{1,2})\s?年\s?(\d{1,2})\s?月\s?(?:(\d{1,2})\s?日)?")
_ERA_SHORT: Final = re.compile(
    r"(?<![a-z0-9])(令和|平成|昭和|大正|[rhst])\s?(\d{1,2})[./-](\d{1,2})[./-](\d{1,2})(?!\d)"
)
_NUMERIC: Final = re.compile(rf"(?<![\d.,/-])(\d{{1,2}}){_SEPARATED}(\d{{1,2}})\s?\2\s?(\d{{4}}|\d{{2}})(?![\d/-])")
_NUMERIC_4: Final = re.compile(rf"(?<![\d.,/-])(\d{{1,2}}){_SEPARATED}(\d{{1,2}})\s?\2\s?((?:19|20)\d{{2}})(?![\d/-])")
_COMPACT: Final = re.compile(r"(?:19|20)\d{6}")
_COMPACT_DAY_FIRST: Final = re.compile(r"(\d{2})(\d{2})((?:19|20)\d{2})")
_DAY_NAME_YEAR: Final = re.compile(
    r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er|re|o|a|ª|º|°|:a|:e|e|\.)?[\s\-/.]{0,3}(?:of |de |d'|del |den )?"
    r"([^\W\d_]{3,12})[.,]?[\s\-/.]{0,3}(?:de |del |of )?'?(\d{4}|\d{2})(?!\d)"
)
_NAME_DAY_YEAR: Final = re.compile(
    r"(?<![^\W\d_])([^\W\d_]{3,12})[.]?[\s\-/.]{0,3}(\d{1,2})(?:st|nd|rd|th|er|o|°)?[.]?,?"
    r"[\s\-/.]{1,3}(?:de |of )?(\d{4})(?!\d)"
)
_YEAR_NAME_DAY: Final = re.compile(r"(?<!\d)(\d{4})[\s\-/.,]{1,3}([^\W\d_]{3,12})[.]?[\s\-/.]{1,3}(\d{1,2})(?!\d)")
_NAME_YEAR: Final = re.compile(r"(?<![^\W\d_])([^\W\d_]{3,12})[.]?[\s\-/.,]{1,3}(?:de |of |del )?(\d{4})(?!\d)")
_NUMERIC_MONTH_YEAR: Final = re.compile(r"(?<![\d./-])(\d{1,2})[./-](\d{4})(?![\d/-])")
_YEAR_MONTH: Final = re.compile(r"(\d{4})[-/.](\d{1,2})")
_ERA_YEAR: Final = re.compile(r"(令和|平成|昭和|大正)\s?(元|\d{1,2})\s?年")
_YEAR: Final = re.compile(r"(?<!\d)((?:18|19|20)\d{2})(?!\d)")
_LONGEST: Final = 120


class DateReading(NamedTuple):
    """``value`` as ``YYYY-MM-DD`` or less; ``ambiguous``: day and month were proposed, not proven (policy 4.3 (3))."""

    value: str
    ambiguous: bool = False

    @property
    def complete(self) -> bool:
        return len(self.value) == 10

    @property
    def exists(self) -> bool:
        """Whether the calendar has this day; an incomplete date does not."""
        try:
            datetime.date.fromisoformat(self.value)
        except ValueError:
            return False
        return self.complete


def proof(texts: Iterable[str]) -> Order | None:
    """What any numeric date of a payload proves about day and month; None without proof, or with proof of both."""
    proven: set[Order] = set()
    for text in texts:
        if not any(map(str.isdigit, text[:20000])):
            continue
        for match in _NUMERIC_4.finditer(tidy(text)):
            first, second = int(match[1]), int(match[3])
            if first > 12 >= second:
                proven.add("day")
            elif second > 12 >= first:
                proven.add("month")
    return proven.pop() if len(proven) == 1 else None


def read_date(
    raw: JsonValue, *, country: str | None = None, order: Order | None = None, this_year: int = 2029
) -> DateReading | None:
    """The date in ``raw``, the first one if there are several; None if there is none.

    ``country`` is the applicant's (ISO alpha-2), ``order`` what ``proof`` says of the payload. A two-digit year is
    read as the latest such year up to ``this_year`` (79 is 1979).
    """
    text = scalar_text(raw)
    if len(text) > 4 * _LONGEST:
        return None
    text = fold(text)[:_LONGEST]
    named = _cjk_or_era(text) or _iso(text) or _numeric(text, country, order, this_year)
    return named or _month_name(text, this_year) or _partial(text)


def _iso(text: str) -> DateReading | None:
    match = _ISO.search(text) or _SPACED_YEAR_FIRST.search(text)
    if match:
        year, month, day = match[1], match[match.re.groups - 1], match[match.re.groups]
        return _written(int(year), int(month), int(day))
    if _COMPACT.fullmatch(text):
        return _written(int(text[:4]), int(text[4:6]), int(text[6:]))
    if match := _COMPACT_DAY_FIRST.fullmatch(text):
        day, month = int(match[1]), int(match[2])
        return _written(int(match[3]), month, day) if day <= 31 and month <= 12 else None
    return None


def _cjk_or_era(text: str) -> DateReading | None:
    if match := _CJK.search(text):
        return _written(int(match[1]), int(match[2]), int(match[3]) if match[3] else None)
    if match := _ERA.search(text):
        year = _ERAS[match[1]] + (1 if match[2] == "元" else int(match[2]))
        return _written(year, int(match[3]), int(match[4]) if match[4] else None)
    if match := _ERA_SHORT.search(text):
        return _written(_ERAS[match[1]] + int(match[2]), int(match[3]), int(match[4]))
    return None


def _numeric(text: str, country: str | None, order: Order | None, this_year: int) -> DateReading | None:
    match = _NUMERIC_4.search(text) or _NUMERIC.search(text)
    if not match:
        return None
    first, second, year = int(match[1]), int(match[3]), _full_year(match[4], this_year)
    if first > 12 or second > 12:
        month_first = second > 12 >= first
    elif order:
        month_first = order == "month"
    else:
        month_first = country in MONTH_FIRST_COUNTRIES
    ambiguous = order is None and month_first and first <= 12 and second <= 12 and first != second
    day, month = (second, first) if month_first else (first, second)
    return _written(year, month, day, ambiguous=ambiguous)


def _month_name(text: str, this_year: int) -> DateReading | None:
    for pattern, (year, name, day) in (
        (_DAY_NAME_YEAR, (3, 2, 1)),
        (_NAME_DAY_YEAR, (3, 1, 2)),
        (_YEAR_NAME_DAY, (1, 2, 3)),
    ):
        for match in pattern.finditer(text):
            if month := month_number(match[name]):
                return _written(_full_year(match[year], this_year), month, int(match[day]))
    return None


def _partial(text: str) -> DateReading | None:
    for match in _NAME_YEAR.finditer(text):
        if month := month_number(match[1]):
            return _written(int(match[2]), month, None)
    if (match_ := _NUMERIC_MONTH_YEAR.search(text)) and 1 <= int(match_[1]) <= 12:
        return _written(int(match_[2]), int(match_[1]), None)
    if (match_ := _YEAR_MONTH.fullmatch(text)) and 1 <= int(match_[2]) <= 12:
        return _written(int(match_[1]), int(match_[2]), None)
    if match_ := _ERA_YEAR.search(text):
        return DateReading(f"{_ERAS[match_[1]] + (1 if match_[2] == '元' else int(match_[2])):04d}")
    year = _YEAR.search(text)
    return DateReading(year[1]) if year else None


def _written(year: int, month: int, day: int | None, *, ambiguous: bool = False) -> DateReading:
    if day is None:
        return DateReading(f"{year:04d}-{month:02d}", ambiguous)
    return DateReading(f"{year:04d}-{month:02d}-{day:02d}", ambiguous)


def _full_year(digits: str, this_year: int) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + this_year // 100 * 100 - (100 if year > this_year % 100 else 0)


def month_number(name: str) -> int | None:
    """1 to 12 for a month's name or abbreviation in any supported language, else None."""
    return _months().get(fold(name).strip("."))


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    return {fold(word): int(number) for number, words in load_words("months").items() for word in words}


def is_date_like(text: str) -> bool:
    """Whether a short text is nothing but a full date (used where a label is unknown)."""
    short = text.strip()
    if not 6 <= len(short) <= 40 or not any(map(str.isdigit, short)):
        return False
    reading = read_date(short)
    letters = [
        w for w in re.findall(r"[^\W\d_]{3,}", short) if not month_number(w) and not re.search(r"[年月日년월일]", w)
    ]
    return reading is not None and reading.complete and len(letters) <= 1
