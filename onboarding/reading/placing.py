"""Where a labelled value belongs: a trail of labels (wrappers outside, the label itself last) → a place.

``["Kontakt", "Name"]`` is the contact's name, ``["Gesellschafter", "Name"]`` a person's. Source: policy 10.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from onboarding.reading.labels import Label, read_label
from onboarding.reading.paths import ADDRESS, BANK, PERSON, PERSON_SCOPES, path_of

_SCOPE_ORDER: Final = (
    *PERSON_SCOPES, "@contact", "@bank", "@other_address", "@home", "@address", "@birth", "@ticket", "@volume",
    "@registration", "@tax", "@ownership",
)  # fmt: skip


_WRAPPER_SCOPES: Final = {
    "volume": "@volume", "ticket": "@ticket", "account_number": "@bank", "iban": "@bank", "bank_name": "@bank",
    "reg": "@registration", "incorporation_date": "@registration", "tax": "@tax", "vat": "@tax", "dob": "@birth",
    "line1": "@address", "city_line": "@address", "pct": "@ownership", "owns": "@ownership",
}  # fmt: skip


_MOST_UNKNOWN: Final = 3
"""Words nobody knows that may stand before a known last word ("online presence website")."""

__all__ = ["PERSON_SCOPES", "Place", "is_person_key", "is_unknown", "only_people", "place"]


class Place(NamedTuple):
    """``path`` is canonical, with ``persons[]`` for a person's field; None where the value is only kept.

    ``scope`` is the person scope (``@owner``, ...) or the innermost other one; ``nth`` the number in the label;
    ``confidence`` below 1 where the label is a second choice (a trading address, an owner's e-mail); ``scheme`` the
    identifier's own name (``siret``, ``krs``, ...).
    """

    path: str | None
    scope: str | None = None
    nth: int | None = None
    confidence: float = 1.0
    scheme: str | None = None


@lru_cache(maxsize=16384)
def place(trail: tuple[str, ...]) -> Place:
    """The place of a value that stands under ``trail``. Unknown labels give ``Place(None)``. Never raises."""
    if not trail:
        return Place(None)
    labels = [read_label(text) for text in trail[-8:]]
    leaf, wrappers = labels[-1], labels[:-1]
    scope, confidence = _scope(wrappers, leaf)
    if scope == "@ignored":
        return Place(None, scope)
    nth = next((label.nth for label in reversed(labels) if label.nth is not None), None)
    concept = _concept(leaf, wrappers, scope)
    if concept is None:
        return Place(None, scope, nth)
    path, certainty = path_of(concept, scope)
    if leaf.unknown:
        certainty *= 0.8
    return Place(path, scope, nth, round(confidence * certainty, 3), concept.lstrip("@~"))


def _scope(wrappers: list[Label], leaf: Label) -> tuple[str | None, float]:
    """The scope that gives generic words their meaning, and how much it is worth."""
    found: list[str] = []
    for label in wrappers:
        found.extend(_scopes_of(label, wrapper=True))
    found.extend(_scopes_of(leaf, wrapper=False))
    if "@ignored" in found:
        return "@ignored", 0.0
    person = next((s for s in reversed(found) if s in PERSON_SCOPES and s != "@person"), None)
    person = person or ("@person" if "@person" in found else None)
    if person and "@bank" not in found:
        if "@address" in found or "@home" in found or "@other_address" in found:
            return "@home", 1.0
        return person, 1.0
    known = [s for s in found if s in _SCOPE_ORDER]
    if "@other_address" in known:
        return "@address", 0.5
    return (known[-1] if known else None), 1.0


def _scopes_of(label: Label, *, wrapper: bool) -> list[str]:
    """A wrapper's segment is a scope if it can be one; a label's own only beside another segment that is a field."""
    if label.unknown > max(1, len(label.segments)):
        return []
    scopes = []
    for segment in label.segments:
        scope = next((c for c in segment if c.startswith("@")), None)
        field = next((c for c in segment if not c.startswith("@")), None)
        if wrapper and scope is None and field in _WRAPPER_SCOPES:
            scope = _WRAPPER_SCOPES[field]
        if scope and (wrapper or field is None or len(label.segments) > 1):
            scopes.append(scope)
    return scopes


def _concept(leaf: Label, wrappers: list[Label], scope: str | None) -> str | None:
    """The one concept of the label itself."""
    if not leaf.segments or leaf.unknown > max(len(leaf.segments), _MOST_UNKNOWN if leaf.ends_known else 0):
        return None
    fields = [c for segment in leaf.segments if (c := _field_of(segment, scope))]
    if any(f in {"other", "birth_place"} for f in fields):
        return "other"
    combined = _combined(leaf, scope)
    if combined:
        return combined
    if fields:
        return _strongest(fields, scope)
    generic = [c for segment in leaf.segments for c in segment if c.startswith("~")]
    if generic and not leaf.unknown:
        return _generic(generic, wrappers, scope)
    scopes = [c for segment in leaf.segments for c in segment if c.startswith("@")]
    telling = [c for c in scopes if c not in {"@company", "@figures"}] or scopes
    return telling[-1] if telling and (not leaf.unknown or leaf.ends_known) else None


def _field_of(segment: tuple[str, ...], scope: str | None) -> str | None:
    fields = [c for c in segment if c[0] not in "@~"]
    if not fields:
        return None
    if scope in PERSON_SCOPES:
        preferred = [f for f in fields if f in PERSON or f in {"email", "phone"}]
    elif scope == "@bank":
        preferred = [f for f in fields if f in BANK]
    elif scope in {"@address", "@home"}:
        preferred = [f for f in fields if f in ADDRESS or f == "country"]
    else:
        preferred = [f for f in fields if f not in PERSON]
    return (preferred or fields)[0]


def _combined(leaf: Label, scope: str | None) -> str | None:
    """Pairs of words that mean more than each alone."""
    has = leaf.has
    if has("~average") and has("~transactions", "@ticket", "ticket"):
        return "ticket"
    if has("~transactions") and has("~monthly") and not has("volume", "@volume", "~amount"):
        return "tx"
    if has("@volume", "volume", "~transactions") and has("~annual", "~monthly") and not has("~average", "~count"):
        return "volume"
    if has("~registered", "@registration") and has("~date"):
        return "incorporation_date"
    if has("~registered", "@registration") and has("~number", "~id"):
        return "reg"
    if has("@tax") and has("~number", "~id"):
        return "tax"
    if has("@birth") and has("~date"):
        return "dob"
    if (
        has("~name")
        and has("~registered", "@registration", "@company")
        and scope not in PERSON_SCOPES
        and scope != "@contact"
    ):
        return "legal_name"
    if has("@company") and scope is None and not has("@address"):
        for word, concept in (("~number", "reg"), ("~id", "reg"), ("~type", "entity_type")):
            if has(word):
                return concept
    return None


def _strongest(fields: list[str], scope: str | None) -> str:
    weak = {"currency", "country", "legal_name", "last_name", "first_name"}
    strong = [f for f in fields if f not in weak] or fields
    if scope is None:
        strong = [f for f in strong if f not in PERSON] or strong
    if scope in PERSON_SCOPES:
        strong = [f for f in strong if f in PERSON] or strong
    return strong[-1] if len(strong) == 1 or strong[0] in {"pct", "roles"} else strong[0]


def _generic(words: list[str], wrappers: list[Label], scope: str | None) -> str | None:
    parent = wrappers[-1] if wrappers else None
    if parent and parent.has("@birth", "dob") and "~date" in words:
        return "dob"
    if parent and parent.has("~transactions") and {"~monthly", "~count"} & set(words):
        return "tx"
    if {"~amount", "~min", "~max", "~name", "~number", "~code", "~date", "~id"} & set(words):
        inherited = _inherited(parent)
        named = "~name" not in words or inherited in {"legal_name", "trading_name", "holder"}
        if inherited and named and not (scope in PERSON_SCOPES and "~name" in words):
            return inherited
    if parent and "~amount" in words and not scope and parent.has("~annual", "~monthly", "~average"):
        return "ticket" if parent.has("~average") else "volume"
    if "~average" in words:
        return "ticket"
    if scope == "@volume" or "~annual" in words or "~monthly" in words:
        return "volume" if {"~annual", "~monthly", "~amount"} & set(words) else None
    if scope == "@ticket" and "~amount" in words:
        return "ticket"
    if parent and parent.has("@company") and scope is None and {"~number", "~id"} & set(words):
        return "reg"
    return next((w for w in words if w in {"~name", "~title", "~id", "~type", "~code"}), words[0])


def _inherited(parent: Label | None) -> str | None:
    """``{"iban": {"value": …}}``: the wrapper is the field, the label only says "value"."""
    if parent is None:
        return None
    fields = [c for segment in parent.segments for c in segment if c[0] not in "@~"]
    return fields[0] if len(parent.segments) == 1 and fields else None


def is_person_key(key: str) -> bool:
    label = read_label(key)
    return label.has(*PERSON_SCOPES) and label.unknown <= len(label.segments)


def is_unknown(key: str | int) -> bool:
    return isinstance(key, str) and not read_label(key).segments and not key.strip().isdigit()


def only_people(keys: Sequence[str | int]) -> bool:
    """Whether nothing but people wrappers and unknown words stands between the people and the list position."""
    for key in keys:
        if isinstance(key, str):
            label = read_label(key)
            if label.segments and not label.has(*PERSON_SCOPES, "@ownership", "pct", "@company"):
                return False
    return True
