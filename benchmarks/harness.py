"""What every benchmark shares: the machine, the rows, the table and the JSON (the public contract's shape)."""

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


@dataclass
class Measured:
    """One line: ``per_second`` of whole pieces of work, their latency in ms, and bytes on disk for each."""

    what: str
    clients: int
    per_second: float
    p50_ms: float
    p95_ms: float
    bytes_per_case: float | None = None
    extra: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        return {**{key: value for key, value in row.items() if key != "extra"}, **row["extra"]}


@dataclass
class Report:
    """All lines of a run and the ratios that count (absolute numbers depend on the machine)."""

    rows: list[Measured] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "rows": [row.to_json() for row in self.rows],
            "ratios": {name: round(value, 3) for name, value in self.ratios.items()},
        }


def machine() -> dict[str, Any]:
    """What this run was measured on."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": round(os.getloadavg()[0], 2),
    }


def options(name: str, about: str) -> argparse.Namespace:
    """``--quick`` and ``--json``, as every benchmark has them."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--quick", action="store_true", help="fewer repeats: a minute instead of several")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def show(report: Report, *, as_json: bool) -> None:
    """Print the report."""
    if as_json:
        print(json.dumps(report.to_json(), indent=2))
        return
    table = Table("what", "clients", "per second", "p50 ms", "p95 ms", "bytes/case", "more", title=_title())
    for row in report.rows:
        size = f"{row.bytes_per_case:,.0f}" if row.bytes_per_case is not None else ""
        more = ", ".join(f"{key} {value:,.1f}" for key, value in row.extra.items())
        cells = (row.what, str(row.clients), f"{row.per_second:,.1f}", f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}")
        table.add_row(*cells, size, more)
    console = Console(width=160)
    console.print(table)
    for name, value in report.ratios.items():
        console.print(f"{name:40} {value:.3f}")


def _title() -> str:
    about = machine()
    return f"Python {about['python']}, {about['cores']} cores, {about['memory_gb']} GB, load {about['load_before']}"


async def many(clients: int, total: int, one: Callable[[int], Awaitable[Any]]) -> tuple[float, list[float]]:
    """Run ``one(i)`` for ``total`` numbers, ``clients`` at once. Returns seconds and each latency in seconds."""
    import asyncio

    numbers = iter(range(total))
    latencies: list[float] = []

    async def client() -> None:
        for i in numbers:
            start = time.perf_counter()
            await one(i)
            latencies.append(time.perf_counter() - start)

    gc.collect()
    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - start, latencies


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measured(what: str, clients: int, rounds: Sequence[tuple[float, list[float]]], **more: Any) -> Measured:
    """One line from repeated rounds: the median round's rate, the latencies of all rounds together."""
    rate = statistics.median(len(latencies) / seconds for seconds, latencies in rounds)
    every = [latency * 1000 for _, latencies in rounds for latency in latencies]
    return Measured(what, clients, rate, percentile(every, 0.5), percentile(every, 0.95), **more)


def size_of(path: Path) -> int:
    """Bytes of a database file and what stands beside it (write-ahead log)."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))
