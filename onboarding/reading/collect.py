"""Labelled values → candidates: which place a label means here, and which person a person's field belongs to.

Every reader of labelled input (JSON, CSV, forms, XML, markdown tables) feeds one ``Collector`` in reading order.
Beside canonical paths it yields these, which ``assemble.py`` takes apart: ``extra`` (a value without a place of its
own), ``registration_court``, ``address.house_number``, ``.line2``, ``.suburb``, ``.city_line``, ``contact.given_name``,
``.family_name``, ``expected_annual_volume.unit``, ``.period``, ``ownership[k].owner|owner_type|owns|pct``, and of
persons ``given_name``, ``family_name``, ``second_family_name``, ``name_prefix``, ``type`` (person or entity as stated)
and ``parent`` (the number of the person or entity that this one holds a share of: nested lists).
"""

import re
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from onboarding.reading.candidate import Candidate
from onboarding.reading.composites import apart, by_shape, is_address, is_told, parts_of
from onboarding.reading.labels import read_label, says_nothing, split_words
from onboarding.reading.people import flag, role_kinds, says_both
from onboarding.reading.phrases import stated_people, tells_shares
from onboarding.reading.placing import PERSON_SCOPES, Place, is_person_key, is_unknown, only_people, place
from onboarding.reading.text import clean, scalar_text

Key = str | int
_ROLE_OF_SCOPE: Final = {"@owner": "owner", "@director": "director", "@control": "control person", "@person": None}
_SHORT: Final = 400


