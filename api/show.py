"""Cases for the terminal: tables and one page a case. Merchant text is shown as text, never as markup."""

import re
import time
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.client import CallFailed, Client
from api.story import told
from onboarding.case import MOVING
from onboarding.letters.words import as_line

COLOURS: Final = {"critical": "bold red", "high": "red", "warning": "yellow", "info": "cyan"}


def settled(client: Client, case: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
    """The case once somebody outside is awaited, or it is closed. Raises CallFailed when it takes too long."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found: dict[str, Any] = client.call("GET", case["links"]["self"], params={"wait": 10})
        if found["status"] not in MOVING:
            return found
    raise CallFailed(f"Case {case['id']} is still {found['status']} after {seconds:.0f} s.")


def table(cases: list[dict[str, Any]]) -> RenderableType:
    """One line a case."""
    if not cases:
        return Text("no case")
    shown = Table(box=None, pad_edge=False)
    for column in ("case", "status", "recommended", "risk", "country", "merchant"):
        shown.add_column(column, no_wrap=column in ("case", "status"), min_width=36 if column == "case" else None)
    for case in cases:
        risk, advice = case["risk"], case["recommendation"]
        shown.add_row(
            case["id"],
            case["status"],
            advice["action"] if advice else "",
            f"{risk['level']} {risk['score']}" if risk else "",
            Text(case["application"]["country"] or ""),
            Text(as_line(case["application"]["legal_name"] or "", 60)),
        )
    return shown


def case(found: dict[str, Any], events: list[dict[str, Any]]) -> RenderableType:
    """One page: summary, fields with their sources, findings, what is missing, decisions, activations, the story."""
    parts: list[RenderableType] = [table([found])]
    if found["problem"]:
        parts.append(Text(f"\nproblem: {found['problem']}", style="bold red"))
    if found["summary"]:
        parts.append(Text(f"\n{found['summary']}"))
    parts += _model(found)
    parts += [
        Text("\nfindings", style="bold"),
        *(map(_finding, found["findings"]) if found["findings"] else [Text("none")]),
    ]
    if found["missing"]:
        parts.append(Text("\nmissing: " + ", ".join(found["missing"])))
    parts += [Text("\nas read: each field, where it stands, and “its words” where they differ", style="bold")]
    parts.append(_fields(found))
    if found["review"]:
        review = found["review"]
        parts.append(
            Text(f"\nwaits for {', '.join(review['allowed_actions'])} ({review['stage']}, due {review['due_at']})")
        )
    parts += _asked(found.get("request"))
    for made in found["decisions"]:
        codes = ", ".join(made["reason_codes"])
        parts.append(Text(f"decided: {made['action']} by {made['actor']} ({made['channel']}) at {made['at']} {codes}"))
        parts += [Text(f"  the merchant reads: {sentence}") for sentence in made.get("told", [])]
        parts += _warnings(made)
    for effect in found["activations"]:
        parts.append(
            Text(
                f"{effect['service']}: {effect['status']} {effect['reference'] or ''} "
                f"after {effect['attempts']} call(s)"
            )
        )
    return Group(*parts, Text("\nwhat happened", style="bold"), _story(events))


def decided(case: dict[str, Any]) -> RenderableType:
    """The case in one line and, of a rejection, what the merchant is told."""
    made = case["decisions"][-1] if case["decisions"] else {}
    if made.get("action") == "request_information":
        return Group(table([case]), Text(f"\n`onboard show {case['id']}` says what the merchant is asked"))
    if made.get("action") != "reject":
        return table([case])
    codes = ", ".join(made["reason_codes"]) or "none given, so those of the advice"
    read = [f"  {sentence}" for sentence in made.get("told", [])] or [
        "  no letter: the application has no e-mail address"
    ]
    lines = Text("\n".join([f"\nreasons: {codes}", "the merchant reads:", *read]))
    return Group(table([case]), lines, *_warnings(made))


def _warnings(made: dict[str, Any]) -> list[Text]:
    """What is wrong with the reason codes of a rejection, if anything."""
    return [Text(f"warning: {words}", style="yellow") for words in made.get("warnings", [])]


def _asked(request: dict[str, Any] | None) -> list[RenderableType]:
    """What the merchant was asked, while they are awaited."""
    if not request:
        return []
    lines = [f"  {item['path']}: {item['text']}" for item in request["items"]]
    return [Text("\n".join([f"\nthe merchant was asked, and answers until {request['due_at']}", *lines]))]


def _model(found: dict[str, Any]) -> list[RenderableType]:
    """What a model wrote, said to be its words, and what it cost; nothing when none was asked."""
    drafts, use = found.get("drafts") or {}, found["model"]
    kinds = [kind for kind in ("summary", "letter") if drafts.get(kind)]
    texts = [f"\n{kind} drafted by {drafts['author']}, not checked by anybody:\n{drafts[kind]}" for kind in kinds]
    if use["calls"]:
        tokens = use["input_tokens"] + use["output_tokens"]
        texts.append(f"\nmodel {use['name']}: {use['calls']} calls, {tokens} tokens, cost {use['cost']}")
    return [Text(text) for text in texts]


def _finding(item: dict[str, Any]) -> Text:
    line = Text(f"  {item['severity']:<8} ", style=COLOURS[item["severity"]])
    line.append(f"{item['code']} {item['path'] or ''}: {as_line(item['message'], 300)}", style="default")
    for evidence in item["evidence"][:2]:
        if evidence["quote"]:
            line.append(
                f"\n             “{as_line(evidence['quote'], 160)}” ({evidence['source']} {evidence['where'] or ''})"
            )
    return line


def _fields(found: dict[str, Any]) -> RenderableType:
    shown = Table(box=None, pad_edge=False, show_header=False)
    for path, source in found["provenance"].items():
        value, words = as_line(_value(found["application"], path), 70), as_line(source["raw"], 70)
        where = Text(f"{source['source']} {source['where'] or ''}", style="dim")
        shown.add_row(Text(path), Text(value), where.append(f" “{words}”" if words not in ("", value) else ""))
    return shown


def _value(application: dict[str, Any], path: str) -> str:
    """What stands at ``persons[0].dob`` and the like; nothing where it was erased."""
    value: Any = application
    for step in re.findall(r"[^.\[\]]+", path):
        inside = value[int(step) :] if isinstance(value, list) else [(value or {}).get(step)]
        value = inside[0] if inside else None
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _story(events: list[dict[str, Any]]) -> RenderableType:
    shown = Table(box=None, pad_edge=False, show_header=False)
    for event in events:
        shown.add_row(event["at"], Text(event["actor"]), event["type"], Text(told(event), style="dim"))
    return shown


def checkpoints(items: list[dict[str, Any]]) -> RenderableType:
    """One line a checkpoint."""
    shown = Table(box=None, pad_edge=False)
    for column in ("checkpoint", "step", "at", "next"):
        shown.add_column(column)
    for item in items:
        shown.add_row(item["id"], str(item["step"]), item["at"], ", ".join(item["next"]) or "end")
    return shown
