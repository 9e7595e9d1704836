"""``onboard doctor``: is everything in order, and if not, what to do. Looks only; changes nothing."""

import shutil
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from checkpoints import audit as trail
from checkpoints import cases, outbox
from checkpoints.database import Database
from graph.administration import ledger
from graph.runner import KNOWN_VERSIONS
from onboarding.errors import OnboardingError
from onboarding.policy import Policy
from onboarding.screening import LeanWatchlist
from onboarding.settings import Settings

LEAST_FREE = 500_000_000


async def examine(settings: Settings, *, audit: bool) -> list[dict[str, Any]]:
    """Every check as ``{check, ok, detail}``; ``detail`` says what to do where it is not ok."""
    report = [_disk(settings), _policy(settings), _watchlist(settings), _access(settings)]
    try:
        async with ledger(settings) as db:
            report += await _stored(db)
            if audit:
                report.append(await _chains(db))
    except OnboardingError as error:
        report.append(_line("database", False, error.detail))
    return report


def _line(check: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"check": check, "ok": ok, "detail": detail}


def _disk(settings: Settings) -> dict[str, Any]:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.data_dir).free
    return _line("disk", free >= LEAST_FREE, f"{free // 1_000_000:,} MB free in {settings.data_dir}")


def _policy(settings: Settings) -> dict[str, Any]:
    try:
        policy = Policy.load(settings.policy) if settings.policy else Policy.default()
    except (OnboardingError, OSError) as error:
        return _line("policy", False, str(error))
    return _line("policy", True, f"version {policy.version} ({settings.policy or 'built in'})")


def _watchlist(settings: Settings) -> dict[str, Any]:
    if settings.watchlist is None:
        return _line("watchlist", True, "none configured: nobody is screened (set ONBOARD_WATCHLIST)")
    try:
        watchlist = LeanWatchlist.load(settings.watchlist)
    except (OnboardingError, OSError, ValueError) as error:
        return _line("watchlist", False, str(error))
    return _line("watchlist", True, f"{len(watchlist):,} entries, version {watchlist.version}")


def _access(settings: Settings) -> dict[str, Any]:
    loose = [
        path.name
        for name in ("secret-key", "admin-token")
        if (path := settings.data_dir / name).exists() and path.stat().st_mode & 0o077
    ]
    return _line(
        "secrets", not loose, f"readable by others: {', '.join(loose)}" if loose else "readable by their owner only"
    )


async def _stored(db: Database) -> list[dict[str, Any]]:
    counted = await db.read(cases.counts)
    aside = await db.read(
        lambda tx: cases.listed(tx, filters={"status": "quarantined"}, found=None, before=None, limit=50)
    )
    due = await db.read(cases.due)
    versions = await db.read(cases.open_graph_versions)
    oldest = await db.read(outbox.oldest_queued)
    unknown = {version: count for version, count in versions.items() if version not in KNOWN_VERSIONS}
    told = "; ".join(f"{row.id}: {row.problem}" for row in aside)
    return [
        _line("cases", True, ", ".join(f"{count} {status}" for status, count in sorted(counted.items())) or "none yet"),
        _line("quarantine", not aside, f"{told} (look, then `onboard release CASE`)" if aside else "empty"),
        _line("work due", True, f"{len(due)} case(s) to be advanced"),
        _line(
            "graph versions", not unknown, f"open cases this code cannot resume: {unknown}" if unknown else "all known"
        ),
        _line("outbox", True, f"oldest letter waits since {oldest}" if oldest else "empty"),
    ]


async def _chains(db: Database) -> dict[str, Any]:
    broken = await db.read(lambda tx: list(trail.broken_links(tx)))
    return _line("audit", not broken, "; ".join(broken[:5]) if broken else "every chain holds")


def table(report: list[dict[str, Any]]) -> RenderableType:
    """One line a check."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    for item in report:
        mark = Text("ok", style="green") if item["ok"] else Text("NOT OK", style="bold red")
        shown.add_row(mark, item["check"], Text(item["detail"]))
    return shown
