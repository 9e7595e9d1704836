"""A case, or all of them, played again as the command line says."""

from typing import Any

from rich.progress import Progress

from api.shell import err
from checkpoints.casefile import CaseFile
from graph import archive
from graph.backtest import Backtest, backtest
from graph.difference import Difference, difference
from graph.replay import Player, versions
from graph.what_if import assignments, fork, substituted
from graph.wiring import live_model
from onboarding.errors import BadInput
from onboarding.policy import Policy
from onboarding.settings import Settings


async def replayed(
    settings: Settings, file: CaseFile, own_policy: bool, from_step: int | None, values: list[str], live: bool
) -> Difference:
    """One case against its recording. Raises BadInput, RecordingMissing."""
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


def all_replayed(settings: Settings, status: list[str], workers: int | None) -> Backtest:
    """Every stored case of these statuses, in processes of their own, with a bar on stderr. Raises BadInput."""
    with Progress(console=err, transient=True) as progress:
        task = progress.add_task("replaying", total=None)
        return backtest(
            settings,
            statuses=status,
            workers=workers,
            tick=lambda done, total: progress.update(task, completed=done, total=total),
        )
