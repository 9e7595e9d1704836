"""``onboard doctor``: is everything in order, and if not, what to do. Looks only; changes nothing."""

import shutil
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from checkpoints import audit as trail
from checkpoints import cases, connections, outbox, rescreens, retention, seals
from checkpoints.database import Database
from checkpoints.saver import open_saver
from graph.administration import ledger
from graph.builder import build_graph
from graph.folder import made
from graph.parked import stuck
from graph.room import crowded, each
from graph.runner import KNOWN_VERSIONS
from graph.safekeeping import anchor_of, mac
from graph.state import newer
from onboarding.errors import OnboardingError
from onboarding.policy import Policy
from onboarding.screening import LeanWatchlist
from onboarding.settings import Settings

LEAST_FREE = 500_000_000
UNSCREENED = (
    "none configured: nobody is screened against sanctions and PEP lists, and cases are advised without. Set"
    " ONBOARD_WATCHLIST to a JSON-lines file of yours (examples/watchlist.jsonl shows the form; its names are invented)"
    " and restart the service; to go without is your decision, and this line stays"
)

_PUT_BACK = (
    "put back the one that was kept beside the backup before the service runs; with another, links in letters"
    " do not work, and earlier applications of a merchant are not known again"
)
NO_SECRET = f"secret-key is not in the data folder, and the service would make another: {_PUT_BACK}"
OTHER_SECRET = f"it is not the one that the newest seal was made with: {_PUT_BACK}"


async def examine(settings: Settings, *, audit: bool, anchor: Path | None = None) -> list[dict[str, Any]]:
    """Every check as ``{check, ok, detail}``; ``detail`` says what to do where it is not ok.

    ``audit`` also reads every record and verifies the trail; ``anchor`` is a file of ``onboard audit export``.
    """
    report = [_disk(settings), _policy(settings), _watchlist(settings), _access(settings), _places(settings)]
    try:
        async with ledger(settings) as db:
            report += await _stored(db)
            report += await _connections(db, settings)
            report += await _secret(db, settings)
            report.append(await _parked(db))
            if audit or anchor:
                report += [await _chains(db, mac(settings)), await _records(db)]
            if anchor:
                report.append(await _anchored(db, anchor_of(anchor)))
    except OnboardingError as error:
        report.append(_line("database", False, error.detail))
    return report


def _line(check: str, ok: bool, detail: str) -> dict[str, Any]:
    return {"check": check, "ok": ok, "detail": detail}


def _disk(settings: Settings) -> dict[str, Any]:
    made(settings.data_dir)
    free = shutil.disk_usage(settings.data_dir).free
    return _line("disk", free >= LEAST_FREE, f"{free // 1_000_000:,} MB free in {settings.data_dir}")


def _policy(settings: Settings) -> dict[str, Any]:
    try:
        policy = Policy.load(settings.policy) if settings.policy else Policy.default()
    except (OnboardingError, OSError) as error:
        return _line("policy", False, str(error))
    return _line("policy", True, f"version {policy.version} ({settings.policy or 'built in'})")


def _watchlist(settings: Settings) -> dict[str, Any]:
    if settings.watchlist is None:  # the service runs all the same, and advises to approve who was never screened
        return _line("watchlist", False, UNSCREENED)
    try:
        watchlist = LeanWatchlist.load(settings.watchlist)
    except (OnboardingError, OSError, ValueError) as error:
        return _line("watchlist", False, str(error))
    told = f"{len(watchlist):,} entries, version {watchlist.version}"
    return _line("watchlist", len(watchlist) > 0, told if len(watchlist) else "no entry in it: nobody is screened")


def _access(settings: Settings) -> dict[str, Any]:
    loose = [
        path.name
        for name in ("secret-key", "admin-token")
        if (path := settings.data_dir / name).exists() and path.stat().st_mode & 0o077
    ]
    return _line(
        "secrets", not loose, f"readable by others: {', '.join(loose)}" if loose else "readable by their owner only"
    )


def _places(settings: Settings) -> dict[str, Any]:
    if settings.proxies:
        return _line("proxy", True, f"{', '.join(settings.proxies)} may say where requests come from")
    if not settings.public_url.startswith("https://"):
        return _line("proxy", True, "none trusted: limits go by who connects")
    told = "all who come through it are one place to the limits (set ONBOARD_TRUSTED_PROXIES to its address)"
    return _line("proxy", False, f"{settings.public_url} is a proxy's, and none is trusted: {told}")


