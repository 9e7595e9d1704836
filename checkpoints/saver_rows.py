"""How a thread's checkpoints become rows and rows become checkpoints.

A checkpoint's row holds only the channels that changed; the others it names by the row and slot where they stand. A
value a task wrote is not stored again by the checkpoint that takes it over: it points at the task's row. Values are
known again by their bytes, never by identity, so a node or reducer that changes an object in place loses nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from langgraph.checkpoint.base import WRITES_IDX_MAP

from checkpoints.documents import Codec
from checkpoints.saver_serde import pack, unpack
from checkpoints.transaction import Job
from onboarding.errors import TamperedRecord

CHECKPOINT: Final = 1
WRITES: Final = 2
_INPUT: Final = "__start__"
_KEPT: Final = 2
_SMALL: Final = 24
"""Bytes below which a value is stored again rather than pointed at."""

Place = tuple[int, int]
"""Where a value stands: row number in the thread, slot in the row."""


@dataclass(slots=True)
class Row:
    """One row of a thread's log, body sealed for its place."""

    thread_id: str
    n: int
    kind: int
    ns: str
    checkpoint_id: str
    run_id: str | None
    body: bytes
    fence: int | None = None

    @property
    def where(self) -> str:
        return place_of(self.thread_id, self.ns, self.checkpoint_id, self.n)


def place_of(thread_id: str, ns: str, checkpoint_id: str, n: int) -> str:
    return f"state:{thread_id}:{ns}:{checkpoint_id}:{n}"


@dataclass(slots=True)
class Known:
    """What is known of one checkpoint while its thread runs: where its channels stand, and what its tasks wrote."""

    stored: bool = False
    """Whether its own row was written (a task's writes may come first)."""
    channels: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    fresh: dict[str, tuple[bytes, Place]] = field(default_factory=dict)
    """By channel, what a task wrote on this checkpoint and where it was stored."""
    given: dict[str, tuple[bytes, Place]] = field(default_factory=dict)
    """The same for the members of the input, which the first task passes on."""


@dataclass(slots=True)
class Run:
    """One run's calls on a lane (``key`` None: a call outside any run)."""

    key: Any
    about: dict[str, Any] | None = None
    """What its configuration adds to every checkpoint's metadata."""
    last: Job | None = None
    attended: bool = False
    """Whether one of its calls waits for all of them."""

    def took(self, job: Job) -> bool:
        """Note the run's newest job. True: another call attends to it. What waited for the one before may go on."""
        before, self.last = self.last, job
        if not self.attended and before is not None:
            before.release()
        return self.attended


@dataclass(slots=True)
class Lane:
    """One namespace of a thread as its writer sees it. ``last`` is the newest job on the queue."""

    known: dict[str, Known] = field(default_factory=dict)
    last: Job | None = None
    run: Run | None = None

    def remember(self, checkpoint_id: str, known: Known) -> None:
        early = self.known.pop(checkpoint_id, None)
        if early is not None and not early.stored:
            known.fresh = early.fresh
        self.known[checkpoint_id] = known
        while len(self.known) > _KEPT:
            del self.known[next(iter(self.known))]

    def run_of(self, key: Any) -> Run:
        """The run that this call belongs to."""
        if self.run is None or self.run.key is not key or key is None:
            self.run = Run(key)
        return self.run

    def writing_on(self, checkpoint_id: str) -> Known:
        """What is known of the checkpoint that a task writes on; its own put may still be on its way."""
        known = self.known.get(checkpoint_id)
        if known is None:
            known = Known()
            self.remember(checkpoint_id, known)
        return known


@dataclass(slots=True)
class Thread:
    """A thread as its writer sees it: the next row number and a lane for each namespace."""

    next: int = 1
    lanes: dict[str, Lane] = field(default_factory=dict)

    def lane(self, ns: str) -> Lane:
        lane = self.lanes.get(ns)
        if lane is None:
            lane = self.lanes[ns] = Lane()
        return lane

    def busy(self) -> bool:
        return any(lane.last is not None and not lane.last.done for lane in self.lanes.values())


def encode_checkpoint(
    n: int,
    checkpoint: Mapping[str, Any],
    metadata: Mapping[str, Any],
    new_versions: Mapping[str, Any],
    parent_id: str | None,
    parent: Known | None,
) -> tuple[bytes, Known]:
    """The plain body of a checkpoint's row, and what is known of it from now on."""
    values: list[bytes] = []
    known = Known(stored=True)
    held: Mapping[str, Any] = checkpoint["channel_values"]
    before: Mapping[str, tuple[Any, ...]] = parent.channels if parent else {}
    fresh = parent.fresh if parent else {}
    for name, version in checkpoint["channel_versions"].items():
        entry = before.get(name)
        if name not in new_versions and entry is not None and entry[0] == version:
            known.channels[name] = entry
        elif name not in held:
            known.channels[name] = (version,)
        elif name == _INPUT and type(held[name]) is dict:
            known.channels[name] = (version, n, _spread(n, held[name], values, known))
        else:
            known.channels[name] = (version, *_put(n, pack(held[name]), values, fresh.get(name)))
    body = [
        checkpoint.get("v"),
        checkpoint.get("ts"),
        parent_id,
        known.channels,
        checkpoint["versions_seen"],
        checkpoint.get("updated_channels"),
        metadata,
        values,
        checkpoint.get("pending_sends") or None,
    ]
    return pack(body), known


