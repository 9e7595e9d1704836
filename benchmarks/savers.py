"""Savers side by side: six trivial steps with a 5 KB document, one at a time and 32 at once, in one run.

The rounds of all savers are interleaved, so that whatever else the machine does hits all alike; a ratio is the median
of the rounds' ratios. Every saver is used as it comes, with LangGraph's default durability, on a fresh database.
``no_saver_vs_stock`` is the most that any saver could reach on this machine: what is left is LangGraph itself.
"""

import asyncio
import statistics
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import Report, many, measured, options, show
from benchmarks.savers_growth import grow
from benchmarks.savers_subjects import Subject, subjects

CLIENTS = (1, 32)
Round = tuple[float, list[float]]


@dataclass
class Tally:
    """What one subject did, by number of clients."""

    rounds: dict[int, list[Round]] = field(default_factory=lambda: {clients: [] for clients in CLIENTS})

    def rates(self, clients: int) -> list[float]:
        return [len(latencies) / seconds for seconds, latencies in self.rounds[clients]]


async def play(subject: Subject, clients: int, threads: int) -> Round:
    """Run ``threads`` new threads from start to end."""

    async def one(i: int) -> None:
        graph = subject.graphs[i % len(subject.graphs)]
        config = {"configurable": {"thread_id": str(uuid.uuid4())}}
        done = await graph.ainvoke({"document": subject.document(i), "step": 0}, config)
        assert done["step"] == 6

    return await many(clients, threads, one)


async def compare(found: Sequence[Subject], rounds: int, threads: dict[int, int]) -> dict[str, Tally]:
    tallies = {subject.name: Tally() for subject in found}
    for subject in found:
        await play(subject, 8, 16)
    for number in range(rounds):
        for subject in found[number % len(found) :] + found[: number % len(found)]:  # type: ignore[operator]
            await subject.fresh()
            for clients in CLIENTS:
                tallies[subject.name].rounds[clients].append(await play(subject, clients, threads[clients]))
    return tallies


async def footprint(subject: Subject, threads: int = 64) -> tuple[float | None, dict[str, float]]:
    """Bytes and commits a thread, counted on threads of their own."""
    bytes_before, commits_before = await subject.size(), await subject.commits()
    await play(subject, 32, threads)
    bytes_after, commits_after = await subject.size(), await subject.commits()
    size = (bytes_after - bytes_before) / threads if bytes_before is not None and bytes_after is not None else None
    if commits_before is None or commits_after is None:
        return size, {}
    return size, {"commits_per_thread": (commits_after - commits_before) / threads}


def ratio(tallies: dict[str, Tally], of: str, to: str, clients: int) -> float:
    pairs = zip(tallies[of].rates(clients), tallies[to].rates(clients), strict=True)
    return statistics.median(one / other for one, other in pairs)


async def run(quick: bool) -> Report:
    report = Report()
    threads = {1: 15 if quick else 40, 32: 96 if quick else 256}
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="onboard-bench-")))
        found = await subjects(stack, directory)
        tallies = await compare(found, 5 if quick else 9, threads)
        sizes: dict[str, float] = {}
        for subject in found:
            size, extra = await footprint(subject)
            if size is not None:
                sizes[subject.name] = size
            for clients in CLIENTS:
                rounds = tallies[subject.name].rounds[clients]
                report.rows.append(measured(subject.name, clients, rounds, bytes_per_case=size, extra=extra))
        report.ratios = _ratios(tallies, sizes)
        report.rows += await grow(directory, (10, 1_000, 10_000) if quick else (10, 1_000, 10_000, 100_000))
    return report


def _ratios(tallies: dict[str, Tally], sizes: dict[str, float]) -> dict[str, float]:
    of: Callable[[str, str, int], float] = lambda one, other, clients: ratio(tallies, one, other, clients)  # noqa: E731
    found = {
        "sqlite_vs_stock_1": of("ours, SQLite", "AsyncSqliteSaver", 1),
        "sqlite_vs_stock_32": of("ours, SQLite", "AsyncSqliteSaver", 32),
        "sqlite_vs_memory_32": of("ours, SQLite", "InMemorySaver", 32),
        "sqlite_vs_no_saver_32": of("ours, SQLite", "no checkpointer", 32),
        "no_saver_vs_stock_32": of("no checkpointer", "AsyncSqliteSaver", 32),
        "sqlite_bytes_vs_stock": sizes["ours, SQLite"] / sizes["AsyncSqliteSaver"],
    }
    if "ours, PostgreSQL" in tallies:
        found["postgres_vs_best_stock_32"] = of("ours, PostgreSQL", "AsyncPostgresSaver x16", 32)
        found["postgres_vs_best_stock_1"] = of("ours, PostgreSQL", "AsyncPostgresSaver x16", 1)
    return found


def main() -> None:
    chosen: Any = options("savers", __doc__ or "")
    show(asyncio.run(run(chosen.quick)), as_json=chosen.json)


if __name__ == "__main__":
    main()
