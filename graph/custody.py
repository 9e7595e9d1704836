"""What an operator may do to a whole case: rebuild what the graph remembers of it from the ledger, or erase it."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple, cast

from checkpoints import audit, cases, effects, outbox, retention, reviews, views
from checkpoints.database import Tx
from checkpoints.saver import LedgerSaver
from graph.runner import Runner
from graph.state import GRAPH_VERSION, CaseState
from graph.waits import WAITS
from onboarding.assessment import Assessment, Validation
from onboarding.case import STATUS_OF_STAGE, CaseRecord, CaseView
from onboarding.errors import Conflict, TamperedRecord
from onboarding.reading.result import Reading
from tools.mail import safe_name


class Standing(NamedTuple):
    """Where the ledger says that a case stands: the state, and the node that opened the wait it stands at."""

    state: CaseState
    opened_by: str


def as_it_waits(tx: Tx, case_id: str) -> None:
    """A case that still waits for somebody shows so again."""
    wait = reviews.waiting(tx, case_id)
    if wait is not None:
        cases.set_status(tx, case_id, STATUS_OF_STAGE[wait.stage])


async def rebuild(runner: Runner, actor: str, case_id: str) -> CaseView:
    """Make the thread of a quarantined case anew from the ledger, in the graph of this release, and go on from there.

    It stands at its last wait again; a decision recorded on that wait is taken up, and effects keep their keys, so
    nothing is asked or done a second time. Raises CaseNotFound, Conflict, TamperedRecord when the ledger itself is
    damaged (then only a backup helps).
    """
    saver = runner.graph.checkpointer
    assert isinstance(saver, LedgerSaver)
    async with runner.alone_with(case_id) as lease:
        db, config = lease.context.db, lease.config
        standing = await db.read(lambda tx: _standing(tx, case_id))
        await saver.adelete_thread(case_id)
        if standing is not None:
            await runner.graph.aupdate_state(config, dict(standing.state), as_node=standing.opened_by)
            await runner.graph.ainvoke(None, config, context=lease.context)  # as far as the wait, which is pure

        def go_on(tx: Tx) -> CaseView:
            cases.rebuilt(tx, case_id, GRAPH_VERSION)
            audit.append(tx, case_id, actor, "case.rebuilt", {"graph_version": GRAPH_VERSION})
            cases.release(tx, case_id, actor)
            as_it_waits(tx, case_id)
            return views.view(tx, cases.get(tx, case_id))

        return await db.write(go_on)


def _standing(tx: Tx, case_id: str) -> Standing | None:
    """None: nobody was shown anything yet, so the case simply starts."""
    if cases.get(tx, case_id).status != "quarantined":
        raise Conflict("Only a quarantined case can be rebuilt.")
    wait = reviews.latest(tx, case_id)
    if wait is None:
        return None
    first = reviews.last_shown(tx, case_id, wait.version)
    if first is None:
        raise TamperedRecord(f"Version {wait.version} of case {case_id} was never shown to a reviewer.")
    record = CaseRecord.from_json(reviews.intact(tx, first))
    state: CaseState = {
        "case_id": case_id,
        "graph_version": GRAPH_VERSION,
        "version": wait.version,
        "reading": Reading(application=record.application, provenance=record.provenance).to_json(),
        "validation": Validation(
            findings=record.findings, missing=record.missing, screening=record.screening
        ).to_json(),
        "assessment": Assessment(
            recommendation=record.recommendation,
            risk=record.risk,
            summary=record.summary,
            requirements=record.requirements,
        ).to_json(),
        "wait": _wait(wait),
    }
    if record.basis is not None:
        state |= {"as_of": record.basis.as_of, "basis": record.basis.to_json()}
    return Standing(cast(CaseState, state | _activating(tx, case_id, wait)), WAITS[wait.stage].opened_by)


def _wait(wait: reviews.Review) -> dict[str, Any]:
    told = {"review_id": wait.id, "stage": wait.stage}
    return told | {"second_required": wait.second_required} if wait.stage == "review" else told


def _activating(tx: Tx, case_id: str, wait: reviews.Review) -> dict[str, Any]:
    """The round of activation and how it stands; nothing before the first."""
    mine = [row for row in effects.of_case(tx, case_id) if row["version"] == wait.version]
    if not mine:
        return {}
    round_ = max(row["round"] for row in mine)
    statuses = {row["service"]: row["status"] for row in mine if row["round"] == round_}
    return {"attempt": round_, "activations": statuses, "outcome": "unavailable"}


async def erase(runner: Runner, actor: str, case_id: str) -> CaseView:
    """Erase a closed case's personal data: documents, letters, recordings, checkpoints, look-up keys and kept files.

    Decisions, hashes and the trail stay and still verify. Raises CaseNotFound, Conflict.
    """
    saver = runner.graph.checkpointer
    assert isinstance(saver, LedgerSaver)
    async with runner.alone_with(case_id) as lease:
        db = lease.context.db
        letters = await db.read(lambda tx: [row.message_id for row in outbox.of_case(tx, case_id)])

        def gone(tx: Tx) -> CaseView:
            retention.erase(tx, case_id, actor)
            return views.view(tx, cases.get(tx, case_id))

        await db.write(retention.overwriting)
        view = await db.write(gone)
        await saver.adelete_thread(case_id)
        await db.write(retention.overwriting_no_more)
        await asyncio.to_thread(retention.empty_log, runner.context.settings.database)
        for message_id in letters:
            kept(runner.context.settings.data_dir, message_id).unlink(missing_ok=True)
        return view


def kept(data_dir: Path, message_id: str) -> Path:
    """The file of a letter that was kept and not sent."""
    return data_dir / "outbox" / f"{safe_name(message_id)}.eml"
