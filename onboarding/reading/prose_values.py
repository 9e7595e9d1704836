"""Dates, amounts and counts in running text: which of them are the merchant's founding date, volume, ticket, sales
a month.

The phrase nearest before a value decides, within its sentence and back to the value before; else one right after it.
What no phrase explains is nobody's value (policy 4.3, 4.4, 4.9).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from onboarding.reading.cues import Cue
from onboarding.reading.prose_page import Page
from onboarding.reading.spans import Span

PERIODS: Final = ("per_month", "per_week", "per_day", "per_year")
_PERIOD_IN_ENGLISH: Final = {
    "per_month": "per month",
    "per_week": "per week",
    "per_day": "per day",
    "per_year": "per year",
}
_MEANINGS: Final = ("volume", "ticket", "not_money")
_NEAR: Final = 28
_FAR: Final = 110


class Found(NamedTuple):
    """A value in the text: ``path`` as in Candidate, ``label`` the phrase that says so."""

    path: str
    start: int
    end: int
    raw: str
    label: str
    confidence: float = 0.8


def read_values(page: Page) -> list[Found]:
    """Founding date, expected volume, average ticket, transactions a month: the first of each that a phrase
    explains."""
    best: dict[str, Found] = {}
    for found in [*_dates(page), *_counts(page), *_amounts(page)]:
        if found.path not in best or found.confidence > best[found.path].confidence:
            best[found.path] = found
    for found in best.values():
        page.claim(found.start, found.end)
    return list(best.values())


def meaning_before(page: Page, start: int, end: int, *concepts: str) -> Cue | None:
    """The cue of ``concepts`` nearest before ``end`` in [start, end); a longer phrase beats one inside it."""
    cues = page.cues_in(start, end, *concepts)
    return max(cues, key=lambda cue: (cue.end, cue.end - cue.start), default=None)


def is_birth_date(page: Page, span: Span) -> bool:
    """Whether the words around a date say that somebody was born on it."""
    before, after = _around(page, span, "date")
    cue = meaning_before(page, before, span.start, "born", "founded")
    if cue is not None:
        return cue.concept == "born"
    if page.plain[max(span.start - 2, 0) : span.start].strip().endswith("*"):
        return True
    behind = page.cues_in(max(span.end - 1, 0), min(after, span.end + 12), "born", "founded")
    return bool(behind) and behind[0].concept == "born"


def _around(page: Page, span: Span, *kinds: str) -> tuple[int, int]:
    """The stretch of the sentence around ``span`` that no other span of ``kinds`` claims."""
    start, end = page.sentence(span.start)
    start = max(start, span.start - _FAR)
    earlier = page.span_before(start, span.start, *kinds)
    later = page.span_after(span.end, min(end, span.end + _FAR), *kinds)
    return earlier.end if earlier else start, min(later.start if later else end, span.end + _FAR)


def _dates(page: Page) -> Iterator[Found]:
    for span in page.spans:
        if span.kind != "date" or not page.is_free(span.start, span.end) or is_birth_date(page, span):
            continue
        before, after = _around(page, span, "date")
        cue = meaning_before(page, before, span.start, "founded")
        behind = page.cues_in(span.end, min(after, span.end + 20), "founded")
        cue = cue or (behind[0] if behind else None)
        if cue is not None:
            yield _found(page, "incorporation_date", span, page.text[cue.start : cue.end])


def _amounts(page: Page) -> Iterator[Found]:
    for span in page.spans:
        if span.kind not in ("amount", "number") or not page.is_free(span.start, span.end):
            continue
        before, after = _around(page, span, "amount", "number", "percent", "date")
        cue = meaning_before(page, before, span.start, *_MEANINGS)
        if cue is not None and _is_of_the_last(page, before, cue, span):
            cue = None
        period = _period_behind(page, span, after)
        if cue is None or (cue.concept == "volume" and span.kind == "number" and period is None):
            cue = _meaning_behind(page, span, after) or (cue if span.kind == "amount" else None)
        if cue is None or cue.concept == "not_money" or (span.kind == "number" and not _is_money(page, span, cue)):
            continue
        if cue.concept == "ticket":
            yield _found(page, "avg_ticket", span, page.text[cue.start : cue.end])
        else:
            yield _volume(page, span, cue, period, before)


def _is_of_the_last(page: Page, before: int, cue: Cue, span: Span) -> bool:
    """ "£18 average, £120,000 yearly": a phrase right behind one amount and before a comma is that amount's."""
    earlier = page.span_before(max(before - 1, 0), before, "amount") or page.span_before(before - 40, before, "amount")
    return earlier is not None and cue.start - earlier.end <= 2 and "," in page.plain[cue.end : span.start]


