"""``make cluster``: the whole installation on one machine, 50 cases, and a worker, a replica and PostgreSQL killed.

PostgreSQL from the wheel, a Prefect server on it, two replicas behind one address, two workers, the sandbox in a
process of its own. Exits 1 when a promise broke: a case lost or ended elsewhere, an effect missing or doubled, a
broken trail.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.table import Table

from examples.cluster.machines import PREFECT_AUTH, Cluster, Failed
from examples.cluster.story import ENDS, PLANS, Case, Client, broken, client, live_all

BOUND: Final = {"local": 150.0, "procrastinate": 150.0, "prefect": 300.0}
"""Seconds within which ROUND cases must have ended, whatever died: Prefect's takeover may take two minutes."""
ROUND: Final = 50
SLOW: Final = 0.15
"""Seconds an activation takes at the sandbox, so that what is killed has something on its hands."""
say = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """0 when every promise was kept."""
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything it started is stopped
    folder = Path(tempfile.mkdtemp(prefix="onboard-cluster-")) if asked.folder is None else asked.folder
    started, failed = time.monotonic(), True
    try:
        say.print(f"[bold]Starting the cluster[/bold] ({asked.engine}) under {folder}")
        with Cluster(folder, asked.engine, workers=asked.workers) as cluster:
            _tell(cluster, time.monotonic() - started)
            problems = asyncio.run(_show(cluster, asked.cases))
            failed = bool(problems)
            if asked.keep:
                _stay(cluster)
    except (Failed, httpx.HTTPError, TimeoutError) as error:
        say.print(f"[bold red]The cluster failed:[/bold red] {error}")
    if failed:
        say.print(f"The logs are in {folder}.")
    elif not asked.keep and asked.folder is None:
        shutil.rmtree(folder, ignore_errors=True)
    return int(failed)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples.cluster", description=__doc__)
    parser.add_argument("--cases", type=int, default=50, help="how many are submitted")
    parser.add_argument("--workers", type=int, default=2, help="how many run; one of them is killed")
    parser.add_argument("--engine", choices=("prefect", "procrastinate", "local"), default="prefect")
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    parser.add_argument("--folder", type=Path, help="where everything is kept; default: a temporary folder")
    return parser.parse_args()


def _tell(cluster: Cluster, seconds: float) -> None:
    say.print(f"  up after {seconds:.0f} s: PostgreSQL, sandbox {cluster.sandbox_url}, one address {cluster.url}")
    for process in (*cluster.replicas, *cluster.workers):
        say.print(f"  {process.name:<10} pid {process.pid} {process.url}")
    if cluster.prefect_url:
        say.print(f"  Prefect    {cluster.prefect_url} (user and password: {PREFECT_AUTH})")


async def _show(cluster: Cluster, count: int) -> list[str]:
    """Run the cases through trouble and print what became of them; returns what was broken."""
    token = (cluster.folder / "data" / "admin-token").read_text().strip()
    cases = [Case(number, PLANS[number % len(PLANS)]) for number in range(count)]
    started = time.monotonic()
    async with client(cluster.url, token) as api:
        await _slow_services(cluster)
        troubles = Troubles(cluster, count)
        try:
            async with asyncio.timeout(bound := BOUND[cluster.engine] * max(1, count / ROUND)):
                await live_all(api, cases, troubles)
        except TimeoutError:
            say.print(f"[bold red]not everything ended within {bound:.0f} s[/bold red]")
        seconds = time.monotonic() - started
        effects = (await asyncio.to_thread(httpx.get, f"{cluster.sandbox_url}/log", trust_env=False)).json()["effects"]
        audit = await asyncio.to_thread(cluster.onboard, "doctor", "--audit")
        problems = broken(cases, effects) + _unsound(audit.stdout if audit.returncode else "")
        problems += [f"{name} did not happen" for name in troubles.left]
        _table(cases, effects, seconds, api, cluster)
    for problem in problems:
        say.print(f"[bold red]broken:[/bold red] {problem}")
    if not problems:
        say.print("[bold green]Every case ended as it should; every effect happened once; the trail verifies.[/]")
    return problems


def _unsound(told: str) -> list[str]:
    return [f"onboard doctor --audit: {told.strip()}"] if told.strip() else []


async def _slow_services(cluster: Cluster) -> None:
    async with httpx.AsyncClient(base_url=cluster.sandbox_url, trust_env=False) as sandbox:
        for service in ("svc1", "svc2"):
            await sandbox.post("/faults", json={"service": service, "kind": "slow", "times": None, "seconds": SLOW})


class Troubles:
    """What is killed once so many cases have ended: the worst first, then a worker and PostgreSQL in every round."""

    def __init__(self, cluster: Cluster, count: int) -> None:
        self._cluster, self._started = cluster, time.monotonic()
        first = min(count, ROUND)
        self._plan: list[tuple[int, str, Callable[[], Any]]] = [
            (max(1, first * 1 // 5), "kill -9 of worker-1", cluster.workers[0].kill),
            (max(2, first * 2 // 5), "kill -9 of replica-1", cluster.replicas[0].kill),
            (max(3, first * 3 // 5), "restart of PostgreSQL (immediate)", cluster.restart_postgres),
        ]
        for after in range(ROUND, count, ROUND):
            self._plan += [
                (after + ROUND // 5, "kill -9 of a worker, another takes its place", cluster.replace_worker),
                (after + ROUND * 3 // 5, "restart of PostgreSQL (immediate)", cluster.restart_postgres),
            ]

    @property
    def left(self) -> list[str]:
        """What did not happen."""
        return [name for _, name, _ in self._plan]

    async def __call__(self, ended: int) -> None:
        """Told how many cases ended."""
        if self._plan and ended >= self._plan[0][0]:
            _, name, act = self._plan.pop(0)
            say.print(f"  {time.monotonic() - self._started:5.1f} s  [bold yellow]{name}[/bold yellow] ({ended} ended)")
            await asyncio.to_thread(act)
        elif ended % 10 == 0:
            say.print(f"  {time.monotonic() - self._started:5.1f} s  {ended} cases ended")


def _table(cases: list[Case], effects: list[dict[str, Any]], seconds: float, api: Client, cluster: Cluster) -> None:
    table = Table("planned", "cases", "ended as planned", "slowest s", "effects at SVC1", "effects at SVC2")
    for plan in dict.fromkeys(PLANS):
        mine = [case for case in cases if case.plan == plan]
        ids = {case.id for case in mine}
        right = sum(case.status == ENDS[plan] for case in mine)
        slowest = max((case.seconds for case in mine), default=0.0)
        stand = [
            sum(row["case_id"] in ids and row["service"] == service and row["status"] == "active" for row in effects)
            for service in ("svc1", "svc2")
        ]
        table.add_row(plan, str(len(mine)), str(right), f"{slowest:.1f}", *map(str, stand))
    say.print(table)
    served = ", ".join(map(str, cluster.front.served.values())) if cluster.front else ""
    say.print(
        f"{len(cases)} cases in {seconds:.1f} s; {api.repeated} requests repeated; connections by replica: {served}"
    )


def _stay(cluster: Cluster) -> None:
    """Say where everything is, and wait for Ctrl-C."""
    link = cluster.onboard("sign-in").stdout.strip()
    say.print(f"The console (the link signs in once): {link}")
    if cluster.prefect_url:
        say.print(f"Prefect: {cluster.prefect_url} (user and password: {PREFECT_AUTH})")
    say.print("It stays until Ctrl-C.")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        say.print("stopping")


if __name__ == "__main__":
    sys.exit(main())
