"""A case step by step, and what a replay or a backtest of it said, for the terminal."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from checkpoints.casefile import CaseFile
from graph.backtest import Backtest
from graph.difference import Difference, StepDifference, changes
from onboarding.letters.words import one_line

SHOWN: Final = 12
"""Changes, cases and the like that a page shows before it says how many more there are; JSON has all."""


def steps(file: CaseFile) -> list[dict[str, Any]]:
    """``{step, nodes, at, ms, changed, next, model}`` a checkpoint, oldest first. ``ms`` is the slowest node's time.

    ``model`` is ``{calls, input_tokens, output_tokens, cost}`` of the calls that the step made.
    """
    durations: dict[str, list[int]] = defaultdict(list)
    for event in file.audit:
        if event["type"] == "step.ended":
            durations[event["data"]["step"]].append(event["data"]["ms"])
    rows: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    since = ""
    for row in file.checkpoints:
        spent = [durations[name].pop(0) for name in row["nodes"] if durations[name]]
        told = {
            "step": row["step"],
            "nodes": row["nodes"],
            "at": row["at"],
            "ms": max(spent, default=None),
            "changed": [change.path for change in changes(before, row["state"])],
            "next": row["next"],
            "model": _model(file, since, row["at"]),
        }
        rows.append(told)
        before, since = row["state"], row["at"]
    return rows


def _model(file: CaseFile, since: str, until: str) -> dict[str, Any]:
    calls = [row for row in file.recordings if since[:23] < row["at"][:23] <= until[:23]]
    cost = sum((Decimal(row["cost"]) for row in calls), Decimal(0))
    tokens = {name: sum(row[name] for row in calls) for name in ("input_tokens", "output_tokens")}
    return {"calls": len(calls), **tokens, "cost": format(cost, "f")}


def page(rows: list[dict[str, Any]]) -> RenderableType:
    """One line a step."""
    shown = Table(box=None, pad_edge=False)
    for column in ("step", "nodes", "at", "ms", "model", "next", "changed"):
        shown.add_column(column, no_wrap=column in ("nodes", "at"))
    for row in rows:
        model = row["model"]
        asked = f"{model['calls']} call(s), {model['cost']}" if model["calls"] else ""
        top = dict.fromkeys(path.split(".")[0].split("[")[0] for path in row["changed"])
        counted = ", ".join(f"{name} ({sum(_under(path, name) for path in row['changed'])})" for name in top)
        ms = "" if row["ms"] is None else str(row["ms"])
        following = ", ".join(row["next"]) or ("" if row["step"] < 0 else "end")
        shown.add_row(
            str(row["step"]), ", ".join(row["nodes"]) or "start", row["at"][11:23], ms, asked, following, counted
        )
    return shown


def _under(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def replayed(found: Difference) -> RenderableType:
    """Where a replay first differs from its recording, and in what."""
    parts: list[RenderableType] = []
    for name, stamps in found.versions.items():
        if stamps["recorded"] != stamps["here"]:
            parts.append(Text(f"{name}: recorded under {stamps['recorded']}, here {stamps['here']}", style="yellow"))
    parts += [Text(note, style="yellow") for note in found.notes]
    if found.missing:
        parts.append(Text(f"recording missing: {found.missing}", style="bold red"))
    elif found.stopped:
        parts.append(Text(f"stopped: {found.stopped}", style="red"))
    if found.identical:
        return Group(*parts, Text(f"identical: {len(found.steps)} steps, findings byte for byte", style="green"))
    if found.first is not None:
        parts.append(Text(f"first difference at step {found.first.step}", style="bold"))
    told: set[tuple[str, str]] = set()
    for step in found.steps:
        parts += _step(step, told) if step.differs else []
    for title, was, now in (
        ("recommendation", found.recommendation["recorded"], found.recommendation["replayed"]),
        ("status", found.status["recorded"], found.status["replayed"]),
    ):
        if was != now:
            parts.append(Text(f"{title}: {was} -> {now}" + (f" ({found.waits_for})" if found.waits_for else "")))
    parts += [Text(f"finding {how}: {name}") for how in ("appeared", "gone") for name in found.findings[how]]
    parts += [Text(f"letter {how}: {name}") for how, names in found.letters.items() for name in names]
    return Group(*parts)


def _step(step: StepDifference, told: set[tuple[str, str]]) -> list[RenderableType]:
    """What is different after this step and was not before it; nothing when it only hands the difference on."""
    was, now = (", ".join(nodes) or "nothing" for nodes in (step.recorded, step.replayed))
    new = [change for change in step.changes if (change.path, repr(change.replayed)) not in told]
    told |= {(change.path, repr(change.replayed)) for change in new}
    if was == now and not new:
        return []
    lines: list[RenderableType] = [Text(f"\nstep {step.step}: {was}" + ("" if was == now else f" -> {now}"))]
    for change in new[:SHOWN]:
        line, (before, after) = Text(f"  {change.path}: "), _apart(change.recorded, change.replayed)
        line.append(one_line(before, 120), style="red").append(" -> ")
        lines.append(line.append(one_line(after, 120), style="green"))
    if len(new) > SHOWN:
        lines.append(Text(f"  and {len(new) - SHOWN} more (--json shows all)", style="dim"))
    return lines


def _apart(recorded: Any, replayed: Any) -> tuple[str, str]:
    """Both values from a little before the place where they part."""
    was, now = str(recorded), str(replayed)
    alike = next((n for n, (one, two) in enumerate(zip(was, now, strict=False)) if one != two), min(len(was), len(now)))
    same = max(0, alike - 30)
    return (f"…{was[same:]}", f"…{now[same:]}") if same else (was, now)


def backtested(result: Backtest) -> RenderableType:
    """Whose outcome would change, and how the recommendations agree with what people decided."""
    data = result.to_json()
    changed = Table(box=None, pad_edge=False)
    for column in ("case", "recommendation", "findings", "letters"):
        changed.add_column(
            column, no_wrap=column == "case", min_width=36 if column == "case" else None, overflow="fold"
        )
    for row in result.changed[:SHOWN]:
        was, now = row["recommendation"]["recorded"], row["recommendation"]["replayed"]
        findings = [f"+{name}" for name in row["findings"]["appeared"]] + [
            f"-{name}" for name in row["findings"]["gone"]
        ]
        letters = [f"{how} {name.rsplit(' ', 2)[0]}" for how, names in row["letters"].items() for name in names]
        advice = str(was) if was == now else f"{was} -> {now}"
        changed.add_row(row["case"], advice, Text(one_line(", ".join(findings), 90)), Text(", ".join(letters)))
    confusion = Table(box=None, pad_edge=False)
    for column in ("people decided", "recommended then", "recommended now"):
        confusion.add_column(column)
    for decided, of in data["confusion"].items():
        confusion.add_row(decided, *(_counted(of[when]) for when in ("recorded", "replayed")))
    total = f"{data['cases']} cases: {data['unchanged']} unchanged, {len(result.changed)} changed"
    missing = [Text(f"not replayed {row['case']}: {row['missing']}", style="yellow") for row in data["missing"][:SHOWN]]
    lines = [Text(f"{total}, {len(result.missing)} without a full recording", style="bold"), *missing]
    moved = [Text(f"{how}: {_counted(data['findings'][how])}") for how in ("appeared", "gone") if data["findings"][how]]
    return Group(*lines, *([changed] if result.changed else []), *moved, confusion)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
