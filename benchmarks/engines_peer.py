"""The peer: the same job as plain Prefect in process. Two flows of tasks, approval by starting the second.

``python -m benchmarks.engines_peer CASES CLIENTS`` against the server that PREFECT_API_URL names; prints JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

from prefect import flow, task

from benchmarks.applications import application


@task
async def step(case: dict[str, Any]) -> dict[str, Any]:
    """One step that does nothing to a case of three kilobytes."""
    return {**case, "seen": case.get("seen", 0) + 1}


@task
async def activate(case: dict[str, Any], service: str) -> str:
    """A call that is answered at once."""
    return f"{service}-{case['registration_number']}"


@flow
async def before(case: dict[str, Any]) -> dict[str, Any]:
    """Read, check, judge."""
    for _ in range(3):
        case = await step(case)
    return case


@flow
async def after(case: dict[str, Any]) -> list[str]:
    """Activate in both services."""
    return [await activate(case, service) for service in ("svc1", "svc2")]


async def run(cases: int, clients: int) -> dict[str, Any]:
    """Seconds of all, CPU seconds of this process, and each case's latency."""
    numbers, latencies = iter(range(cases)), list[float]()
    await after(await before(application(999_999)))

    async def client() -> None:
        for number in numbers:
            started = time.perf_counter()
            await after(await before(application(number)))
            latencies.append(time.perf_counter() - started)

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(clients)))
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, "latencies": latencies}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(int(sys.argv[1]), int(sys.argv[2])))))
