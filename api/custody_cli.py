"""Commands for whole cases and whole ledgers: rebuild, erase, backup, restore, reseal, reindex, and the audit trail.

What works on the ledger is imported when it is called for, so that the other commands start without it.
"""

import asyncio
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from api import show as display
from api.shell import Json, err, out, present, service, settings_of, told

audit = typer.Typer(no_args_is_help=True, help="The audit trail of all cases, to take away and to verify.")
Case = Annotated[str, typer.Argument(help="The case's id.")]


def rebuild(case: Case, as_json: Json = False) -> None:
    """Make a quarantined case's checkpoints anew from the ledger, and go on from its last wait."""
    with service() as client:
        answer = client.call("POST", f"/v1/cases/{quote(case, safe='')}/rebuild")
        present(answer, as_json, display.table([answer]))


def erase(
    case: Case,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; what is erased cannot be had back.")] = False,
    as_json: Json = False,
) -> None:
    """Erase a closed case's personal data; who decided what on which hash stays, and still verifies."""
    if not yes:
        typer.confirm(f"Erase the personal data of case {case} for good?", abort=True, err=True)
    with service() as client:
        answer = client.call("POST", f"/v1/cases/{quote(case, safe='')}/erase")
        present(answer, as_json, display.table([answer]))


def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes.")]) -> None:
    """Copy the ledger while it is in use. Keep the secret-key file and the encryption key elsewhere."""
    from graph import safekeeping

    with told():
        safekeeping.backup(settings_of(), file)
        out.print(f"{file}: {file.stat().st_size:,} bytes")


def restore(file: Annotated[Path, typer.Argument(help="A file of `onboard backup`.")]) -> None:
    """Put a backup where there is no ledger yet; services are then asked by key before anything is repeated."""
    from graph import safekeeping

    with told():
        count = asyncio.run(safekeeping.restore(settings_of(), file))
        out.print(f"{count} case(s) restored; start the service when the secret-key file is in place")


def reseal(
    plain_too: Annotated[
        bool, typer.Option("--plain-too", help="Also seal what was stored before there was a key.")
    ] = False,
) -> None:
    """Seal everything stored with the first key of ONBOARD_ENCRYPTION_KEY, beside a running service."""
    from graph import safekeeping

    with told():
        bad: list[str] = []
        count = asyncio.run(safekeeping.reseal(settings_of(), bad.append, plain_too=plain_too))
        out.print(f"{count} record(s) sealed anew")
        for problem in bad:
            err.print(f"[red]not opened:[/red] {problem}", highlight=False)
        if bad:
            raise typer.Exit(1)


def reindex() -> None:
    """Let search find cases of earlier releases by all that it looks for today, beside a running service."""
    from graph import reindexing

    with told():
        bad: list[str] = []
        count = asyncio.run(reindexing.reindex(settings_of(), bad.append))
        out.print(f"{count} case(s) indexed anew")
        for problem in bad:
            err.print(f"[red]not opened:[/red] {problem}", highlight=False)
        if bad:
            raise typer.Exit(1)


@audit.command("export")
def export(file: Annotated[Path, typer.Argument(help="Where the JSON lines go.")], as_json: Json = False) -> None:
    """Write the whole trail, its seals and an anchor: kept elsewhere it shows any later rewriting."""
    from graph import safekeeping

    with told():
        anchor = asyncio.run(safekeeping.export_trail(settings_of(), file))
        present(anchor, as_json, f"{file}: sealed up to seal {anchor.get('seal')}, {anchor.get('hash')}")


@audit.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="A file of `onboard audit export`.")], as_json: Json = False
) -> None:
    """Verify an exported trail, without the ledger; names the first broken link of every case."""
    from graph import safekeeping

    with told():
        broken = safekeeping.verify_trail(file)
        present(broken, as_json, "\n".join(broken) if broken else "every chain and every seal holds")
        if broken:
            raise typer.Exit(1)
