"""Screening against a watchlist (policy 6): which entries come close to a name, how close, and why.

``Watchlist`` is the interface; the built-in list answers it by an index of name words. Scores are explained by named
features and stored with each hit, beside the algorithm and the list they came from.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self, cast

from pydantic import Field

from onboarding.assessment import ScreeningHit
from onboarding.model import Value
from onboarding.name_index import NameIndex
from onboarding.names import company_key, person_key
from onboarding.policy import ScreeningPolicy
from onboarding.watchlist_file import Entry, read_entries

Verdict = Literal["strong", "possible", "discounted"]

ALGORITHM: Final = "lean@1"
PERSON_SCHEMATA: Final = frozenset({"Person", "LegalEntity"})
COMPANY_SCHEMATA: Final = frozenset({"Company", "Organization", "LegalEntity", "PublicBody"})
PEP_TOPICS: Final = frozenset({"role.pep", "role.rca"})
RANK: Final[dict[Verdict, int]] = {"strong": 2, "possible": 1, "discounted": 0}
NOBODY: Final = "empty"
"""The version of the list of nobody."""


class Subject(Value):
    """Who is screened. ``path`` is the field; ``birth_date`` a date or a year; ``country`` ISO alpha-2."""

    path: str
    name: str
    kind: Literal["person", "company"]
    birth_date: str | None = None
    country: str | None = None
    identifiers: list[str] = Field(default_factory=list)


def identity(subject: Subject) -> str:
    """What makes the subject of one application that of another: kind, folded name, and birth date, or else country.

    Somebody without a birth date may be a stranger of the same name: whoever is shown a memory is told so.
    """
    name = person_key(subject.name) if subject.kind == "person" else company_key(subject.name)
    return "\x00".join((subject.kind, name, subject.birth_date or f"in {subject.country or '?'}"))


class Watchlist(ABC):
    """What validation needs of a list. Another matcher takes its place by giving these two members."""

    @property
    @abstractmethod
    def version(self) -> str:
        """A hash of the list's content: stored with each hit."""

    @abstractmethod
    def screen(self, subject: Subject, bands: ScreeningPolicy) -> list[ScreeningHit]:
        """Entries that come close to ``subject``, the worst first; empty for a name nobody on the list has."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The list in a file of FollowTheMoney-like JSON lines. Raises BadInput naming the line."""
        return cast("Self", LeanWatchlist(*read_entries(path)))

    @classmethod
    def empty(cls) -> Self:
        """A list of nobody."""
        return cast("Self", LeanWatchlist([], NOBODY))


class Answer(Value):
    """What a list said of one subject."""

    subject: Subject
    hits: list[ScreeningHit]


class Noting(Watchlist):
    """The list ``of``, with a note of every answer."""

    def __init__(self, of: Watchlist) -> None:
        self.of = of
        self.answers: list[Answer] = []

    @property
    def version(self) -> str:
        return self.of.version

    def screen(self, subject: Subject, bands: ScreeningPolicy) -> list[ScreeningHit]:
        hits = self.of.screen(subject, bands)
        self.answers.append(Answer(subject=subject, hits=hits))
        return hits


