"""How to reach the applicant, what it sells and for how much, and where it is paid (policy 4.2 to 4.8)."""

import re
from typing import Any, Final

from onboarding.reading.addresses import city, postal_code, region, street, take_apart
from onboarding.reading.amounts import AmountReading, read_amount
from onboarding.reading.bank import account_part, iban, settle
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Draft, Standing, choose, raw_text
from onboarding.reading.codes import country_code, mcc_code, whole_number
from onboarding.reading.contact import email_address, phone_number, website_url
from onboarding.reading.entity import Found
from onboarding.reading.names import joined_name, person_name
from onboarding.reading.text import clean, fold

_LONGEST_DESCRIPTION: Final = 2000
_PARTS: Final = ("line1", "city", "region", "postal_code", "country")


def read_contact(found: Found, draft: Draft, country: str | None) -> None:
    """Name, e-mail, phone, website."""
    readers: dict[str, Any] = {
        "contact.email": lambda c: email_address(_scalar(c)),
        "contact.phone": lambda c: phone_number(_scalar(c), country),
        "website": lambda c: website_url(_scalar(c)),
        "contact.name": lambda c: person_name(_scalar(c)),
    }
    for path, read in readers.items():
        chosen = choose(found.get(path, []), read)
        if chosen:
            draft.put(path, chosen.value, chosen.candidate)
    parts = [choose(found.get(f"contact.{part}", []), lambda c: clean(c.raw)) for part in ("given_name", "family_name")]
    if "contact.name" not in draft.values and any(parts):
        given, family = (part.value if part else None for part in parts)
        draft.put("contact.name", joined_name(given, family), next(part.candidate for part in parts if part))


def _scalar(candidate: Candidate) -> Any:
    return candidate.raw if not isinstance(candidate.raw, dict | list) else raw_text(candidate.raw)


def read_business(found: Found, draft: Draft) -> None:
    """MCC, description, transactions per month."""
    chosen = choose(found.get("mcc", []), lambda c: mcc_code(_scalar(c)))
    if chosen:
        draft.put("mcc", chosen.value, chosen.candidate)
    chosen = choose(found.get("business_description", []), lambda c: clean(_scalar(c)))
    if chosen:
        draft.put("business_description", _shortened(chosen.value), chosen.candidate)
    chosen = choose(found.get("transactions_per_month", []), lambda c: whole_number(_scalar(c)))
    if chosen:
        draft.put("transactions_per_month", chosen.value, chosen.candidate)


def _shortened(text: str) -> str:
    return (
        text
        if len(text) <= _LONGEST_DESCRIPTION
        else text[:_LONGEST_DESCRIPTION].rsplit(" ", 1)[0] or text[:_LONGEST_DESCRIPTION]
    )


def read_money(found: Found, draft: Draft, country: str | None) -> None:
    """Annual volume and average ticket; the volume's currency is kept for both (policy 4.4)."""
    known: str | None = None
    for path in ("expected_annual_volume", "avg_ticket"):
        stated = choose(
            [*found.get(f"{path}.currency", []), *found.get("expected_annual_volume.currency", [])],
            lambda c: _currency(c, country),
        )
        beside = stated.value if stated else known

        def read(candidate: Candidate, beside: str | None = beside, path: str = path) -> AmountReading | None:
            annual = path == "expected_annual_volume"
            return read_amount(
                _scalar(candidate), currency=beside, country=country, label=candidate.label, annual=annual
            )

        chosen = choose(_annual_first(found.get(path, [])), read)
        if not chosen:
            continue
        reading: AmountReading = chosen.value
        known = known or reading.currency
        draft.put(f"{path}.amount", reading.amount, chosen.candidate)
        draft.put(f"{path}.currency", reading.currency, stated.candidate if stated else chosen.candidate)
        if reading.inferred:
            text = f"{path}: {raw_text(chosen.candidate.raw)[:200]} gives {reading.amount} ({reading.inferred})"
            draft.raise_("VALUE_INFERRED", text, f"{path}.amount", chosen.candidate)


def _currency(candidate: Candidate, country: str | None) -> str | None:
    text = clean(_scalar(candidate))
    if text and re.fullmatch(r"[A-Za-z]{3}", text):
        return text.upper()
    reading = read_amount(f"1 {text}", country=country) if text else None
    return reading.currency if reading else None


def _annual_first(standings: list[Standing]) -> list[Standing]:
    """A stated annual figure before a monthly one of the same standing: the first needs no arithmetic."""
    from onboarding.reading.amounts import period_in

    def later(standing: Standing) -> bool:
        candidate = standing.candidate
        period = period_in(clean(_scalar(candidate))) or period_in(candidate.label)
        return period not in {None, "year"}

    return sorted(standings, key=later)


