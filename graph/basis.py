"""Noting what a validation stands on, and answering from the notes when it is replayed."""

import hashlib
from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from checkpoints import cases, matches
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.lookup import Lookup
from graph.context import Context
from onboarding.application import Application
from onboarding.assessment import Prior, ScreeningHit
from onboarding.basis import Basis, PriorRef
from onboarding.errors import RecordingMissing
from onboarding.matching import match_keys
from onboarding.policy import Policy, ScreeningPolicy
from onboarding.reading.result import Reading
from onboarding.screening import Noting, Subject, Watchlist

_CODE = (".py", ".toml", ".txt", ".json", ".jsonl", ".csv", ".md")


@cache
def rules_version() -> str:
    """A hash over every file of the business and of the prompts: equal means the same rules. Once a process."""
    total = hashlib.sha256()
    for package in ("onboarding", "agents"):
        for name, body in sorted(_files(files(package), package)):
            total.update(f"{name}\0{hashlib.sha256(body).hexdigest()}\0".encode())
    return total.hexdigest()[:12]


def _files(folder: Traversable, name: str) -> Iterable[tuple[str, bytes]]:
    for item in folder.iterdir():
        if item.is_dir() and item.name != "__pycache__":
            yield from _files(item, f"{name}/{item.name}")
        elif item.name.endswith(_CODE):
            yield f"{name}/{item.name}", item.read_bytes()


def hash_of(application: Any) -> str:
    """The hash by which a prior application is known again."""
    return digest(application.model_dump(mode="json"))[:16]


def subject_key(subject: Subject) -> str:
    """Who was looked up, as a hash: the same person asked for with other details is another question."""
    return digest(subject.to_json())[:16]


def by_place(subject: Subject) -> str:
    """Who was looked up, by the field alone: all that is left of the question under pseudonyms."""
    return f"at {subject.path}"


class Recalled(Watchlist):
    """The list of ``now`` while it is the one that was asked; else the notes in its place.

    Raises RecordingMissing for a question that was never asked, or asked under other thresholds.
    """

    def __init__(self, now: Watchlist) -> None:
        self._now = now
        self.basis: Basis | None = None
        self.notes_only = False
        """Whether the list is never asked: under pseudonyms nobody would be found in it."""
        self.told: Callable[[Subject], None] | None = None

    @property
    def version(self) -> str:
        return self.basis.watchlist if self.basis else self._now.version

    def screen(self, subject: Subject, bands: ScreeningPolicy) -> list[ScreeningHit]:
        basis = self.basis
        if self.told is not None:
            self.told(subject)
        if basis is None or (basis.watchlist == self._now.version and not self.notes_only):
            return self._now.screen(subject, bands)
        if basis.bands != bands.model_dump():
            raise RecordingMissing(f"list {basis.watchlist} is not at hand, and the policy screens by other thresholds")
        known = basis.screened.get(self.key(subject))
        if known is None:
            raise RecordingMissing(f"list {basis.watchlist} is not at hand, and {subject.path} was not looked up in it")
        return known

    def key(self, subject: Subject) -> str:
        """Under what an answer is noted."""
        return by_place(subject) if self.notes_only else subject_key(subject)


def noted(as_of: str, policy: Policy, watchlist: Noting, refs: list[PriorRef]) -> Basis:
    """What a validation stood on."""
    key = watchlist.of.key if isinstance(watchlist.of, Recalled) else subject_key
    return Basis(
        as_of=as_of,
        policy=policy.stamp,
        rules=rules_version(),
        watchlist=watchlist.version,
        bands=policy.screening.model_dump(),
        screened={key(answer.subject): answer.hits for answer in watchlist.answers},
        priors=refs,
    )


def searchable(app: Application, lookup: Lookup) -> list[str]:
    """Keys of what people search for: names by their words and how these begin, number and address by their words."""
    names = [app.legal_name, app.trading_name, *(person.name for person in app.persons)]
    return [*lookup.terms(*names, app.registration_number, app.contact.email), *lookup.beginnings(*names)]


def priors(tx: Tx, ctx: Context, case_id: str, reading: Reading) -> tuple[list[Prior], list[PriorRef]]:
    """Earlier applications that share a look-up key, and their references; indexes the case for those who follow."""
    rows = matches.earlier_matches(tx, case_id, ctx.lookup.keys(match_keys(reading.application)))
    matches.index(tx, case_id, searchable(reading.application, ctx.lookup))
    known = [(row, record) for row in rows if (record := cases.record_of(tx, row)) is not None]
    return (
        [Prior(case_id=row.id, application=record.application) for row, record in known],
        [PriorRef(case_id=row.id, version=rec.version, hash=hash_of(rec.application)) for row, rec in known],
    )
