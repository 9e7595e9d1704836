"""Annual volume and average ticket (policy 4.4, 4.9): amount, currency, and what had to be worked out."""

import re
from typing import Final

from onboarding.reading.amounts import AmountReading, period_in, read_amount
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Draft, Standing, choose, raw_text, scalar_of
from onboarding.reading.entity import Found
from onboarding.reading.text import clean

_ANNUAL: Final = "expected_annual_volume"


def read_money(found: Found, draft: Draft, country: str | None) -> None:
    """Both amounts; a currency stated for the volume also holds for the ticket (policy 4.4)."""
    known: str | None = None
    for path in (_ANNUAL, "avg_ticket"):
        stated = choose(
            [*found.get(f"{path}.currency", []), *found.get(f"{_ANNUAL}.currency", [])], lambda c: _currency(c, country)
        )
        reader = _Reader(
            path, country, stated.value if stated else known, _apart(found, path, "unit"), _apart(found, path, "period")
        )
        chosen = choose(_annual_first(found.get(path, [])), reader.read)
        if not chosen:
            continue
        reading: AmountReading = chosen.value
        known = known or reading.currency
        draft.put(f"{path}.amount", reading.amount, chosen.candidate)
        draft.put(f"{path}.currency", reading.currency, stated.candidate if stated else chosen.candidate)
        if reading.inferred:
            text = f"{path}: {raw_text(chosen.candidate.raw)[:200]} gives {reading.amount} ({reading.inferred})"
            draft.raise_("VALUE_INFERRED", text, f"{path}.amount", chosen.candidate)


class _Reader:
    """Reads the candidates of one amount with what stands beside them: currency, unit ("mkr"), period ("monthly")."""

    def __init__(
        self, path: str, country: str | None, currency: str | None, unit: str | None, period: str | None
    ) -> None:
        self.annual = path == _ANNUAL
        self.country, self.currency, self.unit, self.period = country, currency, unit, period

    def read(self, candidate: Candidate) -> AmountReading | None:
        raw = scalar_of(candidate)
        if self.unit and clean(raw):
            raw = f"{raw_text(raw)} {self.unit}"
        label = f"{self.period} {candidate.label or ''}" if self.period else candidate.label
        return read_amount(raw, currency=self.currency, country=self.country, label=label, annual=self.annual)


def _apart(found: Found, path: str, name: str) -> str | None:
    chosen = choose(found.get(f"{path}.{name}", []), lambda c: clean(scalar_of(c)))
    return str(chosen.value)[:40] if chosen else None


def _currency(candidate: Candidate, country: str | None) -> str | None:
    text = clean(scalar_of(candidate))
    if text and re.fullmatch(r"[A-Za-z]{3}", text):
        return text.upper()
    reading = read_amount(f"1 {text}", country=country) if text else None
    return reading.currency if reading else None


def _annual_first(standings: list[Standing]) -> list[Standing]:
    """A stated annual figure before a monthly one of the same standing: the first needs no arithmetic."""

    def later(standing: Standing) -> bool:
        candidate = standing.candidate
        period = period_in(clean(scalar_of(candidate))) or period_in(candidate.label)
        return period not in {None, "year"}

    return sorted(standings, key=later)