def _put(n: int, packed: bytes, values: list[bytes], seen: tuple[bytes, Place] | None) -> Place:
    """Where this value stands: where the same bytes stand already, else in this row."""
    if seen is not None and seen[0] == packed:
        return seen[1]
    values.append(packed)
    return n, len(values) - 1


def _spread(n: int, value: Mapping[str, Any], values: list[bytes], known: Known) -> dict[str, int]:
    """Store the input member by member, so that the channels that take a member over can point at it."""
    slots: dict[str, int] = {}
    for member, content in value.items():
        packed = pack(content)
        place = _put(n, packed, values, None)
        slots[member] = place[1]
        if len(packed) >= _SMALL:
            known.given[member] = (packed, place)
    return slots


def encode_writes(n: int, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str, on: Known | None) -> bytes:
    """The plain body of the row of one task's writes. ``on`` is the checkpoint they are stored on."""
    values: list[bytes] = []
    entries: list[list[Any]] = []
    for channel, value in writes:
        packed = pack(value)
        place = _put(n, packed, values, on.given.get(channel) if on else None)
        entries.append([channel, *place])
        if on is not None and len(packed) >= _SMALL:
            on.fresh[channel] = (packed, place)
    return pack([task_id, task_path, entries, values])


class ThreadLog:
    """A thread's rows, opened as they are needed."""

    def __init__(self, codec: Codec, thread_id: str, rows: Sequence[tuple[int, int, str, str, bytes]]) -> None:
        self._codec = codec
        self.thread_id = thread_id
        self.rows = {n: (kind, ns, checkpoint_id, body) for n, kind, ns, checkpoint_id, body in rows}
        self._opened: dict[int, Any] = {}

    @property
    def last(self) -> int:
        return max(self.rows, default=0)

    def checkpoints(self, ns: str | None = None) -> list[int]:
        """Row numbers of checkpoints, newest first."""
        found = [n for n, row in self.rows.items() if row[0] == CHECKPOINT and (ns is None or row[1] == ns)]
        return sorted(found, reverse=True)

    def find(self, ns: str, checkpoint_id: str | None) -> int | None:
        """The row of this checkpoint (written last, if twice), or of the newest of the namespace."""
        for n in self.checkpoints(ns):
            if checkpoint_id is None or self.rows[n][2] == checkpoint_id:
                return n
        return None

    def open(self, n: int) -> Any:
        """The plain body of one row. Raises TamperedRecord naming the thread."""
        body = self._opened.get(n)
        if body is None:
            if n not in self.rows:
                raise TamperedRecord(f"State of {self.thread_id}: row {n} is missing.", thread_id=self.thread_id)
            _, ns, checkpoint_id, sealed = self.rows[n]
            where = place_of(self.thread_id, ns, checkpoint_id, n)
            try:
                body = unpack(self._codec.open(sealed, where), where)
            except TamperedRecord as error:
                raise TamperedRecord(f"State of {self.thread_id}: {error.detail}", thread_id=self.thread_id) from error
            self._opened[n] = body
        return body

    def _at(self, n: int, slot: Any) -> Any:
        body = self.open(n)
        values = body[7] if self.rows[n][0] == CHECKPOINT else body[3]
        where = f"{self.thread_id} row {n}"
        if isinstance(slot, dict):
            return {member: unpack(values[inner], where) for member, inner in slot.items()}
        return unpack(values[slot], where)

    def known(self, n: int) -> Known:
        return Known(stored=True, channels={name: tuple(entry) for name, entry in self.open(n)[3].items()})

    def checkpoint(self, n: int) -> dict[str, Any]:
        """The whole checkpoint that stands in row ``n``."""
        v, ts, _, channels, seen, updated, _, _, sends = self.open(n)
        values = {name: self._at(entry[1], entry[2]) for name, entry in channels.items() if len(entry) == 3}
        checkpoint = {
            "v": v,
            "id": self.rows[n][2],
            "ts": ts,
            "channel_values": values,
            "channel_versions": {name: entry[0] for name, entry in channels.items()},
            "versions_seen": seen,
            "updated_channels": updated,
        }
        if sends is not None:
            checkpoint["pending_sends"] = sends
        return checkpoint

    def writes(self, n: int) -> list[tuple[str, Any]]:
        """The channels and values of one row of writes."""
        return [(channel, self._at(at, slot)) for channel, at, slot in self.open(n)[2]]

    def pending(self, ns: str, checkpoint_id: str) -> list[tuple[str, str, Any]]:
        """The writes stored on a checkpoint, in LangGraph's order: the first of a kind counts, of a signal the last."""
        folded: dict[tuple[str, str, int], tuple[str, str, Any]] = {}
        places: dict[tuple[str, int], tuple[str, str, int]] = {}
        for n in sorted(n for n, row in self.rows.items() if row[:3] == (WRITES, ns, checkpoint_id)):
            task_id, task_path, entries, _ = self.open(n)
            replace = all(entry[0] in WRITES_IDX_MAP for entry in entries)
            for i, (channel, at, slot) in enumerate(entries):
                idx = WRITES_IDX_MAP.get(channel, i)
                key = places.get((task_id, idx))
                if key is None or replace:
                    key = places.setdefault((task_id, idx), (task_path, task_id, idx))
                    folded[key] = (task_id, channel, self._at(at, slot))
        return [folded[key] for key in sorted(folded)]
