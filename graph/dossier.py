"""Everything that led to a case's outcome, of one moment, for an auditor who has nothing but the file."""

from datetime import datetime
from typing import Any, NamedTuple

from checkpoints import audit
from checkpoints.casefile import CaseFile
from checkpoints.database import Tx
from graph import archive, desk
from graph.picture import Picture, picture
from graph.runner import Runner
from graph.service import Actor, Service
from onboarding.case import CaseRecord


class Shown(NamedTuple):
    """One review: what stood on the page, and what it was decided on it. ``record`` is None for other stages."""

    row: dict[str, Any]
    record: CaseRecord | None
    decision: dict[str, Any] | None


class Dossier(NamedTuple):
    """``broken``: where the trail does not hold, empty when it does. ``actor`` took the file at ``at``."""

    opened: desk.Opened
    file: CaseFile
    reviews: list[Shown]
    flow: Picture
    broken: list[str]
    actor: str
    at: datetime


async def dossier(service: Service, runner: Runner, actor: Actor, case_id: str) -> Dossier:
    """Put it together; who took it stands in the trail. Raises CaseNotFound, Forbidden, TamperedRecord."""
    ctx = service.context

    def look(tx: Tx) -> tuple[desk.Opened, CaseFile]:
        return desk.opened(tx, service, actor, case_id), archive.collected(tx, case_id, actor.client, history=False)

    opened, taken = await ctx.db.scan(look)
    file = archive.with_versions(taken, ctx.policy, ctx.watchlist)
    decided = {row["review_id"]: row for row in file.decisions}
    reviews = [Shown(row, _record(row), decided.get(row["id"])) for row in file.reviews]
    flow = picture(runner.graph, opened.view, opened.waiting, opened.events)
    broken = list(audit.broken_among(file.audit))
    await ctx.db.write(lambda tx: audit.append(tx, case_id, actor.name, "case.exported", {"form": "file"}))
    return Dossier(opened, file, reviews, flow, broken, actor.name, ctx.clock())


def _record(row: dict[str, Any]) -> CaseRecord | None:
    return CaseRecord.from_json(row["shown"]) if row["stage"] == "review" and "application" in row["shown"] else None
