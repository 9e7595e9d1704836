"""The shell face: ``onboard --help``.

Most commands only call a running service, and start in a second: what the others need is imported when they are called.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import quote

import typer

from api import custody_cli
from api import show as display
from api.checkpoints_cli import checkpoints
from api.shell import Json, complain, err, out, present, service, settings_of, told
from onboarding.errors import BadInput

app = typer.Typer(
    no_args_is_help=True,
    help="Merchant onboarding: submit applications, see why, decide, replay; run the service and look after it.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
tokens = typer.Typer(no_args_is_help=True, help="Bearer tokens of backends and people.")
app.add_typer(tokens, name="token")
app.add_typer(checkpoints, name="checkpoints")
app.add_typer(custody_cli.audit, name="audit")

TYPES: Final = {"json": "application/json", "text": "text/plain", "csv": "text/csv"}
SUFFIXES: Final = {".json": "json", ".csv": "csv", ".txt": "text", ".eml": "text", ".md": "text", ".xml": "text"}


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    replica: Annotated[
        bool, typer.Option("--replica", help="One of several: runs no cases, `onboard work` does.")
    ] = False,
) -> None:
    """Run the service: API, pages, engine, and the sandbox where no SVC1 or SVC2 is configured."""
    from api.logs import configure_logging
    from api.serve import serve as run_service
    from tools.listening import run

    configure_logging()

    def ready(url: str, link: str) -> None:
        out.print(f"onboard serves [bold]{url}[/bold] (API reference: {url}/docs); data in {settings.data_dir}")
        out.print(f"sign in once within the hour: {link}", soft_wrap=True, highlight=False)
        out.print(f"admin token in {settings.data_dir / 'admin-token'}; stop with Ctrl-C")

    with told():
        settings = settings_of()
        run(run_service(settings, host, port, ready, role="api" if replica else "all"))


@app.command()
def work() -> None:
    """Run cases beside replicas of the service, over one PostgreSQL; serves only health and metrics."""
    from api.logs import configure_logging
    from api.work import work as run_worker
    from tools.listening import run

    configure_logging()

    def ready(url: str) -> None:
        out.print(f"onboard works; metrics on {url}/metrics; stop with Ctrl-C")

    with told():
        run(run_worker(settings_of(), ready))


@app.command("sign-in")
def sign_in(
    name: Annotated[str, typer.Argument(help="Who signs in: the name of a live token.")] = "admin",
) -> None:
    """Print a link that signs somebody in to the console, once, within the hour."""
    from graph import signing

    with told():
        out.print(asyncio.run(signing.sign_in_link(settings_of(), name)), soft_wrap=True, highlight=False)


@app.command()
def submit(
    file: Annotated[str, typer.Argument(help="A file, or - for standard input.")],
    format_: Annotated[
        Literal["json", "text", "csv"] | None, typer.Option("--format", help="Default: by suffix.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until a person, the merchant or nobody is awaited.")] = False,
    key: Annotated[str | None, typer.Option(help="Idempotency key: the same again is the same case.")] = None,
    as_json: Json = False,
) -> None:
    """Submit an application."""
    with service() as client:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        kind = (
            format_
            or SUFFIXES.get(Path(file).suffix.lower())
            or ("json" if body.lstrip()[:1] in (b"{", b"[") else "text")
        )
        mail = format_ is None and file.lower().endswith(".eml")
        headers = {"Content-Type": "message/rfc822" if mail else TYPES[kind]} | (
            {"Idempotency-Key": key} if key else {}
        )
        answer = client.call("POST", "/v1/cases", content=body, headers=headers)
        rows = list(answer["items"]) if "items" in answer else [{"case": answer}]
        found = [display.settled(client, row["case"]) if wait and row.get("case") else row.get("case") for row in rows]
        problems = [row["problem"]["detail"] for row in rows if row.get("problem")]
        cases = [case for case in found if case]
        present(answer if not wait else (cases[0] if len(rows) == 1 else cases), as_json, display.table(cases))
        for problem in problems:
            complain("not accepted", problem)
        if problems:
            raise typer.Exit(1)


@app.command()
def cases(
    status: Annotated[str | None, typer.Option(help="Only cases of this status.")] = None,
    q: Annotated[
        str | None,
        typer.Option(help="Words of the names, or their first letters (three or more); the reference; or the id."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    as_json: Json = False,
) -> None:
    """List cases, newest first."""
    with service() as client:
        params = {name: value for name, value in {"status": status, "q": q, "limit": limit}.items() if value}
        answer = client.call("GET", "/v1/cases", params=params)
        present(answer, as_json, display.table(answer["items"]))


@app.command()
def show(case: Annotated[str, typer.Argument(help="The case's id.")], as_json: Json = False) -> None:
    """Show one case: what was read, what was found and why, what was decided, and what happened."""
    with service() as client:
        answer = client.call("GET", f"/v1/cases/{quote(case, safe='')}")
        events = client.call("GET", f"/v1/cases/{quote(case, safe='')}/events")["items"]
        present(answer if as_json else None, as_json, display.case(answer, events))


@app.command()
def file(
    case: Annotated[str, typer.Argument(help="The case's id.")],
    target: Annotated[Path | None, typer.Option("--out", help="Default: case-ID.html here.")] = None,
) -> None:
    """Write everything that led to a case's outcome as one HTML file, for an auditor; a browser prints it as PDF."""
    out_file = target or Path(f"case-{case}.html")
    with service() as client:
        if out_file.exists():
            raise BadInput(f"{out_file} exists already; no file is overwritten.")
        out_file.write_bytes(client.download(f"/v1/cases/{quote(case, safe='')}/file"))
        out.print(f"{out_file}: {out_file.stat().st_size:,} bytes")


