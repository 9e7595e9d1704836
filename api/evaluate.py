"""``onboard eval``: PreOnboarding over a file of applications, in order, into one empty store, against expectations."""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from agents.model import Model
from api.compare import disagreements
from api.recordings_file import RecordingsFile
from graph.runner import Runner
from graph.service import Actor
from graph.wiring import Product, configured, open_product
from onboarding.assessment import ModelUse
from onboarding.case import CaseView
from onboarding.door import json_value, make_part
from onboarding.errors import BadInput, OnboardingError
from onboarding.settings import Settings

ACTOR: Final = Actor("eval", "backend")
EXPECTED: Final = {"normalised": dict, "findings": list, "missing": list, "recommendation": str}
"""What ``expect`` says of a line, each as the line of the results has it."""
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
    calls: int = 0
    tokens: int = 0
    cost: Decimal = Decimal(0)

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
            **self._use(),
            "disagreements": {id_: [list(item) for item in found] for id_, found in self.wrong.items()},
            "unreadable": self.unreadable,
        }

    def _use(self) -> dict[str, Any]:
        """What a model cost on average, where one was asked."""
        if not self.calls:
            return {}
        each = self.cost / len(self.rows)
        return {
            "model_calls": self.calls,
            "tokens_per_case": self.tokens // len(self.rows),
            "cost_per_case": f"{each:.6f}",
        }

    def table(self) -> RenderableType:
        shown = Table(box=None, pad_edge=False, show_header=False)
        for name, value in _numbers(self.data).items():
            shown.add_row(name, value)
        wrong = [Text(f"{id_}: {' '.join(map(str, item))}") for id_, found in self.wrong.items() for item in found]
        return Group(shown, *wrong, *(Text(line, style="red") for line in self.unreadable))


def _numbers(data: dict[str, Any]) -> dict[str, str]:
    """What a table shows of a report; a dash where there was nothing to compare with."""
    flat = {name: value for name, value in data.items() if not isinstance(value, dict | list)}
    return {name.replace("_", " "): _number(value) for name, value in flat.items()}


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@dataclass
class Comparison:
    """Rules alone, the model alone, and both together as the product runs; only rules where there is no model."""

    rules: Report
    model: Report | None = None
    both: Report | None = None

    @property
    def unreadable(self) -> list[str]:
        return self.rules.unreadable

    @property
    def data(self) -> dict[str, Any]:
        if self.model is None or self.both is None:
            return self.rules.data
        sides = {"rules": self.rules.data, "model": self.model.data, "both": self.both.data}
        return self.both.data | {"compared": sides}

    def table(self) -> RenderableType:
        if self.model is None or self.both is None:
            return self.rules.table()
        shown = Table("", "rules", "model", "both", box=None, pad_edge=False)
        sides = [_numbers(report.data) for report in (self.rules, self.model, self.both)]
        for name in sides[2]:
            shown.add_row(name, *(side.get(name, "") for side in sides))
        return Group(shown, Text("\nboth:"), self.both.table())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def evaluate(
    file: Path, results: Path, settings: Settings, console: Console, recordings: Path | None = None
) -> Comparison:
    """Run every line of ``file`` and write ``results``: by rules, and where a model is configured or recorded by the
    model alone and by both, whose results are then the ones written.

    ``recordings`` answers what it knows; with a model configured it learns the rest. Raises OSError for files that
    cannot be read or written, BadInput for a recordings file that is none.
    """
    found = Comparison(Report())
    lines = list(_lines(file, found.rules))
    library = RecordingsFile(recordings, writing=settings.model is not None) if recordings else None
    sides: list[Report] = [found.rules]
    if settings.model or library:
        found.model, found.both = Report(), Report()
        sides += [found.model, found.both]
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("evaluating", total=len(lines) * len(sides))
        for report in sides:
            asked = None if report is found.rules else _Asked(library, alone=report is found.model)
            _side(lines, settings, report, asked, lambda: progress.advance(task))
    with results.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in sides[-1].rows)
    return found


