"""``onboard eval``: PreOnboarding over a file of applications, in order, into one empty store, against expectations."""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from api.compare import disagreements
from graph.service import Actor
from graph.wiring import Product, open_product
from onboarding.case import CaseView
from onboarding.door import make_part
from onboarding.errors import BadInput, OnboardingError
from onboarding.settings import Settings

ACTOR: Final = Actor("eval", "backend")
OWN_MONEY: Final = ("avg_ticket.currency", "address.country")
"""Read and kept, but no part of what an evaluation compares."""


@dataclass
class Report:
    """What came out: counts for the table and for JSON, and the lines nobody could read."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    wrong: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    fields: int = 0
    fields_right: int = 0
    findings: Counter[str] = field(default_factory=Counter)
    agreed: int = 0
    expected: int = 0

    @property
    def data(self) -> dict[str, Any]:
        hit, false, missed = (self.findings[name] for name in ("hit", "false", "missed"))
        return {
            "applications": len(self.rows),
            "expected": self.expected,
            "fully_right": self.expected - len(self.wrong),
            "field_accuracy": _ratio(self.fields_right, self.fields),
            "finding_precision": _ratio(hit, hit + false),
            "finding_recall": _ratio(hit, hit + missed),
            "recommendation_agreement": _ratio(self.agreed, self.expected),
            "disagreements": {id_: [list(item) for item in found] for id_, found in self.wrong.items()},
            "unreadable": self.unreadable,
        }

    def table(self) -> RenderableType:
        shown = Table(box=None, pad_edge=False, show_header=False)
        for name, value in self.data.items():
            if not isinstance(value, dict | list):
                shown.add_row(name.replace("_", " "), f"{value:.4f}" if isinstance(value, float) else str(value))
        wrong = [Text(f"{id_}: {' '.join(map(str, item))}") for id_, found in self.wrong.items() for item in found]
        return Group(shown, *wrong, *(Text(line, style="red") for line in self.unreadable))


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def evaluate(file: Path, results: Path, settings: Settings, console: Console) -> Report:
    """Run every line of ``file`` and write ``results``. Raises OSError for files that cannot be read or written."""
    report = Report()
    lines = list(_lines(file, report))
    with tempfile.TemporaryDirectory(prefix="onboard-eval-") as folder, results.open("w", encoding="utf-8") as out:
        own = settings.model_copy(update={"data_dir": Path(folder), "database_url": None, "reviewers": ""})
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("evaluating", total=len(lines))
            for row in asyncio.run(_run(lines, own, report, lambda: progress.advance(task))):
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
    return report


def _lines(file: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            if item["format"] not in ("json", "text", "csv"):
                raise ValueError(f"format {item['format']!r} is none of json, text, csv")
            yield number, {"id": str(item["id"]), "payload": item["payload"], **item}
        except (ValueError, KeyError, TypeError) as error:
            report.unreadable.append(f"line {number}: {type(error).__name__}: {str(error)[:200]}")


async def _run(lines: list[tuple[int, dict[str, Any]]], settings: Settings, report: Report, tick: Any) -> list[Any]:
    now = [datetime.now(UTC)]
    async with open_product(settings, self_url="http://127.0.0.1:9", clock=lambda: now[0]) as product:
        for number, item in lines:
            try:
                if item.get("as_of"):
                    now[0] = datetime.combine(date.fromisoformat(item["as_of"]), time(12), UTC)
                _note(report, item, await _one(product, item))
            except (OnboardingError, ValueError) as error:
                report.unreadable.append(f"line {number} ({item['id']}): {getattr(error, 'detail', None) or error}")
            tick()
    return report.rows


async def _one(product: Product, item: dict[str, Any]) -> dict[str, Any]:
    content = item["payload"]
    if item["format"] != "json" and not isinstance(content, str):
        raise BadInput(f"payload: a {item['format']} payload is a string.")
    part = make_part(content, item["format"])
    (case,), _ = await product.service.submit(ACTOR, [[part]], key=None)
    await product.runner.advance(case.id)
    return flat(item["id"], await product.service.get(case.id))


def flat(id_: str, case: CaseView) -> dict[str, Any]:
    """One line of the results file."""
    if case.recommendation is None:
        raise BadInput(f"it ended as {case.status}: {case.problem}")
    return {
        "id": id_,
        "normalised": {path: value for path, value in case.application.flat().items() if path not in OWN_MONEY},
        "findings": sorted({item.code for item in case.findings}),
        "missing": sorted(case.missing),
        "recommendation": case.recommendation.action,
    }


def _note(report: Report, item: dict[str, Any], row: dict[str, Any]) -> None:
    report.rows.append(row)
    expect = item.get("expect")
    if not expect:
        return
    found = disagreements(expect, row, item["payload"])
    wanted, raised = set(expect["findings"]), set(row["findings"])
    report.expected += 1
    report.fields += len(expect["normalised"])
    report.fields_right += len(expect["normalised"]) - sum(kind == "field" for kind, *_ in found)
    report.findings.update(hit=len(wanted & raised), false=len(raised - wanted), missed=len(wanted - raised))
    report.agreed += row["recommendation"] == expect["recommendation"]
    if found:
        report.wrong[item["id"]] = found
