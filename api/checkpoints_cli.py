"""``onboard checkpoints``: what the graph remembers of a case, taken away, read back, and played again.

What a command needs beyond the shell it imports when it is called, so that the others start without it.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from api import show as display
from api.shell import Json, out, present, service, settings_of, told
from onboarding.errors import BadInput, DataDirInUse

checkpoints = typer.Typer(no_args_is_help=True, help="What the graph remembers of a case; bundles and replays.")
CaseOrBundle = Annotated[str, typer.Argument(help="The case's id, or the path of a bundle.")]


@checkpoints.command("list")
def list_(case: Annotated[str, typer.Argument(help="The case's id.")], as_json: Json = False) -> None:
    """The case's checkpoints, newest first."""
    with service() as client:
        answer = client.call("GET", f"/v1/cases/{case}/checkpoints")
        present(answer, as_json, display.checkpoints(answer["items"]))


@checkpoints.command("show")
def show(case: CaseOrBundle, as_json: Json = False) -> None:
    """Step through a case: how long each step took, what it changed, what the model cost."""
    from api import steps as stepwise
    from graph import archive

    with told():
        rows = stepwise.steps(archive.case_file(settings_of(), case))
        present(rows, as_json, stepwise.page(rows))


@checkpoints.command("export")
def export(
    case: Annotated[str, typer.Argument(help="The case's id.")],
    file: Annotated[Path | None, typer.Option("--out", help="Default: case-ID.db here.")] = None,
    redact: Annotated[bool, typer.Option("--redact", help="Personal data under pseudonyms.")] = False,
) -> None:
    """Write a case as one SQLite file, readable in Datasette; the findings that redaction breaks are listed."""
    from graph import archive
    from graph.folder import own

    target = file or Path(f"case-{case}.db")
    with told():
        if target.exists():
            raise BadInput(f"{target} exists already; an export never overwrites a file.")
        settings = settings_of()
        try:
            lock = own(settings.data_dir)
        except DataDirInUse:  # the service writes its own trail
            _download(case, target, redact)
        else:
            with lock:
                asyncio.run(archive.export(settings, case, target, redacted=redact))
        lost = [row for row in archive.case_file(settings, str(target)).redaction if not row["reproducible"]]
        out.print(f"{target}: case {case}" + (f", redacted; {len(lost)} finding(s) not reproducible" if redact else ""))
        for row in lost:
            out.print(f"  {row['code']} {row['path'] or ''}: {row['why']}", highlight=False, markup=False)


def _download(case: str, target: Path, redact: bool) -> None:
    with service() as client:
        target.write_bytes(client.download(f"/v1/cases/{case}/bundle", params={"redact": redact}))


@checkpoints.command("import")
def import_(file: Annotated[Path, typer.Argument(help="A bundle.")]) -> None:
    """Read a bundle into this installation, as a copy to look at: it can never be decided or activated."""
    from graph import archive

    with told():
        found = asyncio.run(archive.import_(settings_of(), file))
        out.print(f"case {found.id} is here as a copy")


@checkpoints.command("replay")
def replay(
    case: Annotated[str | None, typer.Argument(help="The case's id, or the path of a bundle.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Play every stored case and sum up what would change.")] = False,
    status: Annotated[list[str] | None, typer.Option(help="With --all: only cases of this status; repeatable.")] = None,
    policy: Annotated[str | None, typer.Option(help="A policy file; `recorded` takes the one in the bundle.")] = None,
    from_step: Annotated[int | None, typer.Option("--from", help="Start after this recorded step.")] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="path=value: of the application, or with --from of the state; repeatable."),
    ] = None,
    live_model: Annotated[
        bool, typer.Option("--live-model", help="Ask the configured model, not its recordings.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="With --all: processes; default one a core.")] = None,
    as_json: Json = False,
) -> None:
    """Play a case again from what was recorded: no network, no letter, no effect. Shows where it first differs."""
    from api import replaying
    from api import steps as stepwise
    from graph import archive

    with told():
        settings = settings_of()
        if policy and policy != "recorded":
            settings = settings.model_copy(update={"policy": Path(policy)})
        if every:
            if case or from_step is not None or values or live_model or policy == "recorded":
                raise BadInput("--all takes --status, --policy and --workers only.")
            result = replaying.all_replayed(settings, status or [], workers)
            present(result.to_json(), as_json, stepwise.backtested(result))
        elif case is None:
            raise BadInput("Name a case or a bundle, or say --all.")
        else:
            file = archive.case_file(settings, case)
            play = replaying.replayed(settings, file, policy == "recorded", from_step, values or [], live_model)
            found = asyncio.run(play)
            present(found.to_json(), as_json, stepwise.replayed(found))
