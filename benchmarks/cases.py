"""Whole cases over HTTP against the bare graph: submit, wait for review, approve, wait for active.

Ours is the real service in a process of its own with everything on: door, rules, ledger, gate, audit trail, letters;
SVC1 and SVC2 are played by the sandbox in another, as they are somebody else's. The peers run in this process, without
HTTP and services, a graph of the same shape with trivial steps: on LangGraph's own AsyncSqliteSaver and in memory.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict

import httpx
import psutil
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt  # noqa: TID251 - a peer's own way to resume

from benchmarks.applications import application
from benchmarks.harness import Measured, Report, many, measured, options, show, size_of

CLIENTS = (1, 16)


@asynccontextmanager
async def listening(*module: str, **settings: str) -> AsyncIterator[tuple[str, psutil.Process]]:
    """A server of ours in a process of its own, on a free port: its URL and its process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONBOARD_")} | settings
    command = [sys.executable, "-m", *module, "--port", "0"]
    child = await asyncio.to_thread(
        subprocess.Popen, command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout is not None
    line = await asyncio.to_thread(child.stdout.readline)
    try:
        yield next(word for word in line.split() if word.startswith("http")), psutil.Process(child.pid)
    finally:
        child.terminate()
        await asyncio.to_thread(child.wait, 30)


@asynccontextmanager
async def service(folder: Path) -> AsyncIterator[tuple[str, str, psutil.Process]]:
    """The real service: its URL, its token, its process."""
    async with listening("tools.sandbox", "--db", str(folder / "services.db")) as (services, _):
        urls = {f"ONBOARD_SVC{number}_URL": f"{services}/svc{number}" for number in (1, 2)}
        async with listening("api", "serve", ONBOARD_DATA_DIR=str(folder), **urls) as (url, process):
            yield url, (folder / "admin-token").read_text().strip(), process


class Whole:
    """One client's way through a whole case; keeps the latency of each leg."""

    def __init__(self, http: httpx.AsyncClient, offset: int) -> None:
        self.http = http
        self.offset = offset
        self.legs: dict[str, list[float]] = {"submit": [], "to review": [], "decide": [], "to active": []}

    async def __call__(self, number: int) -> None:
        body = application(self.offset + number)
        case = await self._leg("submit", self.http.post("/v1/cases", json=body), 202)
        case = await self._leg("to review", self.http.get(f"/v1/cases/{case['id']}", params={"wait": 60}), 200)
        expect(case, "in_review")
        decision = {"action": "approve", "review_id": case["review"]["id"]}
        await self._leg("decide", self.http.post(f"/v1/cases/{case['id']}/decision", json=decision), 200)
        case = await self._leg("to active", self.http.get(f"/v1/cases/{case['id']}", params={"wait": 60}), 200)
        expect(case, "active")

    async def _leg(self, name: str, call: Any, status: int) -> dict[str, Any]:
        start = time.perf_counter()
        answer = await call
        self.legs[name].append(time.perf_counter() - start)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


def expect(case: dict[str, Any], status: str) -> None:
    """A measured case must come out right, or the measurement means nothing."""
    assert case["status"] == status, (case["status"], case["problem"], [item["code"] for item in case["findings"]])


async def ours(report: Report, total: int) -> dict[int, float]:
    """Whole cases per second by number of clients."""
    rates = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with service(folder) as (url, token, process):
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=90) as http:
                await many(4, 20, Whole(http, 9_000_000))
                done = 20
                for clients in CLIENTS:
                    whole, before = Whole(http, done), process.cpu_times()
                    count = total if clients > 1 else max(20, total // 4)
                    seconds, latencies = await many(clients, count, whole)
                    done += count
                    after = process.cpu_times()
                    cpu = (after.user + after.system - before.user - before.system) * 1000 / count
                    row = measured("whole case over HTTP", clients, [(seconds, latencies)])
                    row.extra["cpu_ms"] = cpu
                    row.bytes_per_case = size_of(folder / "onboard.db") / done
                    rates[clients] = row.per_second
                    report.rows += [row, *(leg(name, clients, seconds, times) for name, times in whole.legs.items())]
                report.rows[0].extra["peak_mb"] = peak_mb(process)
    return rates


def leg(name: str, clients: int, seconds: float, latencies: list[float]) -> Measured:
    return measured(f"  {name}", clients, [(seconds, latencies)])


def peak_mb(process: psutil.Process) -> float:
    """The most memory the process ever had, in MB."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return float(process.memory_info().rss) / 2**20


class State(TypedDict, total=False):
    case: dict[str, Any]
    answer: dict[str, Any]
    done: Annotated[list[str], lambda old, new: [*old, *new]]


def bare_graph(saver: BaseCheckpointSaver[Any]) -> Any:
    """The same shape, steps that do nothing: three agents, a review, two services, an end."""

    async def step(state: State) -> State:
        return {"case": {**state["case"], "seen": state["case"].get("seen", 0) + 1}}

    async def review(state: State) -> State:
        return {"answer": interrupt("review")}

    async def service_call(state: State) -> State:
        return {"done": ["active"]}

    graph = StateGraph(State)
    for name in ("preprocess", "validate", "postprocess", "present", "authorise", "settle", "welcome"):
        graph.add_node(name, step)
    graph.add_node("review", review)
    graph.add_node("svc1", service_call)
    graph.add_node("svc2", service_call)
    order = [START, "preprocess", "validate", "postprocess", "present", "review", "authorise"]
    for before, after in pairwise(order):
        graph.add_edge(before, after)
    for name in ("svc1", "svc2"):
        graph.add_edge("authorise", name)
        graph.add_edge(name, "settle")
    graph.add_edge("settle", "welcome")
    graph.add_edge("welcome", END)
    return graph.compile(checkpointer=saver)


async def peer(report: Report, what: str, saver: BaseCheckpointSaver[Any], total: int, file: Path | None) -> float:
    """Whole cases per second of the bare graph with 16 at once."""
    graph = bare_graph(saver)

    async def one(clients: int, number: int) -> None:
        config = {"configurable": {"thread_id": f"{what}-{clients}-{number}"}}
        await graph.ainvoke({"case": application(number)}, config)
        await graph.ainvoke(Command(resume={"action": "approve"}), config)

    for clients in CLIENTS:
        count = total if clients > 1 else max(20, total // 4)
        seconds, latencies = await many(clients, count, partial(one, clients))
        row = measured(what, clients, [(seconds, latencies)])
        row.bytes_per_case = size_of(file) / (count + 1) if file else None
        report.rows.append(row)
    return report.rows[-1].per_second


async def run(*, quick: bool) -> Report:
    """Ours between two rounds of the peer, so that a noisy machine hits both."""
    report, total = Report(), 100 if quick else 400
    with tempfile.TemporaryDirectory() as name:
        stock = []
        for turn in range(2):
            file = Path(name) / f"stock{turn}.db"
            async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
                await saver.setup()
                what = "bare graph, AsyncSqliteSaver, no HTTP"
                stock.append(await peer(report, what, saver, total, file))
            if turn == 0:
                rates = await ours(report, total)
        memory = await peer(report, "bare graph, InMemorySaver, no HTTP", InMemorySaver(), total, None)
    report.ratios["http_16_vs_bare_graph_on_stock_sqlite"] = rates[16] / (sum(stock) / len(stock))
    report.ratios["http_16_vs_bare_graph_in_memory"] = rates[16] / memory
    report.ratios["http_16_vs_http_1"] = rates[16] / rates[1]
    return report


def main() -> None:
    """Measure and print."""
    chosen = options("cases", "Whole cases over HTTP against the bare graph.")
    show(asyncio.run(run(quick=chosen.quick)), as_json=chosen.json)


if __name__ == "__main__":
    main()
