"""Onboarding's effects: the gate before them, one per business key, and their undoing."""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from checkpoints import audit, cases, effects, gate, reviews
from checkpoints.database import Tx, stamp
from checkpoints.documents import digest
from graph.context import Context
from graph.state import Activating
from onboarding import faults
from onboarding.errors import GateRefused, ServiceRefused, ServiceUnavailable

SERVICES: Final = ("svc1", "svc2")
ENDED: Final = frozenset({"active", "refused", "cancelled", "cancel_refused", "absent"})
SHORTEST_PAUSE: Final = timedelta(seconds=1)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)


def authorise(tx: Tx, case_id: str, version: int) -> int:
    """Check the gate and name the round of activation. Raises GateRefused."""
    approved(tx, case_id, version)
    if cases.status_of(tx, case_id) != "activating":
        cases.set_status(tx, case_id, "activating")
    retries: int = sum(row.action == "retry" and row.stage == "activation" for row in reviews.decisions_of(tx, case_id))
    return retries + 1


def approved(tx: Tx, case_id: str, version: int) -> dict[str, Any]:
    """The merchant exactly as approved, from the ledger and not from the state. Raises GateRefused."""
    standing = gate.approved_record(tx, case_id, version)
    if standing is None:
        raise GateRefused(case_id=case_id)
    merchant: dict[str, Any] = standing[0].application.model_dump(mode="json", exclude={"extra"})
    return merchant


async def activate(ctx: Context, state: Activating, service: str) -> str:
    """Activate in one service: intent first, then the call, then the outcome. Returns the effect's status."""
    case_id, version, round_ = state["case_id"], state["version"], state.get("attempt", 1)
    body, row, hopeless = await ctx.db.write(lambda tx: _intend(tx, case_id, service, version, round_))
    if hopeless or row["status"] in ENDED:
        return str(row["status"])
    key = row["key"]

    async def on_attempt(number: int, outcome: str) -> None:
        if outcome == "started":
            if number > 1 or row["ask_first"]:  # else it was counted with the intent
                await ctx.db.write(lambda tx: effects.attempt(tx, key))
            faults.point(f"{service}.before_call")
        else:
            ctx.db.post(lambda tx: effects.attempted(tx, key, outcome))

    try:
        done = await ctx.tool(
            f"activate_{service}", key=key, body=body, on_attempt=on_attempt, ask_first=row["ask_first"]
        )
    except ServiceRefused as error:
        ending = functools.partial(effects.settle, key=key, status="refused", detail=error.detail)
    except ServiceUnavailable as error:
        ending = functools.partial(effects.settle, key=key, status="unavailable", detail=error.detail)
    else:
        faults.point(f"{service}.after_call")
        ending = functools.partial(effects.settle, key=key, status="active", reference=done["reference"])
    return await ctx.db.write(ending)


def _intend(
    tx: Tx, case_id: str, service: str, version: int, round_: int
) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """The request, the effect's row, and whether the other service has refused so that asking makes no sense.

    Without a doubt from earlier the first attempt is counted here: one commit before the call, and not two.
    """
    body = {"case_id": case_id, "application_version": version, "merchant": approved(tx, case_id, version)}
    row = effects.intend(tx, case_id, service, version, round_, digest(body))
    others = (
        other for other in effects.of_case(tx, case_id) if (other["version"], other["round"]) == (version, round_)
    )
    hopeless = any(other["status"] == "refused" for other in others)
    doubt = row["attempts"] > 0 or cases.without_document(tx, case_id).ask_first
    if not (doubt or hopeless or row["status"] in ENDED):
        effects.attempt(tx, row["key"])
    return body, row | {"ask_first": doubt}, hopeless


def outcome(statuses: Mapping[str, str], patient: bool) -> str:
    """``active`` when both are; ``refused`` when one is for good, or none answers any more; else ``unavailable``."""
    found = {statuses.get(service, "unavailable") for service in SERVICES}
    if found == {"active"}:
        return "active"
    return "refused" if not patient or not found <= {"active", "unavailable", "intent"} else "unavailable"


def patience(ctx: Context, rows: Sequence[Mapping[str, Any]], version: int, round_: int) -> timedelta:
    """How much longer the services may be asked again by the clock before a person is asked."""
    mine = [row["created_at"] for row in rows if (row["version"], row["round"]) == (version, round_)]
    waited = ctx.clock() - datetime.fromisoformat(min(mine)) if mine else timedelta()
    return timedelta(minutes=ctx.settings.activation_patience_minutes) - max(waited, timedelta())


def pause(tx: Tx, ctx: Context, case_id: str, version: int, round_: int) -> str:
    """Open a wait that the clock ends; each pause is twice as long as the one before, none outlasts the patience."""
    before = reviews.next_round(tx, case_id, "service") - 1
    left = max(SHORTEST_PAUSE, patience(ctx, effects.of_case(tx, case_id), version, round_))
    until = stamp(datetime.fromisoformat(tx.now) + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(before, 10), left))
    review_id, _ = reviews.open_wait(tx, case_id, "service", version=version, shown={"until": until}, due_at=until)
    return review_id


async def compensate(ctx: Context, state: Activating) -> str:
    """Undo every activation of this round. ``compensated``, ``stuck`` (a cancel was refused), or ``unavailable``."""
    case_id, version, round_ = state["case_id"], state["version"], state.get("attempt", 1)
    rows = await ctx.db.read(lambda tx: effects.of_case(tx, case_id))
    mine = [row for row in rows if (row["version"], row["round"]) == (version, round_)]
    endings = [await _undo(ctx, row) for row in reversed(mine)]
    if "unavailable" in endings:
        return "unavailable" if patience(ctx, rows, version, round_) > timedelta() else "stuck"
    return "stuck" if "cancel_refused" in endings else "compensated"


async def _undo(ctx: Context, row: dict[str, Any]) -> str:
    """Cancel one effect; where the outcome is unknown, ask the service by key first."""
    if row["status"] in ENDED - {"active"}:
        return str(row["status"])
    service, key = row["service"], row["key"]
    try:
        found = {"reference": row["reference"]} if row["reference"] else await ctx.tool(f"lookup_{service}", key=key)
        if found is None and _in_flight(ctx, row):
            return "unavailable"  # an unanswered request may still arrive there: ask again before believing it
        if found is None:
            return await ctx.db.write(functools.partial(effects.settle, key=key, status="absent"))
        faults.point("cancel.before_call")
        await ctx.tool(f"cancel_{service}", reference=found["reference"])
        faults.point("cancel.after_call")
    except ServiceUnavailable as error:
        detail = error.detail
        await ctx.db.write(
            lambda tx: audit.append(tx, row["case_id"], "onboarding", "cancel.failed", {"detail": detail})
        )
        return "unavailable"
    except ServiceRefused as error:
        ending = functools.partial(effects.settle, key=key, status="cancel_refused", detail=error.detail)
        return await ctx.db.write(ending)
    ending = functools.partial(effects.settle, key=key, status="cancelled", reference=found["reference"])
    return await ctx.db.write(ending)


def _in_flight(ctx: Context, row: Mapping[str, Any]) -> bool:
    """Whether a request that was never answered may still be on its way."""
    since = ctx.clock() - datetime.fromisoformat(row["updated_at"])
    return row["attempts"] > 0 and since < timedelta(seconds=ctx.settings.service_deadline_seconds)


def public(row: Mapping[str, Any]) -> dict[str, Any]:
    """An effect as people see it."""
    return {name: row[name] for name in ("service", "status", "reference", "attempts", "round", "detail")}