def _volume(page: Page, span: Span, cue: Cue, period: Cue | None, before: int) -> Found:
    """An expected volume; its period goes into the label in English, whatever language it was stated in."""
    ahead = page.cues_in(before, span.start, *PERIODS)
    period = period or (ahead[-1] if ahead else None)
    label = page.text[cue.start : cue.end]
    if period is not None:
        label = f"{label} ({_PERIOD_IN_ENGLISH[period.concept]})"
    past = page.cues_in(before, span.start, "past_period")
    return _found(page, "expected_annual_volume", span, label, 0.6 if past else 0.85 if period else 0.75)


def _period_behind(page: Page, span: Span, after: int) -> Cue | None:
    cues = page.cues_in(max(span.end - 1, 0), min(after, span.end + _NEAR), *PERIODS)
    return next((cue for cue in cues if cue.start >= span.end), None)


def _meaning_behind(page: Page, span: Span, after: int) -> Cue | None:
    """What the words right after a value say: "15k a month on cards", "120 EUR Durchschnittsbon"."""
    stops = [stop for sign in ",;" if (stop := page.plain.find(sign, span.end, after)) >= 0]
    end = min(stops, default=after)
    cues = page.cues_in(span.end, min(end, span.end + 2 * _NEAR), "volume", "ticket")
    period = _period_behind(page, span, end)
    if cues and not (period and period.start < cues[0].start and cues[0].concept == "ticket"):
        return cues[0]
    requested = page.cues_in(max(page.sentence(span.start)[0], span.start - 60), span.start, "not_money")
    return Cue("volume", period.start, period.end) if period and span.kind == "amount" and not requested else None


def _is_money(page: Page, span: Span, cue: Cue) -> bool:
    """A bare number is money only right behind its phrase ("average ticket: 40"), and not a count, code or year."""
    if span.start - cue.end > 15 or not page.plain[span.start : span.end].replace(".", "").replace(",", "").isdigit():
        return False
    return not page.cues_in(span.end, span.end + 20, "count", "delay") and cue.concept in ("ticket", "volume")


def _counts(page: Page) -> Iterator[Found]:
    """ "about 300 transactions a month": only a monthly count is stated in the unit we keep."""
    for span in page.spans:
        if span.kind not in ("number", "amount") or not page.is_free(span.start, span.end):
            continue
        before, after = _around(page, span, "amount", "number", "percent", "date")
        things = [
            cue for cue in page.cues_in(span.end, min(after, span.end + 24), "count") if cue.start - span.end < 14
        ]
        if not things or any(sign in page.plain[span.start : span.end] for sign in "€£$¥₩"):
            continue
        period = next(iter(page.cues_in(things[0].end, min(after, things[0].end + 30), *PERIODS)), None)
        period = period or next(iter(page.cues_in(before, span.start, *PERIODS)), None)
        if period is not None and period.concept == "per_month":
            end = things[0].end
            page.claim(span.start, end)
            yield Found(
                "transactions_per_month",
                span.start,
                span.end,
                page.text[span.start : span.end],
                page.text[span.end : period.end].strip() or "per month",
            )


def _found(page: Page, path: str, span: Span, label: str, confidence: float = 0.8) -> Found:
    return Found(path, span.start, span.end, page.text[span.start : span.end], label.strip(), confidence)