class Collector:
    """Collects the labelled values of one source in reading order."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.candidates: list[Candidate] = []
        self._persons: dict[tuple[object, ...], int] = {}
        self._held: dict[int, set[str]] = {}
        self._last: dict[tuple[Key, ...], int] = {}
        self._latest: int | None = None
        self._waiting: dict[tuple[object, ...], list[tuple[str, JsonValue, str, str]]] = {}
        self._count = 0
        self._before: str | None = None

    def add(self, path: Sequence[Key], value: JsonValue, where: str) -> None:
        """One value under its labels: ``path`` runs from the outermost wrapper to the label, ints are positions."""
        trail = tuple(key for key in path if isinstance(key, str))
        if parts := apart(trail, value):
            for label, part in parts:
                self.add((*path[:-1], label), part, where)
            return
        spot = place(trail)
        label = " ".join(trail[-3:])[:_SHORT]
        told = isinstance(value, str | int | float) and not isinstance(value, bool)
        if value is None or (told and clean(value) is None):
            return
        if spot.path == "persons[].roles" and spot.scope is None and is_address(value):
            spot = spot._replace(path="address")  # an office that is a place
        if spot.path is None:
            self._unplaced(path, value, where, label, spot)
        elif spot.scheme == "company" and spot.path == "legal_name" and is_told(value):
            self.emit("business_description", value, where, label, 0.8)
        elif spot.path.startswith("persons[]."):
            self._person_value(path, spot, value, where, label)
        elif spot.path in {"contact", "bank", "registration"}:
            self._composite(spot.path, value, where, label, spot.confidence)
        else:
            self.emit(spot.path, value, where, label, spot.confidence)

    def detail(self, field: str, value: JsonValue, where: str, label: str | None = None) -> None:
        """One more field of the person just named (readers that take a phrase about somebody apart themselves)."""
        if self._latest is not None:
            self._held[self._latest].add(field)
            self._person(self._latest, field, value, where, label)

    def emit(self, path: str, value: JsonValue, where: str, label: str | None = None, confidence: float = 1.0) -> None:
        """A candidate as it stands."""
        self._before = path
        self.candidates.append(
            Candidate(path=path, raw=value, source=self.source, where=where, label=label, confidence=confidence)
        )

    def _unplaced(self, path: Sequence[Key], value: JsonValue, where: str, label: str, spot: Place) -> None:
        """A value whose label says nothing: its own shape may decide; otherwise it is kept as extra."""
        text = clean(value) if isinstance(value, str) else None
        person = self._named_key(path, value)
        if person:
            number = self._number_of(path[:-1] if isinstance(path[-1], str) else path, spot, where, fresh=person)
            self._person(number, "name", person, where, label)
            self._person(number, "ownership_pct", value, where, label)
            return
        if text and spot.scope != "@ignored" and says_nothing(str(path[-1])):
            shaped = by_shape(text)
            if shaped:
                weight = 0.3 if spot.scope in PERSON_SCOPES else 0.5
                self.emit(shaped, value, where, label, weight)
                return
        if text and self._is_text_of_person(path, spot):
            self.add((*path[:-1], "name"), value, where)
            return
        if text and self._before == "address.line1" and read_label(str(path[-1])).has("~number"):
            self.emit("address.house_number", value, where, label)
            return
        self.emit("extra", value, where, label)
        if text and self._latest is not None and spot.scope != "@ignored":
            self._role_in_notes(text, where, label)

    @staticmethod
    def _is_text_of_person(path: Sequence[Key], spot: Place) -> bool:
        """``<owner dob="…">Jane Doe</owner>``: what an element of a person says is the name."""
        leaf = str(path[-1]).lower()
        return spot.scope in PERSON_SCOPES and leaf in {"value", "text", "#text", "_text", "$", "content"}

    def _role_in_notes(self, text: str, where: str, label: str) -> None:
        """A note that consists of or starts with a bare office ("director. …") speaks of the person just named."""
        first = re.split(r"[.;,\n]", text[:_SHORT], maxsplit=1)[0].strip()
        if (
            self._latest is not None
            and 0 < len(first) <= 40
            and len(first.split()) <= 4
            and role_kinds(first) - {"owner"}
        ):
            self._person(self._latest, "roles", first, where, label, 0.5)

    def _named_key(self, path: Sequence[Key], value: JsonValue) -> str | None:
        """``{"shareholders": {"Jane Doe": 60}}``: the key is the name."""
        key = path[-1]
        if len(path) < 2 or not isinstance(key, str) or _is_known(key) or isinstance(value, bool):
            return None
        number = isinstance(value, int | float) or bool(
            re.fullmatch(r"\d{1,3}(?:[.,]\d+)? ?%?", scalar_text(value).strip())
        )
        parent = read_label(str(path[-2]))
        holds = parent.has("@owner", "@ownership", "pct")
        return key if number and holds and " " in key.strip() and not any(map(str.isdigit, key)) else None

    def _composite(self, kind: str, value: JsonValue, where: str, label: str, confidence: float) -> None:
        """A wrapper that holds a text: contact details, an account, a registration in one line."""
        text = clean(value) if not isinstance(value, list | dict) else None
        if text is None:
            self.emit("extra", value, where, label)
            return
        found = parts_of(kind, text)
        for path, raw in found:
            self.emit(path, raw, where, label, confidence * 0.9)
        if not found:
            self.emit("extra", value, where, label)

    def _person_value(self, path: Sequence[Key], spot: Place, value: JsonValue, where: str, label: str) -> None:
        assert spot.path is not None
        field = spot.path.removeprefix("persons[].")
        if field == "ownership_pct" and isinstance(value, str) and tells_shares(value):
            self._phrase(path, place(("owners",)), value, where, label)  # "Shares: Jane Doe 70 %, John Roe 30 %"
            return
        if field in {"ownership_pct", "roles"} and spot.scope is None and self._near(tuple(path[:-1])) is None:
            if len(path) > 1:  # whose it is may stand after it
                self._waiting.setdefault(self._key(path, spot), []).append((field, value, where, label))
            self.emit("extra", value, where, label)
            return
        if field == "phrase":
            self._phrase(path, spot, value, where, label)
            return
        sole = field == "sole_owner" and isinstance(value, str) and flag(value) is None
        if sole and stated_people(str(value), several=True):
            self._phrase(path, spot, value, where, label)  # "Director and sole owner: Jane Doe"
            return
        number = self._number_of(path, spot, where, field=field, value=value)
        field, value = ("roles", "sole owner") if field == "sole_owner" else (field, value)
        self._person(number, field, value, where, label, spot.confidence)

    def _phrase(self, path: Sequence[Key], spot: Place, value: JsonValue, where: str, label: str) -> None:
        """The label is an office: its value is a person, several people, a tick, or a share."""
        leaf_scope = f"@{spot.scheme}" if spot.scheme else spot.scope
        ticked = flag(value)
        keys = (self._key(path[:-1] or path, spot), self._key(path, spot))
        known = [key for key in keys if key in self._persons]
        if isinstance(value, bool) or ticked is not None:
            word = _ROLE_OF_SCOPE.get(leaf_scope or "") or "owner"
            if ticked and known:
                self._person(self._persons[known[0]], "roles", word, where, label)
            elif ticked and len(path) > 1:  # the person's name may stand after the tick: key order says nothing
                self._waiting.setdefault(keys[0], []).append(("roles", word, where, label))
            if not known:
                self.emit("extra", value, where, label)
            return
        plural = str(path[-1]).rstrip(" :?.").lower().endswith("s")
        people = stated_people(value, several=plural) if isinstance(value, str) else []
        if not people:
            self.emit("extra", value, where, label)
            return
        told = any(field == "roles" for mention in people for field, _ in mention.details)
        both = len(people) > 1 and not told and says_both(str(path[-1]))
        for position, mention in enumerate(people):
            spread = (*path, position) if len(people) > 1 else path
            number = self._number_of(spread, spot, where, field="name", value=mention.name)
            self._person(number, "name", mention.name, where, label, 1.0 if mention.details else 0.95)
            for field, raw in (*mention.details, *([("roles", "director")] if both else [])):
                self._person(number, field, raw, where, label)

    def _number_of(
        self,
        path: Sequence[Key],
        spot: Place,
        where: str,
        *,
        field: str = "",
        value: JsonValue = None,
        fresh: str | None = None,
    ) -> int:
        """The number of the person this field belongs to; a second name under one key starts a new person."""
        key = (*self._key(path, spot), fresh) if fresh else self._key(path, spot)
        container = tuple(path[:-1])
        implicit = key[-1] == "implicit"
        if implicit and (near := self._near(container)) is not None:
            key_number: int | None = near
        else:
            key_number = self._persons.get(key)
        if key_number is not None and field in {"name", "given_name"} and field in self._held[key_number]:
            key_number = None
        if key_number is None:
            key_number = self._new(key, path, spot, where)
        self._persons[key] = key_number
        self._last[container] = key_number
        self._latest = key_number
        for waiting, told, at, named in self._waiting.pop(key, []):
            self._person(key_number, waiting, told, at, named)
        if value is not None and field:
            self._held[key_number].add(field)
        return key_number

    def _near(self, container: tuple[Key, ...]) -> int | None:
        if container in self._last:
            return self._last[container]
        return self._latest if not container or self._is_flat(container) else None

    def _is_flat(self, container: tuple[Key, ...]) -> bool:
        return not any(isinstance(key, int) for key in container) and container[:1] in {k[:1] for k in self._last}

    def _new(self, key: tuple[object, ...], path: Sequence[Key], spot: Place, where: str) -> int:
        number = self._count
        self._count += 1
        self._held[number] = set()
        word = _ROLE_OF_SCOPE.get(spot.scope or "") or (_ROLE_OF_SCOPE.get(f"@{spot.scheme}") if spot.scheme else None)
        offices = self._offices(path) | ({word} if word else set())
        parent = self._parent(key)
        if parent is not None:
            self._person(number, "parent", parent, "", None)
        if isinstance(named := key[-2] if len(key) > 1 else None, str) and key[-1] in PERSON_SCOPES and " " in named:
            self._person(number, "name", named, "", named)
            self._held[number].add("name")
        for office in sorted(offices):
            self._person(number, "roles", office, where, office)
        return number

    def _offices(self, path: Sequence[Key]) -> set[str]:
        """Offices that the wrappers name; one of several people ("owners and directors") names none of each."""
        found: set[str] = set()
        for key in path:
            if isinstance(key, str):
                scopes = {c for segment in read_label(key).segments for c in segment if c in PERSON_SCOPES}
                both = key is path[-1] and not key.rstrip(" :?.").lower().endswith("s")
                if "sole_owner" in role_kinds(" ".join(split_words(key))):
                    found.add("sole owner")
                if len(scopes) == 1 or (both and not re.search(r"\b(?:or|oder|ou|of|o|lub|eller)\b", key.lower())):
                    found |= {word for scope in scopes if (word := _ROLE_OF_SCOPE[scope])}
        return found

    def _parent(self, key: tuple[object, ...]) -> int | None:
        """The person or entity whose object encloses this one (owners of an owner)."""
        for end in range(len(key) - 2, 1, -1):
            for tail in ("item", *PERSON_SCOPES):
                found = self._persons.get((*key[:end], tail))
                if found is not None and key[end - 1 : end] != () and isinstance(key[end - 1], int):
                    return found
        return None

    def _key(self, path: Sequence[Key], spot: Place) -> tuple[object, ...]:
        """What tells one person of a source from another: the list item, the named wrapper, or label and number."""
        person_at = [i for i, key in enumerate(path) if isinstance(key, str) and is_person_key(key)]
        for at in range(len(path) - 1, 0, -1):
            if isinstance(path[at], int) and any(i < at for i in person_at) and only_people(path[person_at[0] : at]):
                return (*path[: at + 1], "item")
        roles = [i for i in person_at if not read_label(str(path[i])).has("@person")] or person_at
        if not roles:
            return (*path[:-1], "implicit")
        at = roles[-1]
        scope = next((c for s in read_label(str(path[at])).segments for c in s if c in PERSON_SCOPES), "@person")
        named = path[at + 1] if at + 2 < len(path) and is_unknown(path[at + 1]) else None
        number = spot.nth if at == len(path) - 1 or spot.nth is not None else None
        return (*path[:at], str(number), named, scope)

    def _person(
        self, number: int, field: str, value: JsonValue, where: str, label: str | None, confidence: float = 1.0
    ) -> None:
        self.emit(f"persons[{number}].{field}", value, where, label, confidence)


def _is_known(key: str) -> bool:
    """Whether a key is a label through and through, and nobody's name ("Bo Ray", where "BO" is a beneficial owner)."""
    label = read_label(key)
    return bool(label.segments) and not label.unknown