class LeanWatchlist(Watchlist):
    """The built-in list: names by their words, then birth date, nationality and identifiers."""

    def __init__(self, entries: Sequence[Entry], version: str) -> None:
        self._version = version
        self._entries = entries
        self._persons = NameIndex(self._names(PERSON_SCHEMATA), kind="person")
        self._companies = NameIndex(self._names(COMPANY_SCHEMATA), kind="company")
        self._by_identifier: dict[str, list[int]] = {}
        for at, entry in enumerate(entries):
            for identifier in entry.identifiers:
                self._by_identifier.setdefault(_compact(identifier), []).append(at)

    @property
    def version(self) -> str:
        """The file's SHA-256, shortened."""
        return self._version

    def __len__(self) -> int:
        return len(self._entries)

    def screen(self, subject: Subject, bands: ScreeningPolicy) -> list[ScreeningHit]:
        """See :class:`Watchlist`. Bands and penalties come from the policy file."""
        index = self._persons if subject.kind == "person" else self._companies
        close = index.search(subject.name)
        for identifier in map(_compact, subject.identifiers):
            for at in self._by_identifier.get(identifier, ()):
                close.setdefault(at, index.closest(subject.name, self._entries[at].names))
        hits = [
            self._judge(subject, self._entries[at], found.name, found.agreement, bands) for at, found in close.items()
        ]
        return sorted((hit for hit in hits if hit), key=lambda hit: (-RANK[hit.verdict], -hit.score, hit.entry_id))

    def _names(self, schemata: frozenset[str]) -> list[tuple[int, str]]:
        wanted = ((at, entry) for at, entry in enumerate(self._entries) if entry.schema_name in schemata)
        return [(at, name) for at, entry in wanted for name in entry.names]

    def _judge(
        self, subject: Subject, entry: Entry, name: str, agreement: float, bands: ScreeningPolicy
    ) -> ScreeningHit | None:
        features = explain(subject, entry)
        score = score_of(agreement, features, subject.kind, bands)
        verdict = verdict_of(agreement, score, features, subject.kind, bands)
        if verdict is None:
            return None
        return ScreeningHit(
            subject=subject.path,
            entry_id=entry.id,
            entry_name=name,
            topics=entry.topics,
            name_score=round(agreement, 4),
            score=round(score, 4),
            verdict=verdict,
            features=features,
            algorithm=ALGORITHM,
            list_version=self._version,
        )


def explain(subject: Subject, entry: Entry) -> dict[str, Any]:
    """What beside the name agrees or contradicts: ``birth_date``, ``country`` and ``identifier``.

    ``birth_date``: ``equal``, ``year_equal``, ``year_differs`` or ``unknown``; ``country``: ``equal``, ``differs`` or
    ``unknown``; ``identifier``: whether one is equal. The subject's own details are not repeated here.
    """
    mine = {_compact(identifier) for identifier in subject.identifiers} - {""}
    country = "unknown"
    if subject.country and entry.countries:
        country = "equal" if subject.country.upper() in entry.countries else "differs"
    return {
        "birth_date": _birth_date(subject.birth_date, entry.birth_dates),
        "country": country,
        "identifier": any(_compact(identifier) in mine for identifier in entry.identifiers),
    }


def _birth_date(stated: str | None, listed: Sequence[str]) -> str:
    if not stated or not listed or not stated[:4].isdigit():
        return "unknown"
    if len(stated) == 10 and stated in listed:
        return "equal"
    return "year_equal" if any(date[:4] == stated[:4] for date in listed) else "year_differs"


def score_of(agreement: float, features: dict[str, Any], kind: str, bands: ScreeningPolicy) -> float:
    """Name agreement lowered by contradictions. Another country alone never clears a company (policy 6)."""
    score = agreement
    if kind == "person" and features["birth_date"] == "year_differs":
        score -= bands.birth_year_penalty
    if features["country"] == "differs":
        lowered = score - bands.nationality_penalty
        score = max(lowered, min(score, bands.possible_score)) if kind == "company" else lowered
    return max(0.0, score)


def verdict_of(
    agreement: float, score: float, features: dict[str, Any], kind: str, bands: ScreeningPolicy
) -> Verdict | None:
    """The band of policy 6; None for no hit. An equal identifier is always looked at, whatever the name."""
    proof = features["identifier"] or (kind == "person" and features["birth_date"] == "equal")
    if agreement >= bands.strong_name and proof:
        return "strong"
    if score >= bands.possible_score or features["identifier"]:
        return "possible"
    return "discounted" if agreement >= bands.strong_name else None


def _compact(identifier: str) -> str:
    return "".join(char for char in identifier if char.isalnum()).upper()