class _Asked(NamedTuple):
    """How the model takes part in one run."""

    library: RecordingsFile | None
    alone: bool

    def model(self, settings: Settings, built: Model | None) -> Model:
        """The configured model, or one that only recordings answer."""
        named = settings.model_copy(update={"model": settings.model or (self.library and self.library.model)})
        return replace(built or configured(named, None), library=self.library, alone=self.alone)


def _side(
    lines: list[tuple[int, dict[str, Any]]], settings: Settings, report: Report, asked: _Asked | None, tick: Any
) -> None:
    with tempfile.TemporaryDirectory(prefix="onboard-eval-") as folder:
        own = settings.model_copy(update={"data_dir": Path(folder), "database_url": None, "reviewers": ""})
        if asked is None:
            own = own.model_copy(update={"model": None})
        asyncio.run(_run(lines, own, report, asked, tick))


def _lines(file: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            item = _item(json_value(line))
        except OnboardingError as error:
            report.unreadable.append(f"line {number}: {error.detail}")
        else:
            yield number, item


def _item(line: Any) -> dict[str, Any]:
    """One line by the rules of the door, so that a file is read as the same body over HTTP. Raises BadInput."""
    if not isinstance(line, dict):
        raise BadInput("it is no JSON object.")
    missing = [name for name in ("id", "format", "payload") if name not in line]
    if missing:
        raise BadInput(f"it has no {', '.join(missing)}.")
    if line["format"] not in ("json", "text", "csv"):
        raise BadInput(f"format {str(line['format'])[:40]!r} is none of json, text, csv.")
    _refuse_expectation(line.get("expect"))
    return {**line, "id": str(line["id"])}


def _refuse_expectation(expect: Any) -> None:
    """Raises BadInput where it is not what a line of the results has: ``EXPECTED``."""
    if not isinstance(expect, dict | None):
        raise BadInput("expect is no object.")
    wrong = [name for name, kind in EXPECTED.items() if expect and not isinstance(expect.get(name), kind)]
    if wrong:
        wanted = ", ".join(EXPECTED)
        raise BadInput(f"expect: it takes {wanted}, as a line of the results has them; wrong: {', '.join(wrong)}.")


async def _run(
    lines: list[tuple[int, dict[str, Any]]], settings: Settings, report: Report, asked: _Asked | None, tick: Any
) -> None:
    now = [datetime.now(UTC)]
    async with open_product(settings, self_url="http://127.0.0.1:9", clock=lambda: now[0]) as product:
        model = asked.model(settings, product.context.model) if asked else None
        runner = Runner(product.runner.graph, replace(product.context, model=model))
        for number, item in lines:
            try:
                if item.get("as_of"):
                    now[0] = datetime.combine(date.fromisoformat(item["as_of"]), time(12), UTC)
                _note(report, item, *await _one(product, runner, item))
            except Exception as error:  # noqa: BLE001 - whatever one line does, the others still run
                report.unreadable.append(f"line {number} ({item['id']}): {_told(error)}")
            tick()


def _told(error: Exception) -> str:
    return str(getattr(error, "detail", None) or f"{type(error).__name__}: {error}")[:300]


async def _one(product: Product, runner: Runner, item: dict[str, Any]) -> tuple[dict[str, Any], ModelUse]:
    content = item["payload"]
    if item["format"] != "json" and not isinstance(content, str):
        raise BadInput(f"payload: a {item['format']} payload is a string.")
    if not content:
        raise BadInput("payload: it is empty.")
    part = make_part(content, item["format"])
    (case,), _ = await product.service.submit(ACTOR, [[part]], key=None)
    await runner.advance(case.id)
    ended = await product.service.get(case.id)
    return flat(item["id"], ended), ended.model


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


def _note(report: Report, item: dict[str, Any], row: dict[str, Any], use: ModelUse) -> None:
    report.rows.append(row)
    report.calls += use.calls
    report.tokens += use.input_tokens + use.output_tokens
    report.cost += Decimal(use.cost)
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
