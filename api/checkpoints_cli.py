"""``onboard checkpoints``: what the graph remembers of a case, taken away, read back, and played again."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from api import show as display
from api import steps as stepwise
from api.shell import Json, err, out, present, service, settings_of, told
from checkpoints.casefile import CaseFile
from graph import archive
from graph.backtest import backtest
from graph.difference import Difference, difference
from graph.replay import Player, versions
from graph.what_if import assignments, fork, substituted
from graph.wiring import live_model, own
from onboarding.errors import BadInput, DataDirInUse
from onboarding.policy import Policy
from onboarding.settings import Settings

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
    with told():
        settings = settings_of()
        if policy and policy != "recorded":
            settings = settings.model_copy(update={"policy": Path(policy)})
        if every:
            if case or from_step is not None or values or live_model or policy == "recorded":
                raise BadInput("--all takes --status, --policy and --workers only.")
            _replay_all(settings, status or [], workers, as_json)
        elif case is None:
            raise BadInput("Name a case or a bundle, or say --all.")
        else:
            file = archive.case_file(settings, case)
            found = asyncio.run(_replay(settings, file, policy == "recorded", from_step, values or [], live_model))
            present(found.to_json(), as_json, stepwise.replayed(found))


async def _replay(
    settings: Settings, file: CaseFile, own_policy: bool, from_step: int | None, values: list[str], live: bool
) -> Difference:
    policy = _recorded(file) if own_policy else archive.policy_of(settings)
    watchlist, sets = archive.watchlist_of(settings), assignments(values)
    start = fork(file, from_step, sets) if from_step is not None else None
    async with live_model(settings if live else None) as model:
        player = Player(settings, policy, watchlist, model)
        played = await player.play(file if start else substituted(file, sets), start)
    found = difference(file, played, after=start.row["n"] if start else 0)
    found.versions.update(versions(file, policy, watchlist))
    return found


def _recorded(file: CaseFile) -> Policy:
    """The policy that came with the bundle. Raises BadInput when it did not."""
    document: Any = next((row["document"] for row in file.versions if row["name"] == "policy"), None)
    if document is None:
        raise BadInput("The policy was not recorded with this case; name a file.")
    return Policy.from_document(document)


def _replay_all(settings: Settings, status: list[str], workers: int | None, as_json: bool) -> None:
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("replaying", total=None)
        result = backtest(
            settings,
            statuses=status,
            workers=workers,
            tick=lambda done, total: progress.update(task, completed=done, total=total),
        )
    present(result.to_json(), as_json, stepwise.backtested(result))