@app.command()
def decide(
    case: Annotated[str, typer.Argument(help="The case's id.")],
    action: Annotated[
        str, typer.Argument(help="approve, reject, request-information; retry or give-up after a failed activation.")
    ],
    reason: Annotated[
        list[str] | None, typer.Option(help="A reason code (docs/findings.md); may be repeated. Default: the advice's.")
    ] = None,
    ask: Annotated[list[str] | None, typer.Option(help="PATH=QUESTION to the merchant; may be repeated.")] = None,
    comment: Annotated[str | None, typer.Option(help="For the record.")] = None,
    review: Annotated[str | None, typer.Option(help="The review it is meant for; default: the one that waits.")] = None,
    as_json: Json = False,
) -> None:
    """Decide the waiting review of a case."""
    with service() as client:
        body = {
            "action": action.replace("-", "_"),
            "reason_codes": reason or [],
            "request": [_question(item) for item in ask or []],
            "comment": comment,
            "review_id": review,
        }
        answer = client.call("POST", f"/v1/cases/{quote(case, safe='')}/decision", json=body)
        present(answer, as_json, display.decided(answer))


def _question(item: str) -> dict[str, str]:
    path, stated, text = item.partition("=")
    if not (path and stated and text):
        raise BadInput(f"--ask takes PATH=QUESTION, for example website=Which one is yours?, not {item!r}.")
    return {"path": path, "text": text}


@app.command()
def release(case: Annotated[str, typer.Argument(help="The case's id.")], as_json: Json = False) -> None:
    """Take a case out of quarantine and try again from where it stands."""
    with service() as client:
        answer = client.call("POST", f"/v1/cases/{quote(case, safe='')}/release")
        present(answer, as_json, display.table([answer]))


@app.command("eval")
def eval_(
    file: Annotated[Path, typer.Argument(help="JSON lines: id, format, payload, as_of, and expect where known.")],
    results: Annotated[Path, typer.Option(help="Where a line each goes.")],
    recordings: Annotated[
        Path | None, typer.Option(help="Recorded model answers; with ONBOARD_MODEL set, new ones are added.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run PreOnboarding over a file of applications and compare with what is expected.

    What a line expects has normalised, findings, missing and recommendation, as a line of the results has them.
    With ONBOARD_MODEL or recordings: by rules, by the model alone, and by both, side by side.
    """
    from api.evaluate import evaluate

    with told():
        report = evaluate(file, results, settings_of(), err, recordings)
        present(report.data, as_json, report.table())
        if report.unreadable:
            raise typer.Exit(1)


@app.command()
def doctor(
    audit: Annotated[bool, typer.Option("--audit", help="Read every record, verify every chain and seal.")] = False,
    anchor: Annotated[
        Path | None, typer.Option(help="A kept file of `onboard audit export` to verify against.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check the settings, the storage, the audit chains, and cases that need an operator."""
    from api import doctor as checkup

    with told():
        report = asyncio.run(checkup.examine(settings_of(), audit=audit, anchor=anchor))
        present(report, as_json, checkup.table(report))
        if not all(item["ok"] for item in report):
            raise typer.Exit(1)


@tokens.command("create")
def token_create(
    name: Annotated[str, typer.Argument(help="Whose token it is; for people their e-mail address.")],
    role: Annotated[Literal["backend", "reviewer", "senior_reviewer", "admin"], typer.Option(help="What it may do.")],
    email: Annotated[
        str | None,
        typer.Option(help="The person's address, if it is not the name: tokens of one address are one person's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a bearer token; it is printed this once."""
    from graph import administration

    with told():
        token = asyncio.run(administration.create_token(settings_of(), name, role, email))
        present({"name": name, "role": role, "email": email, "token": token}, as_json, token)


@tokens.command("revoke")
def token_revoke(name: Annotated[str, typer.Argument(help="Whose tokens end now.")]) -> None:
    """End every live token of this name."""
    from graph import administration

    with told():
        count = asyncio.run(administration.revoke_tokens(settings_of(), name))
        if not count:
            raise BadInput(f"{name}: nobody of this name has a live token; nothing was ended.", field="name")
        out.print(f"{count} token(s) of {name} ended")


for command in ("rebuild", "erase", "backup", "restore", "reseal", "reindex"):
    app.command()(getattr(custody_cli, command))


def main() -> None:
    """The entry point. What it writes is about people: for its owner's eyes only."""
    os.umask(0o077)
    app()
