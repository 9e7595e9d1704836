"""Every stored case played again under today's rules or another policy: whose outcome would change."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Final

from checkpoints import cases
from checkpoints.casefile import CaseFile, collect
from checkpoints.reader import Reader
from graph.archive import policy_of, reading, watchlist_of
from graph.difference import Difference, difference
from graph.folder import codec
from graph.replay import Player
from onboarding.errors import OnboardingError
from onboarding.settings import Settings

CHUNK: Final = 25
PERSON: Final = ("approve", "reject", "request_information")


@dataclass
class Backtest:
    """One row a case, newest first, and what they add up to."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def changed(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["changed"]]

    @property
    def missing(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["missing"]]

    def confusion(self) -> dict[str, dict[str, dict[str, int]]]:
        """By what people decided (``none`` where nobody did): recommendations then and now, counted."""
        table: dict[str, dict[str, Counter[str]]] = {}
        for row in self.rows:
            if row["missing"]:
                continue
            of = table.setdefault(row["decided"] or "none", {"recorded": Counter(), "replayed": Counter()})
            for when in ("recorded", "replayed"):
                of[when][row["recommendation"][when] or "none"] += 1
        return {name: {when: dict(count) for when, count in of.items()} for name, of in sorted(table.items())}

    def to_json(self) -> dict[str, Any]:
        moved = Counter(
            f"{row['recommendation']['recorded']} -> {row['recommendation']['replayed']}"
            for row in self.changed
            if row["recommendation"]["recorded"] != row["recommendation"]["replayed"]
        )
        appeared = Counter(name.split(" ")[0] for row in self.changed for name in row["findings"]["appeared"])
        gone = Counter(name.split(" ")[0] for row in self.changed for name in row["findings"]["gone"])
        return {
            "cases": len(self.rows),
            "unchanged": len(self.rows) - len(self.changed) - len(self.missing),
            "changed": self.changed,
            "missing": [{"case": row["case"], "missing": row["missing"]} for row in self.missing],
            "recommendations": dict(moved),
            "findings": {"appeared": dict(appeared), "gone": dict(gone)},
            "confusion": self.confusion(),
        }


def backtest(
    settings: Settings, *, statuses: Sequence[str] = (), workers: int | None = None, tick: Callable[[int, int], None]
) -> Backtest:
    """Play every stored case (of these statuses) by ``settings``; ``tick(done, total)`` tells how far it got.

    ``workers`` processes, default one a core; 0 plays in this one. Raises StorageUnavailable, BadPolicyFile.
    """
    policy_of(settings), watchlist_of(settings)
    with reading(settings) as reader:
        ids = reader.read(lambda tx: cases.ids(tx, statuses))
    result, count = Backtest(), os.cpu_count() or 1 if workers is None else workers
    chunks = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
    for rows in _spread(settings, chunks, min(count, len(chunks))):
        result.rows += rows
        tick(len(result.rows), len(ids))
    return result


def _spread(settings: Settings, chunks: list[list[str]], workers: int) -> Iterator[list[dict[str, Any]]]:
    if workers <= 1:
        _start(settings)
        yield from map(_played, chunks)
        return
    # A fresh interpreter a worker: a fork would inherit threads and connections of this one.
    with ProcessPoolExecutor(workers, get_context("spawn"), _start, (settings,)) as pool:
        yield from pool.map(_played, chunks)


class _Worker:
    """One process: its reader of the ledger and its player."""

    reader: Reader
    player: Player


def _start(settings: Settings) -> None:
    _Worker.reader = Reader(settings.database, codec(settings.encryption_key))
    _Worker.player = Player(settings, policy_of(settings), watchlist_of(settings))


def _played(ids: Iterable[str]) -> list[dict[str, Any]]:
    async def every() -> list[dict[str, Any]]:
        return [await _one(case_id) for case_id in ids]

    return asyncio.run(every())


async def _one(case_id: str) -> dict[str, Any]:
    try:
        file = _Worker.reader.read(lambda tx: collect(tx, case_id, history=False))
        found = difference(file, played := await _Worker.player.play(file))
    except OnboardingError as error:
        return _unplayed(case_id, error.detail)
    unknown = played.notes[0] if any("not recorded" in note for note in played.notes) else None
    return _row(file, found, found.missing or unknown)


def _unplayed(case_id: str, why: str) -> dict[str, Any]:
    nothing = {"recorded": None, "replayed": None}
    return {"case": case_id, "changed": False, "missing": why, "decided": None, "recommendation": nothing}


def _row(file: CaseFile, found: Difference, missing: str | None) -> dict[str, Any]:
    people = [row for row in file.decisions if row["channel"] != "clock"]
    decided = [row["body"].get("action", row["action"]) for row in people if row["stage"].endswith("review")]
    return {
        "case": file.id,
        "status": file.case["status"],
        "changed": missing is None and not found.identical,
        "missing": missing,
        "decided": next((action for action in reversed(decided) if action in PERSON), None),
        "recommendation": found.recommendation,
        "findings": {"appeared": found.findings["appeared"], "gone": found.findings["gone"]},
        "letters": found.letters,
        "replayed_status": found.status["replayed"],
        "stopped": found.stopped,
    }
