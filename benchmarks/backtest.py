"""How fast every stored case is played again: 10,000 decided cases, in one process and in one for each core.

The cases are real runs of the product, multiplied: each copy has a case id of its own and everything that follows
from it (review ids, effect keys, letters). ``python -m benchmarks.backtest [--quick] [--json]``
"""

import asyncio
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.applications import application
from benchmarks.harness import Measured, Report, options, show, size_of
from checkpoints import reviews, stage
from checkpoints.casefile import CaseFile
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.schema import audit, cases, decisions, effects, letters, recordings, submissions
from checkpoints.schema import reviews as review_rows
from graph.administration import ledger
from graph.archive import case_file
from graph.backtest import backtest
from graph.service import Actor
from graph.wiring import open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.settings import Settings

REAL: Final = 60
BATCH: Final = 250
OWN: Final = ("case", "submissions", "reviews", "decisions", "effects", "letters", "audit")


async def originals(settings: Settings, count: int) -> list[str]:
    """Run the product on ``count`` applications; two thirds are rejected by a person, the others wait for one."""
    found: list[str] = []
    async with open_product(settings, self_url="http://127.0.0.1:9") as product:
        for number in range(count):
            part = make_part(application(number), "json")
            (case,), _ = await product.service.submit(Actor("bench", "backend"), [[part]], key=None)
            await product.runner.advance(case.id)
            if number % 3:
                reject = Decision(action="reject")
                await product.service.decide(Actor("ann", "reviewer"), case.id, reject, review_id=None, channel="api")
                await product.runner.advance(case.id)
            found.append(case.id)
    return found


def copies(files: list[CaseFile], count: int) -> Iterator[CaseFile]:
    """Cases like ``files`` under ids of their own, ``count`` of them."""
    for number in range(count):
        file = files[number % len(files)]
        text, new = json.dumps([getattr(file, name) for name in OWN]), str(uuid.uuid4())
        for row in file.reviews:
            text = text.replace(row["id"], reviews.review_id(new, row["stage"], row["round"]))
        for row in file.letters:
            text = text.replace(row["message_id"], f"<{digest([new, row['message_id']])[:32]}@onboard.local>")
        yield file.with_(**dict(zip(OWN, json.loads(text.replace(file.id, new)), strict=True)))


async def store(settings: Settings, files: list[CaseFile]) -> None:
    """Write the copies into the ledger, many a transaction."""
    tables = {
        cases: "case", submissions: "submissions", review_rows: "reviews", decisions: "decisions", effects: "effects",
        letters: "letters", recordings: "recordings", audit: "audit",
    }  # fmt: skip
    async with ledger(settings) as db:
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]

            def write(tx: Tx, some: list[CaseFile] = some) -> None:
                for table, name in tables.items():
                    found = [getattr(file, name) for file in some]
                    rows = found if name == "case" else [row for rows in found for row in rows]
                    stage.put(tx, table, ({key: row[key] for key in row if key != "seq"} for row in rows))

            await db.write(write)


def measure(settings: Settings, workers: int, total: int) -> Measured:
    """One backtest of the whole ledger; every case must come out as it was recorded."""
    started = time.perf_counter()
    result = backtest(settings, workers=workers, tick=lambda done, of: None)
    seconds = time.perf_counter() - started
    if len(result.rows) != total or result.changed or result.missing:
        raise SystemExit(f"backtest: {len(result.changed)} changed, {len(result.missing)} missing of {total}")
    each = seconds / total * 1000
    what = f"backtest of {total:,} cases"
    extra = {"seconds": round(seconds, 1), "minutes_per_10000": round(seconds / total * 10_000 / 60, 2)}
    return Measured(what, max(1, workers), total / seconds, each, each, extra=extra)


def run(quick: bool) -> Report:
    total = 300 if quick else 10_000
    report = Report()
    with tempfile.TemporaryDirectory(prefix="onboard-bench-") as folder:
        settings = Settings(data_dir=Path(folder), reviewers="reviewer@example.com")
        ids = asyncio.run(originals(settings, min(REAL, total)))
        files = [case_file(settings, case_id).with_(checkpoints=[]) for case_id in ids]
        asyncio.run(store(settings, list(copies(files, total - len(ids)))))
        cores = os.cpu_count() or 1
        report.rows.append(measure(settings, cores, total))
        if quick:
            report.rows.append(measure(settings, 0, total))
            report.ratios["processes_vs_one"] = report.rows[0].per_second / report.rows[1].per_second
        for row in report.rows:
            row.bytes_per_case = size_of(Path(folder) / "onboard.db") / total
    report.ratios["minutes_for_10000_cases"] = report.rows[0].extra["minutes_per_10000"]
    return report


if __name__ == "__main__":
    given = options("backtest", __doc__ or "")
    show(run(given.quick), as_json=given.json)
