"""The registered address (policy 4.2, 4.7): its own fields first, then what one line holds."""

import re
from collections.abc import Callable
from typing import Final

from onboarding.reading.addresses import city, postal_code, region, street, take_apart
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Draft, choose, scalar_of
from onboarding.reading.codes import country_code
from onboarding.reading.entity import Found
from onboarding.reading.text import clean, fold

_FLAT: Final = re.compile(r"\d{1,4}[a-zA-Z]?")
_PARTS: Final = ("line1", "city", "region", "postal_code", "country")


def read_address(found: Found, draft: Draft, country: str | None) -> None:
    """The registered address: its own fields first, what one line holds where a field is not stated."""
    stated = {part: choose(found.get(f"address.{part}", []), lambda c: clean(scalar_of(c))) for part in _PARTS}
    raw: dict[str, tuple[str, Candidate]] = {p: (c.value, c.candidate) for p, c in stated.items() if c}
    _from_city_line(found, raw, country)
    _from_whole(found, raw, country)
    _from_long_line(raw, country)
    number = choose(found.get("address.house_number", []), lambda c: clean(scalar_of(c)))
    suburb = choose(found.get("address.suburb", []), lambda c: clean(scalar_of(c)))
    if suburb and "city" not in raw:
        raw["city"] = (suburb.value, suburb.candidate)
        suburb = None
    more = [line for s in found.get("address.line2", [])[:4] if (line := clean(scalar_of(s.candidate)))]
    more += [suburb.value] if suburb else []
    if country == "SG" and "city" not in raw and "line1" in raw:
        raw["city"] = ("Singapore", raw["line1"][1])
    if "line1" in raw:
        raw["line1"] = (_without_name(raw["line1"][0], draft), raw["line1"][1])
    if country == "PL" and number and more and _FLAT.fullmatch(more[0]) and number.value[-1:].isdigit():
        number = number._replace(value=f"{number.value}/{more.pop(0)}")  # house and flat, as Poland writes them
    more_text = ", ".join(dict.fromkeys(more)) or None
    readers: dict[str, Callable[[str], str | None]] = {
        "line1": lambda text: street(text, number=number.value if number else None, more=more_text),
        "city": city,
        "region": lambda text: region(text, country),
        "postal_code": lambda text: postal_code(text, country),
        "country": country_code,
    }
    for part, (text, candidate) in raw.items():
        draft.put(f"address.{part}", readers[part](text), candidate)
    if "line1" not in raw and (number or more):
        for standing in [*found.get("address.house_number", []), *found.get("address.line2", [])]:
            draft.keep(standing.candidate)


def _from_city_line(found: Found, raw: dict[str, tuple[str, Candidate]], country: str | None) -> None:
    chosen = choose(found.get("address.city_line", []), lambda c: clean(scalar_of(c)))
    if not chosen:
        return
    parts = take_apart(chosen.value, country)
    if "city" not in parts and "line1" in parts:
        parts["city"] = parts.pop("line1")
    for part in ("city", "postal_code", "region"):
        if part in parts:
            raw.setdefault(part, (parts[part], chosen.candidate))


def _from_whole(found: Found, raw: dict[str, tuple[str, Candidate]], country: str | None) -> None:
    lines = sorted(found.get("address", []), key=lambda s: not any(map(str.isdigit, str(scalar_of(s.candidate)))))
    whole = choose(lines, lambda c: clean(scalar_of(c)) and scalar_of(c))
    if not whole:
        return
    if "line1" in raw and _is_town(str(whole.value)):
        raw.setdefault("city", (str(whole.value), whole.candidate))
        return
    text = str(whole.value)
    if "city" in raw and "line1" not in raw:
        raw["line1"] = (_without(text, raw, country), whole.candidate)
        return
    parts = take_apart(text, country)
    for part in _PARTS:
        if part in parts and part not in raw:
            raw[part] = (parts[part], whole.candidate)


def _without_name(line: str, draft: Draft) -> str:
    """An envelope's first line is the applicant's own name: it is no street."""
    for path in ("legal_name", "trading_name"):
        name = str(draft.values.get(path) or "")
        if name and fold(line).startswith(f"{fold(name)},") and len(line) > len(name) + 3:
            return line[len(name) :].strip(" ,;\n")
    return line


def _is_town(text: str) -> bool:
    """A seat without a street ("säte: Umeå", "Sitz: Köln"): the name of a town."""
    return not any(map(str.isdigit, text)) and len(text.split()) <= 3 and "," not in text


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