def read_bank(found: Found, draft: Draft, country: str | None) -> None:
    """The account to be paid to."""
    raw: dict[str, Candidate] = {}
    values: dict[str, str] = {}
    for part in ("iban", "account_number", "bank_code", "branch_code", "routing_number"):
        read = iban if part == "iban" else account_part
        chosen = choose(
            found.get(f"bank.{part}", []), lambda c, read=read: read(_scalar(c)), draft=draft, path=f"bank.{part}"
        )
        if chosen:
            raw[part], values[part] = chosen.candidate, chosen.value
    settled = settle(values, country)
    for part, value in settled.items():
        candidate = raw.get(part) or next((c for p, c in raw.items() if values[p] == value), next(iter(raw.values())))
        draft.put(f"bank.{part}", value, candidate)
    for part, candidate in raw.items():
        if values[part] not in settled.values() and f"{values[part]}" not in "".join(settled.values()):
            draft.keep(candidate)
    holder = choose(found.get("bank.holder", []), lambda c: clean(_scalar(c)))
    if holder:
        draft.put("bank.holder", holder.value, holder.candidate)


def read_address(found: Found, draft: Draft, country: str | None) -> None:
    """The registered address: its own fields first, what one line holds where a field is not stated."""
    stated = {part: choose(found.get(f"address.{part}", []), lambda c: clean(_scalar(c))) for part in _PARTS}
    raw: dict[str, tuple[str, Candidate]] = {p: (c.value, c.candidate) for p, c in stated.items() if c}
    _from_city_line(found, raw, country)
    _from_whole(found, raw, country)
    _from_long_line(raw, country)
    number = choose(found.get("address.house_number", []), lambda c: clean(_scalar(c)))
    suburb = choose(found.get("address.suburb", []), lambda c: clean(_scalar(c)))
    if suburb and "city" not in raw:
        raw["city"] = (suburb.value, suburb.candidate)
        suburb = None
    more = [
        c.value
        for part in ("line2",)
        for s in found.get(f"address.{part}", [])[:4]
        if (c := choose([s], lambda c: clean(_scalar(c))))
    ]
    more += [suburb.value] if suburb else []
    if country == "SG" and "city" not in raw and "line1" in raw:
        raw["city"] = ("Singapore", raw["line1"][1])
    for part, (text, candidate) in raw.items():
        value = {
            "line1": lambda t: street(
                t, number=number.value if number else None, more=", ".join(dict.fromkeys(more)) or None
            ),
            "city": city,
            "region": lambda t: region(t, country),
            "postal_code": lambda t: postal_code(t, country),
            "country": country_code,
        }[part](text)
        draft.put(f"address.{part}", value, candidate)
    if "line1" not in raw and (number or more):
        for standing in [*found.get("address.house_number", []), *found.get("address.line2", [])]:
            draft.keep(standing.candidate)


def _from_city_line(found: Found, raw: dict[str, tuple[str, Candidate]], country: str | None) -> None:
    chosen = choose(found.get("address.city_line", []), lambda c: clean(_scalar(c)))
    if not chosen:
        return
    parts = take_apart(chosen.value, country)
    if "city" not in parts and "line1" in parts:
        parts["city"] = parts.pop("line1")
    for part in ("city", "postal_code", "region"):
        if part in parts:
            raw.setdefault(part, (parts[part], chosen.candidate))


def _from_whole(found: Found, raw: dict[str, tuple[str, Candidate]], country: str | None) -> None:
    whole = choose(found.get("address", []), lambda c: clean(_scalar(c)) and _scalar(c))
    if not whole:
        return
    text = str(whole.value)
    if "city" in raw and "line1" not in raw:
        raw["line1"] = (_without(text, raw, country), whole.candidate)
        return
    parts = take_apart(text, country)
    for part in _PARTS:
        if part in parts and part not in raw:
            raw[part] = (parts[part], whole.candidate)


def _from_long_line(raw: dict[str, tuple[str, Candidate]], country: str | None) -> None:
    """A street line that holds the whole address, with no city or postcode stated beside it; repeated parts go."""
    if "line1" not in raw:
        return
    text, candidate = raw["line1"]
    if "city" not in raw and "postal_code" not in raw:
        parts = take_apart(text, country)
        if "postal_code" in parts and "city" in parts and "line1" in parts:
            for part, value in parts.items():
                raw[part] = (value, candidate) if part == "line1" else raw.get(part, (value, candidate))
    else:
        raw["line1"] = (_without(text, raw, country), candidate)


def _without(text: str, raw: dict[str, tuple[str, Candidate]], country: str | None) -> str:
    """A street line without city, postcode, region and country repeated at its end."""
    line = re.sub(r"\s*[\n\r]+\s*", ", ", text.strip())
    known = {fold(raw[part][0]) for part in ("city", "postal_code", "region", "country") if part in raw}
    pieces = [piece.strip() for piece in line.split(",")]
    while len(pieces) > 1:
        last = fold(pieces[-1]).strip(" .")
        rest = last
        for word in sorted(known, key=len, reverse=True):
            rest = rest.replace(word, " ") if len(word) > 1 else rest
        if rest.strip(" -–/()") and (country is None or country_code(last) != country or len(last) < 3):
            break
        pieces.pop()
    return ", ".join(pieces)
