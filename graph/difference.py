"""What a replay found against what was recorded: by step, by finding, by letter; and where they first differ."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from checkpoints.casefile import CaseFile, Rows
from checkpoints.documents import canonical
from graph.replay import Played
from graph.waits import PARKED
from onboarding.letters.words import one_line, when

ABSENT: Final = "(absent)"
VERSIONS: Final = ("basis.policy", "basis.rules", "basis.watchlist")
"""Stamps that say by what a case was judged. They are told apart, beside what the judging found."""
_OWN_ADDRESS: Final = re.compile(r"https?://[^/\s\"]+(?=/(?:review|console|merchant|apply)/)")


@dataclass(frozen=True)
class Change:
    """One value that differs. ``path`` is flat; findings stand under their code and field."""

    path: str
    recorded: Any
    replayed: Any

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "recorded": self.recorded, "replayed": self.replayed}


@dataclass(frozen=True)
class StepDifference:
    """One step: who ran it in the recording and in the replay, and what is different after it."""

    n: int
    step: int
    recorded: list[str]
    replayed: list[str]
    changes: list[Change]

    @property
    def differs(self) -> bool:
        return self.recorded != self.replayed or bool(self.changes)

    def to_json(self) -> dict[str, Any]:
        changes = [change.to_json() for change in self.changes]
        return {"step": self.step, "recorded": self.recorded, "replayed": self.replayed, "changes": changes}


@dataclass(frozen=True)
class Difference:
    """A replay beside its recording. ``missing`` says what was not recorded; then nothing is claimed."""

    case_id: str
    steps: list[StepDifference]
    findings: dict[str, Any]
    recommendation: dict[str, Any]
    letters: dict[str, list[str]]
    status: dict[str, Any]
    waits_for: str | None
    stopped: str | None
    missing: str | None
    notes: list[str] = field(default_factory=list)
    versions: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> StepDifference | None:
        return next((step for step in self.steps if step.differs), None)

    @property
    def identical(self) -> bool:
        return (
            self.stopped is None
            and self.first is None
            and self.findings["same_bytes"]
            and self.recommendation["recorded"] == self.recommendation["replayed"]
            and not any(self.letters.values())
        )

    def to_json(self) -> dict[str, Any]:
        first = self.first
        return {
            "case": self.case_id,
            "identical": self.identical,
            "first_difference": first.to_json() if first else None,
            "steps": [step.to_json() for step in self.steps],
            "findings": self.findings,
            "recommendation": self.recommendation,
            "letters": self.letters,
            "status": self.status,
            "waits_for": self.waits_for,
            "stopped": self.stopped,
            "missing": self.missing,
            "versions": self.versions,
            "notes": self.notes,
        }


def difference(recorded: CaseFile, played: Played, *, after: int = 0) -> Difference:
    """Compare a replay with its recording; steps only after the recorded checkpoint ``after`` of a fork."""
    was, now = recorded.shown(), played.file.shown()
    moving = _moving(recorded)
    steps = [row for row in recorded.checkpoints if row["n"] > after]
    return Difference(
        case_id=recorded.id,
        steps=list(_steps(steps, played.file.checkpoints, moving)),
        findings=_findings(was, now),
        recommendation={"recorded": _advice(was), "replayed": _advice(now)},
        letters=_letters(recorded, played),
        status={"recorded": recorded.case["status"], "replayed": played.status},
        waits_for=played.waits_for,
        stopped=played.stopped,
        missing=played.stopped if played.missing else None,
        notes=played.notes + (["the case was still moving when it was read"] if moving else []),
    )


def _moving(file: CaseFile) -> bool:
    """Whether the case was read while a runner was at work on it."""
    if file.case["work_asked"] > file.case["work_done"]:
        return True
    return bool(file.checkpoints) and not PARKED.issuperset(file.checkpoints[-1]["next"])


def _steps(recorded: Rows, replayed: Rows, moving: bool) -> Iterator[StepDifference]:
    """Step by step while both took the same way; the first step on another way is the last that is compared."""
    if not recorded:
        return
    for n, row in enumerate(replayed):
        if n >= len(recorded) and moving:
            return
        if n >= len(recorded):
            yield StepDifference(n + 1, row["step"], [], row["nodes"], [])
            return
        was = recorded[n]
        found = StepDifference(n + 1, was["step"], was["nodes"], row["nodes"], changes(was["state"], row["state"]))
        yield found
        if was["nodes"] != row["nodes"]:
            return
    if len(recorded) > len(replayed):
        was = recorded[len(replayed)]
        yield StepDifference(len(replayed) + 1, was["step"], was["nodes"], [], [])


def changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Every flat value that differs between two states."""
    moved = [name for name in {**was, **now} if was.get(name, ABSENT) != now.get(name, ABSENT)]
    old, new = (dict(flat({name: state[name] for name in moved if name in state})) for state in (was, now))
    paths = (path for path in {**old, **new} if not path.startswith(VERSIONS))
    return [
        Change(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in paths
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Flat path to value. A list of findings is keyed by code and field, so that one more moves no other."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        seen: dict[str, int] = {}
        for index, item in enumerate(value):
            name = _name(item, index, seen)
            yield from flat(item, f"{path}[{name}]")
    elif path:
        yield path, value


def _name(item: Any, index: int, seen: dict[str, int]) -> str:
    if not isinstance(item, Mapping) or "code" not in item:
        return str(index)
    name = " ".join(str(item[key]) for key in ("code", "path") if item.get(key))
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name} #{seen[name]}"


def _findings(was: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """By the last pass; ``same_bytes`` covers every pass."""
    old, new = (_names(shown[-1]["findings"]) if shown else [] for shown in (was, now))
    same = [canonical(shown["findings"]) for shown in was] == [canonical(shown["findings"]) for shown in now]
    return {
        "recorded": old,
        "replayed": new,
        "appeared": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "same_bytes": same,
    }


def _names(findings: Any) -> list[str]:
    seen: dict[str, int] = {}
    return [_name(item, index, seen) for index, item in enumerate(findings)]


def _advice(shown: Sequence[Mapping[str, Any]]) -> str | None:
    return str(shown[-1]["recommendation"]["action"]) if shown else None


BESIDE: Final = frozenset(
    {"application_received", "case_quarantined", "reminder", "information_reminder", "escalation"}
    | {"still_looking", "new_screening_hit"}
)
"""Letters that no step of the flow writes: the door, the clock and the watch over active merchants do."""


def _letters(recorded: CaseFile, played: Played) -> dict[str, list[str]]:
    """Letters that would be written, not be written, or read differently, as ``kind round recipient``."""
    old, new = _by_name(recorded), _by_name(played.file)
    return {
        "appeared": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new and not played.missing],
        "changed": [name for name in new if name in old and old[name] != new[name]],
    }


def _by_name(file: CaseFile) -> dict[str, tuple[str, str]]:
    """Subject and text of each letter, without what depends on the minute it was written or where we are reached.

    Nor with the summary of what was judged: other words for it are told at the step that wrote them, once.
    """
    dues = {row["id"]: row["due_at"] for row in file.reviews}
    summaries = {row["id"]: one_line(row["shown"].get("summary") or "", 2000) for row in file.reviews}
    found = {}
    for row in file.letters:
        body, due = row["body"], dues.get(row["review_id"])
        if "text" not in body or row["kind"].partition(":")[0] in BESIDE:
            continue
        text = _OWN_ADDRESS.sub("", body["text"])
        if summary := summaries.get(row["review_id"]):
            text = text.replace(summary, "(summary)")
        if due:
            text = text.replace(when(datetime.fromisoformat(due)), "(due)")
        found[f"{row['kind']} {row['round']} {body['recipient']}"] = (body["subject"], text)
    return found
