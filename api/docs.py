"""The parts of the documents that are made from the code: ``python -m api.docs`` writes them, a test compares them."""

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import typer

from api.app import openapi_document
from api.cli import app
from graph.builder import build_graph
from onboarding.catalogue import CATALOGUE
from onboarding.checks.run import RULES
from onboarding.settings import PREFIX, UNPREFIXED, Settings

ROOT: Final = Path(__file__).parent.parent
README: Final = ROOT / "README.md"
HTTP: Final = ROOT / "docs" / "http.md"
FINDINGS: Final = ROOT / "docs" / "findings.md"
CALLING: Final = """Every call of `/v1` carries `Authorization: Bearer TOKEN`, which `onboard token create NAME --role
backend` makes. Answers are shortened here: a case carries every field of `CaseView` in `/openapi.json`, null or empty
where there is nothing to say.

    curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -H "Idempotency-Key: order-4711" \\
      --data @application.json http://127.0.0.1:8000/v1/cases"""


def drawing() -> str:
    """The compiled graph as a Mermaid drawing, arrows in the order the builder names them."""
    graph = build_graph().get_graph()
    order = {name: number for number, name in enumerate(graph.nodes)}
    edges = sorted(graph.edges, key=lambda edge: (order[edge.source], order[edge.target]))
    arrows = [f"  {edge.source} {'-.->' if edge.conditional else '-->'} {edge.target}" for edge in edges]
    waits = [name for name in graph.nodes if name.endswith("review") or name.startswith(("await_", "review_"))]
    lines = ["graph TD", *arrows, "  classDef waits stroke-dasharray: 4 3", f"  class {','.join(waits)} waits"]
    text = "\n".join(lines).replace("__start__", "start([application])", 1).replace("__end__", "ended([end])", 1)
    return "```mermaid\n" + text.replace("__start__", "start").replace("__end__", "ended") + "\n```"


def commands() -> str:
    """Every command of the shell with its one-line help."""
    rows = ["| command | what it does |", "|---|---|"]
    for name, command in _walk(typer.main.get_command(app), "onboard"):
        needed = [param.name.upper() for param in command.params if param.param_type_name == "argument"]
        words = (command.help or "").strip().split("\n")[0]
        rows.append(f"| `{' '.join([name, *needed])}` | {words} |")
    return "\n".join(rows)


def _walk(command: Any, name: str) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(name, command)]
    return [found for key, inner in command.commands.items() for found in _walk(inner, f"{name} {key}")]


def settings() -> str:
    """Every knob, its default, its sentence."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = UNPREFIXED.get(name, PREFIX + name.upper())
        default = "" if field.default in (None, "") else f"`{field.default}`"
        rows.append(f"| `{variable}` | {default} | {field.description} |")
    return "\n".join(rows)


def http() -> str:
    """The HTTP reference, from our own OpenAPI document."""
    document = openapi_document()
    problem = document["components"]["schemas"]["Problem"]["examples"][0]
    parts = ["# HTTP reference", f"Made from the service's own OpenAPI document. {document['info']['description']}"]
    parts += [CALLING, _json("An error:", problem)]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts.append(_call(method.upper(), path, operation))
    return "\n\n".join(parts) + "\n"


def _json(title: str, value: Any) -> str:
    return f"{title}\n\n```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


def _call(method: str, path: str, operation: dict[str, Any]) -> str:
    lines = [f"## {method} {path}", "", operation.get("description", operation.get("summary", "")), ""]
    for parameter in operation.get("parameters", []):
        about = parameter.get("description") or parameter["schema"].get("description") or ""
        lines.append(f"- `{parameter['name']}` ({parameter['in']}){': ' + about if about else ''}")
    if body := operation.get("requestBody"):
        lines.append(f"- body: {', '.join(f'`{kind}`' for kind in body['content'])}")
    for status, answer in sorted(operation["responses"].items()):
        lines.append(f"- {status}: {answer.get('description') or 'the answer'}")
    return "\n\n".join(["\n".join(lines), *_examples(operation)])


def _examples(operation: dict[str, Any]) -> list[str]:
    """A request in JSON, and each answer that is shown."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    found = [_json("Request:", body["example"])] if "example" in body else []
    for status, answer in operation["responses"].items():
        for name, shown in answer.get("content", {}).get("application/json", {}).get("examples", {}).items():
            found.append(_json(f"Answer {status}, {name}:", shown["value"]))
    return found


def findings() -> str:
    """Every finding code: how bad and what it means; and every rule of validation."""
    lines = [
        "# Findings",
        "",
        "The closed vocabulary. A critical finding recommends rejection; a warning or high one, or anything missing,",
        "recommends review; info never blocks. A person confirms whatever is recommended. Sections are the policy's.",
        "",
        "| code | severity | meaning | source |",
        "|---|---|---|---|",
    ]
    for code, entry in CATALOGUE.items():
        lines.append(f"| `{code}` | {entry.severity} | {entry.meaning} | {entry.source} |")
    rules = ", ".join(f"`{rule.name.removeprefix('rule:')}` ({rule.source})" for rule in RULES)
    lines += ["", f"The rules of validation, by id and version (source): {rules}."]
    return "\n".join(lines) + "\n"


def filled(text: str) -> str:
    """``text`` with every marked part made anew."""
    for name, made in (("drawing", drawing()), ("commands", commands()), ("settings", settings())):
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(rf"\g<1>{_literal(made)}\n\g<2>", text)
    return text


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def main() -> int:
    """Write the documents."""
    README.write_text(filled(README.read_text()))
    HTTP.parent.mkdir(exist_ok=True)
    HTTP.write_text(http())
    FINDINGS.write_text(findings())
    return 0


if __name__ == "__main__":
    sys.exit(main())
