"""What was recorded of one case, in the order it happened: the clock and the outside world of a replay."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

from checkpoints.casefile import CaseFile
from checkpoints.stage import SETTLED
from graph.step import CURRENT
from onboarding.basis import Basis
from onboarding.errors import RecordingMissing, ServiceRefused, ServiceUnavailable

OnAttempt = Callable[[int, str], Awaitable[None]]


class Tape:
    """Times and outcomes of a recorded case, by the step that asks and how often that step has run.

    The n-th run of a step is told the time at which the n-th run was recorded to end, and the outcomes known then.
    """

    def __init__(self, file: CaseFile) -> None:
        self.file = file
        self.now = datetime.fromisoformat(file.case["submitted_at"])
        self.version = 1
        self.runs: Counter[str] = Counter()
        self._ended: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in file.audit:
            if event["type"] == "step.ended":
                self._ended[event["data"]["step"]].append(event)
        self.basis = {shown["version"]: Basis.from_json(shown["basis"]) for shown in file.shown() if shown.get("basis")}

    def clock(self) -> datetime:
        """The time it was when this step ran; for the reading of an application the day that counted as today."""
        name = CURRENT.get()
        if name is None:
            return self.now
        event = self._run(name)
        if event is not None:
            self.now = datetime.fromisoformat(self._started(name) or event["at"])
        basis = self.basis.get(self.version)
        if name == "preprocess" and basis is not None:
            return datetime.combine(date.fromisoformat(basis.as_of), self.now.timetz())
        return self.now

    def wind(self, at: str, version: int) -> None:
        """Forward to the time ``at``: every step that ended by then has run."""
        self.now, self.version = datetime.fromisoformat(at), version
        for name, events in self._ended.items():
            self.runs[name] = sum(event["at"] <= at for event in events)

    def _run(self, name: str) -> dict[str, Any] | None:
        ended = self._ended[name]
        return ended[self.runs[name]] if self.runs[name] < len(ended) else None

    def _started(self, name: str) -> str | None:
        """For a step that calls a service: when this run first wrote of it, so that waits are as long as they were."""
        if not name.startswith("activate_"):
            return None
        ended, n = self._ended[name], self.runs[name]
        after = ended[n - 1]["case_seq"] if n else 0
        mine = (
            event["at"]
            for event in self.file.audit
            if event["case_seq"] > after and f"activate_{event['data'].get('service')}" == name
        )
        return next(mine, None)

    def attempts(self, key: str) -> list[str]:
        """How each call under this key went during this run of the step; at least one was made."""
        name = CURRENT.get() or ""
        event, n = self._run(name), self.runs[name]
        after = self._ended[name][n - 1]["case_seq"] if n and n <= len(self._ended[name]) else 0
        end = event["case_seq"] if event else float("inf")
        made = (
            row["data"]["outcome"]
            for row in self.file.audit
            if row["type"] == "activation.attempt" and row["data"]["key"] == key and after < row["case_seq"] < end
        )
        return list(made) or ["answered"]

    def outcome(self, key: str) -> dict[str, Any]:
        """``{status, reference, detail}`` of a call to a service as of this run. Raises RecordingMissing."""
        event = self._run(CURRENT.get() or "")
        end = event["case_seq"] if event else float("inf")
        found = [
            {"status": SETTLED[row["type"]], **row["data"]}
            for row in self.file.audit
            if row["type"] in SETTLED and row["data"].get("key") == key and row["case_seq"] < end
        ]
        if not found:
            raise RecordingMissing(f"no service was ever asked under the key {key}")
        return found[-1]

    def key_of(self, reference: str) -> str:
        """The key under which a service gave this reference. Raises RecordingMissing."""
        for row in reversed(self.file.audit):
            if row["type"] in SETTLED and row["data"].get("reference") == reference:
                return str(row["data"]["key"])
        raise RecordingMissing(f"no service ever gave the reference {reference}")


async def activate(tape: Tape, key: str, on_attempt: OnAttempt | None) -> dict[str, Any]:
    """What the service answered, after as many calls as it took. Raises what the live call raised."""
    known = tape.outcome(key)
    for number, outcome in enumerate(tape.attempts(key) if on_attempt else (), 1):
        assert on_attempt is not None
        await on_attempt(number, "started")
        await on_attempt(number, outcome)
    if known["status"] in ("refused", "absent"):
        raise ServiceRefused(known["detail"])
    if known["status"] == "unavailable":
        raise ServiceUnavailable(known["detail"])
    return {"reference": known["reference"]}


async def lookup(tape: Tape, key: str) -> dict[str, Any] | None:
    """What the service knew by this key."""
    known = tape.outcome(key)
    if known["status"] == "absent":
        return None
    if known["status"] not in ("active", "cancelled", "cancel_refused"):
        raise ServiceUnavailable(known.get("detail"))
    return {"reference": known["reference"], "status": known["status"]}


async def cancel(tape: Tape, reference: str) -> dict[str, Any]:
    """How the undoing went."""
    known = tape.outcome(tape.key_of(reference))
    if known["status"] == "cancel_refused":
        raise ServiceRefused(known["detail"])
    if known["status"] != "cancelled":
        raise ServiceUnavailable(known.get("detail"))
    return {"reference": reference, "status": "cancelled"}