async def _stored(db: Database) -> list[dict[str, Any]]:
    counted = await db.read(cases.counts)
    aside = await db.read(
        lambda tx: cases.listed(tx, filters={"status": "quarantined"}, which=(), before=None, limit=50)
    )
    due = await db.read(cases.due)
    versions = await db.read(cases.open_graph_versions)
    oldest = await db.read(outbox.oldest_queued)
    marked = await db.read(rescreens.marked)
    unknown = {version: count for version, count in versions.items() if version not in KNOWN_VERSIONS}
    later = {version: count for version, count in unknown.items() if newer(version)}
    told = "; ".join(f"{row.id}: {row.problem}" for row in aside)
    return [
        _line("cases", True, ", ".join(f"{count} {status}" for status, count in sorted(counted.items())) or "none yet"),
        _line("quarantine", not aside, f"{told} (look, then `onboard release CASE`)" if aside else "empty"),
        _line("work due", True, f"{len(due)} case(s) to be advanced"),
        _line("graph versions", not unknown, _versions(unknown, later)),
        _line(
            "rescreening",
            not marked,
            f"{marked} active merchant(s) came up on a newer list and nobody has looked; their cases say so"
            if marked
            else "nobody came up",
        ),
        _line("outbox", True, f"oldest letter waits since {oldest}" if oldest else "empty"),
    ]


async def _connections(db: Database, settings: Settings) -> list[dict[str, Any]]:
    """Whether the pools of all processes fit the server; nothing to say of SQLite."""
    if (owner := db.owner) is None:
        return []
    found, mine = await db.read(lambda tx: connections.room(tx, owner)), each(settings)
    told = f"{found.others} process(es) of {mine} and {found.strangers} of others; the server gives {found.most}"
    problem = crowded(found._replace(others=found.others - 1), mine)  # this command takes next to nothing
    return [_line("connections", problem is None, problem or told)]


async def _secret(db: Database, settings: Settings) -> list[dict[str, Any]]:
    """Whether the secret here is the one that the newest seal was made with; nothing to say before there is a seal."""
    if (last := await db.read(seals.newest)) is None:
        return []
    here = settings.secret_key is not None or (settings.data_dir / "secret-key").exists()  # mac() would make one
    if here and last.mac == mac(settings)(last.hash):
        return [_line("secret key", True, "the one that the newest seal was made with")]
    return [_line("secret key", False, OTHER_SECRET if here else NO_SECRET)]


def _versions(unknown: dict[str, int], later: dict[str, int]) -> str:
    """Open cases by a graph version that this code does not have."""
    lost = {version: count for version, count in unknown.items() if version not in later}
    told = [f"open cases left to newer code: {later}"] if later else []
    return "; ".join([*told, f"open cases this code cannot resume: {lost}"] if lost else told) or "all known"


async def _parked(db: Database) -> dict[str, Any]:
    stuck_ = await stuck(db, build_graph(open_saver(db)))
    told = "; ".join(stuck_[:5])
    return _line("parked", not stuck_, f"{told} (`onboard rebuild CASE`)" if stuck_ else "every waiting case can go on")


async def _chains(db: Database, mac: seals.Mac) -> dict[str, Any]:
    broken = await db.scan(lambda tx: [*trail.broken_links(tx), *seals.broken_seals(tx, mac)])
    return _line("audit", not broken, "; ".join(broken[:5]) if broken else "every chain and every seal holds")


async def _records(db: Database) -> dict[str, Any]:
    bad = await db.scan(lambda tx: [*retention.unreadable(tx), *retention.rewritten(tx)])
    return _line(
        "records", not bad, "; ".join(bad[:5]) if bad else "every record opens, every review is as it was shown"
    )


async def _anchored(db: Database, anchor: dict[str, Any]) -> dict[str, Any]:
    holds = await db.read(lambda tx: seals.holds(tx, anchor))
    name = f"seal {anchor['seal']}"
    return _line(
        "anchor", holds, f"{name} is still there" if holds else f"{name} is gone or another: rewritten history"
    )


def table(report: list[dict[str, Any]]) -> RenderableType:
    """One line a check."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    for item in report:
        mark = Text("ok", style="green") if item["ok"] else Text("NOT OK", style="bold red")
        shown.add_row(mark, item["check"], Text(item["detail"]))
    return shown
