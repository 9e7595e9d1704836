"""What an engine costs by itself: segments of three trivial steps, with our leases, checkpoints and ledger around them.

``python -m benchmarks.engines_trivial ENGINE SEGMENTS DATABASE_URL`` with ``local`` or ``procrastinate``; prints JSON.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypedDict, cast

from langgraph.graph import END, START, StateGraph

from benchmarks.applications import application
from checkpoints import cases
from checkpoints.saver import open_saver
from graph.builder import Graph
from graph.context import Context
from graph.dispatch import Dispatcher
from graph.jobs import JobWorker, queue
from graph.pool import Pool
from graph.runner import Runner
from graph.service import Actor
from graph.wiring import Product, open_product
from onboarding.door import make_part
from onboarding.settings import Settings

CONCURRENCY: Final = 16
STEPS: Final = ("one", "two", "three")


class Case(TypedDict, total=False):
    """Three kilobytes that go from step to step."""

    case_id: str
    graph_version: str
    version: int
    document: str


async def step(state: Case) -> Case:
    """Nothing."""
    return {"document": "x" * 3_000 + str(len(state))}


def trivial(product: Product) -> Graph:
    """Three such steps in a row, with the product's own checkpoints."""
    builder = StateGraph(Case, context_schema=Context)
    for before, name in zip((START, *STEPS), STEPS, strict=False):
        builder.add_node(name, step)
        builder.add_edge(before, name)
    builder.add_edge(STEPS[-1], END)
    return cast(Graph, builder.compile(checkpointer=open_saver(product.context.db)))


async def run(engine: str, count: int, url: str) -> dict[str, Any]:
    """Seconds for ``count`` segments, CPU seconds of this process, and when each had ended: all were due at once."""
    with tempfile.TemporaryDirectory(prefix="onboard-bench-") as folder:
        settings = Settings(data_dir=Path(folder), database_url=url)
        async with open_product(settings, self_url="http://127.0.0.1:9", role="api") as product:
            ids = await _submitted(product, count)
            ended: list[float] = []
            runner = Runner(trivial(product), product.context)
            async with _dispatcher(
                engine, product, runner, lambda: ended.append(time.perf_counter()), url
            ) as dispatcher:
                started, cpu = time.perf_counter(), time.process_time()
                for case_id in ids:
                    dispatcher.nudge(case_id)
                while len(ended) < count:  # noqa: ASYNC110 - told by a callback that only counts
                    await asyncio.sleep(0.02)
                took: dict[str, Any] = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}
                took |= {"latencies": [at - started for at in ended]}
            assert await product.context.db.read(cases.due) == []
            return took


async def _submitted(product: Product, count: int) -> Sequence[str]:
    parts = [[make_part(application(number), "json")] for number in range(count)]
    return [(await product.service.submit(Actor("shop", "backend"), [one], key=None))[0][0].id for one in parts]


@asynccontextmanager
async def _dispatcher(
    engine: str, product: Product, runner: Runner, ended: Callable[[], None], url: str
) -> AsyncIterator[Dispatcher]:
    if engine == "local":
        dispatcher: Dispatcher = Pool(runner, CONCURRENCY, ended)
        await dispatcher.start()
        yield dispatcher
        await dispatcher.stop()
        return
    async with queue(product.context, url) as app:
        dispatcher = JobWorker(product.context, app, runner, CONCURRENCY, ended)
        await dispatcher.start()
        yield dispatcher
        await dispatcher.stop()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], int(sys.argv[2]), sys.argv[3]))))
