"""The nodes: reach, judge, return. What each reads stands in its first parameter's type.

Nodes that wait contain one ``interrupt()`` and nothing before it; everything they tell the world happens in the
node before, everything that follows from the answer in the nodes after.
"""

from datetime import date, timedelta

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agents import postprocessing, preprocessing, validation
from checkpoints import cases, effects, reviews, submissions
from checkpoints.database import Tx
from graph import activation, basis, correspondence, modelling
from graph.chasing import terms
from graph.context import Context
from graph.inquiries import inquiries
from graph.state import Activating, Checked, Judged, Read, Resolved, Settled, Started, Waiting
from graph.step import Update, step
from onboarding.assessment import Assessment, Validation
from onboarding.basis import Basis
from onboarding.case import CaseRecord, Status
from onboarding.corrected import corrected
from onboarding.decision import BINDING_CORRECTIONS, Resolution, second_required
from onboarding.errors import GateRefused
from onboarding.letters.fields import field
from onboarding.reading.result import Reading
from onboarding.rules import RulesGaveUp
from onboarding.screening import Noting
from onboarding.submission import Submission


@step
async def preprocess(state: Started, runtime: Runtime[Context]) -> Update:
    """Read everything that came in so far into one canonical application."""
    ctx = runtime.context
    submission = await ctx.db.read(lambda tx: submissions.get(tx, state["case_id"], state["version"]))
    as_of = ctx.clock().date()
    talk = await modelling.talk(ctx, "preprocess", state["case_id"], state["version"])
    reading = await preprocessing.preprocess(submission, as_of=as_of, policy=ctx.policy, talk=talk, rules=ctx.rules)
    return {"as_of": as_of.isoformat(), "reading": reading.to_json()}


@step
async def validate(state: Read, runtime: Runtime[Context]) -> Update:
    """Check it by every rule, against the lists and against the merchants we know."""
    ctx, case_id, reading = runtime.context, state["case_id"], Reading.from_json(state["reading"])
    known, refs = await ctx.db.write(lambda tx: basis.priors(tx, ctx, case_id, reading))
    submission = await ctx.db.read(lambda tx: submissions.get(tx, case_id, state["version"]))
    watchlist = Noting(ctx.watchlist)
    result = await validation.validate(
        reading,
        submission,
        priors=known,
        watchlist=watchlist,
        policy=ctx.policy,
        as_of=date.fromisoformat(state["as_of"]),
        talk=await modelling.talk(ctx, "validate", case_id, state["version"]),
        tools=lambda checked: inquiries(
            reading.application, findings=checked.findings, priors=known, watchlist=watchlist, context=ctx
        ),
        rules=ctx.rules,
    )
    stands_on = basis.noted(state["as_of"], ctx.policy, watchlist, refs)
    return {"validation": result.to_json(), "basis": stands_on.to_json()}


@step
async def postprocess(state: Checked, runtime: Runtime[Context]) -> Update:
    """Score, recommend, summarise."""
    reading, checked = Reading.from_json(state["reading"]), Validation.from_json(state["validation"])
    ctx = runtime.context
    talk = await modelling.talk(ctx, "postprocess", state["case_id"], state["version"])
    result = await postprocessing.postprocess(reading, checked, policy=ctx.policy, talk=talk)
    return {"assessment": result.to_json()}


@step
async def present(state: Judged, runtime: Runtime[Context]) -> Update:
    """Store what was established, open the review of exactly that, and write to the reviewers."""
    ctx, case_id = runtime.context, state["case_id"]
    record = await _record(state, ctx)
    submission = await ctx.db.read(lambda tx: submissions.get(tx, case_id, record.version))
    second = second_required(record, await _touched(record, submission, state["as_of"], ctx))

    def open_review(tx: Tx) -> str:
        due = terms(tx, ctx, "review", timedelta(hours=ctx.settings.review_hours))._asdict()
        shown = record.to_json()
        review_id, new = reviews.open_wait(
            tx, case_id, "review", version=record.version, shown=shown, second_required=second, **due
        )
        if new:
            cases.record(tx, case_id, record)
            correspondence.ask_reviewers(tx, ctx, case_id, record, review_id)
            reviews.end_if_withdrawn(tx, case_id, review_id)
        return review_id

    return {"wait": {"review_id": await ctx.db.write(open_review), "stage": "review", "second_required": second}}


async def _touched(record: CaseRecord, submission: Submission, as_of: str, ctx: Context) -> list[str]:
    """What corrections touch; everything that binds, when the rules cannot say."""
    try:
        return await corrected(submission, record.provenance, as_of=date.fromisoformat(as_of), rules=ctx.rules)
    except RulesGaveUp:
        return list(BINDING_CORRECTIONS)


async def _record(state: Judged, ctx: Context) -> CaseRecord:
    reading, checked = Reading.from_json(state["reading"]), Validation.from_json(state["validation"])
    judged = Assessment.from_json(state["assessment"])
    ungrounded = reading.ungrounded + checked.ungrounded + judged.ungrounded
    return CaseRecord(
        version=state["version"],
        application=reading.application,
        provenance=reading.provenance,
        findings=[*checked.findings, *judged.findings],
        missing=checked.missing,
        screening=checked.screening,
        recommendation=judged.recommendation,
        risk=judged.risk,
        summary=judged.summary,
        requirements=judged.requirements,
        model=await modelling.use(ctx, state["case_id"], ungrounded),
        drafts=judged.drafts,
        policy_version=ctx.policy.version,
        basis=Basis.from_json(state["basis"]) if "basis" in state else None,
    )


async def review(state: Waiting) -> Update:
    """Wait for a reviewer."""
    return _resumed(interrupt(state["wait"]))


def _resumed(answer: object) -> Update:
    resolution = Resolution.from_json(answer)
    update: Update = {"resolution": resolution.to_json()}
    return update | {"version": resolution.version} if resolution.version is not None else update


@step
async def present_second(state: Waiting, runtime: Runtime[Context]) -> Update:
    """Show a second person what the first approved."""
    ctx, case_id = runtime.context, state["case_id"]

    def open_second(tx: Tx) -> str:
        first = reviews.find(tx, state["wait"]["review_id"])
        decided = reviews.decision_on(tx, state["wait"]["review_id"])
        if first is None or decided is None:
            raise GateRefused()
        shown = reviews.intact(tx, first)
        due = terms(tx, ctx, "second_review", timedelta(hours=ctx.settings.review_hours))._asdict()
        review_id, new = reviews.open_wait(
            tx, case_id, "second_review", version=first.version, shown=shown, second_required=True, **due
        )
        if new:
            record = CaseRecord.from_json(shown)
            correspondence.ask_reviewers(tx, ctx, case_id, record, review_id, besides=decided.actor)
            reviews.end_if_withdrawn(tx, case_id, review_id)
        return review_id

    wait = {"review_id": await ctx.db.write(open_second), "stage": "second_review"}
    return {"wait": wait}


async def second_review(state: Waiting) -> Update:
    """Wait for another person."""
    return _resumed(interrupt(state["wait"]))


@step
async def request_information(state: Resolved, runtime: Runtime[Context]) -> Update:
    """Ask the merchant for what the reviewer wants to know."""
    ctx, case_id = runtime.context, state["case_id"]

    def ask(tx: Tx) -> str:
        items = correspondence.requested(tx, case_id, state["resolution"]["review_id"])
        due = terms(tx, ctx, "information", timedelta(days=ctx.settings.information_days))
        review_id, new = reviews.open_wait(
            tx,
            case_id,
            "information",
            version=state["version"],
            shown={"request": items},
            told={"asked": [field(item["path"]) for item in items]},
            **due._asdict(),
        )
        if new:
            correspondence.ask_merchant(tx, ctx, case_id, items, due.due_at, review_id)
            reviews.end_if_withdrawn(tx, case_id, review_id)
        return review_id

    return {"wait": {"review_id": await ctx.db.write(ask), "stage": "information"}}


async def await_information(state: Waiting) -> Update:
    """Wait for the merchant's answer."""
    return _resumed(interrupt(state["wait"]))


@step
async def authorise(state: Activating, runtime: Runtime[Context]) -> Update:
    """The gate: go on only when recorded decisions approve exactly this version of the data."""
    ctx, case_id = runtime.context, state["case_id"]
    round_ = await ctx.db.write(lambda tx: activation.authorise(tx, case_id, state["version"]))
    return {"attempt": round_, "outcome": "authorised"}


@step
async def activate_svc1(state: Activating, runtime: Runtime[Context]) -> Update:
    """Activate the merchant in SVC1."""
    return {"activations": {"svc1": await activation.activate(runtime.context, state, "svc1")}}


@step
async def activate_svc2(state: Activating, runtime: Runtime[Context]) -> Update:
    """Activate the merchant in SVC2."""
    return {"activations": {"svc2": await activation.activate(runtime.context, state, "svc2")}}


@step
async def settle(state: Settled, runtime: Runtime[Context]) -> Update:
    """Look at both together, in the ledger and not in the state."""
    ctx = runtime.context
    case_id, version, round_ = state["case_id"], state["version"], state.get("attempt", 1)
    rows = await ctx.db.read(lambda tx: effects.of_case(tx, case_id))
    statuses = {row["service"]: row["status"] for row in rows if (row["version"], row["round"]) == (version, round_)}
    patient = activation.patience(ctx, rows, version, round_) > timedelta()
    return {"outcome": activation.outcome(statuses, patient)}


@step
async def pause(state: Settled, runtime: Runtime[Context]) -> Update:
    """A service does not answer: let the clock wake the case later, hold nothing meanwhile."""
    ctx, case_id = runtime.context, state["case_id"]
    wait = await ctx.db.write(lambda tx: activation.pause(tx, ctx, case_id, state["version"], state.get("attempt", 1)))
    return {"wait": {"review_id": wait, "stage": "service"}}


async def await_service(state: Waiting) -> Update:
    """Wait for the clock."""
    return _resumed(interrupt(state["wait"]))


@step
async def compensate(state: Activating, runtime: Runtime[Context]) -> Update:
    """One service refused for good: undo what the other did."""
    return {"outcome": await activation.compensate(runtime.context, state)}


@step
async def escalate(state: Settled, runtime: Runtime[Context]) -> Update:
    """Show a person what failed and what was undone."""
    ctx, case_id, version = runtime.context, state["case_id"], state["version"]

    def open_review(tx: Tx) -> str:
        outcomes = [activation.public(row) for row in effects.of_case(tx, case_id)]
        shown = {"version": version, "effects": outcomes}
        due = terms(tx, ctx, "activation", timedelta(hours=ctx.settings.review_hours))._asdict()
        review_id, new = reviews.open_wait(
            tx, case_id, "activation", version=version, shown=shown, attempt=state.get("attempt", 1), **due
        )
        if new:
            correspondence.report_activation(tx, ctx, case_id, review_id, outcomes)
        return review_id

    return {"wait": {"review_id": await ctx.db.write(open_review), "stage": "activation"}}


async def review_activation(state: Waiting) -> Update:
    """Wait for somebody to say: retry or give up."""
    return _resumed(interrupt(state["wait"]))


@step
async def welcome(state: Started, runtime: Runtime[Context]) -> Update:
    """Both are active: the merchant is in."""
    ctx, case_id = runtime.context, state["case_id"]

    def finish(tx: Tx) -> None:
        if cases.status_of(tx, case_id) != "active":
            correspondence.welcome(tx, ctx, case_id)
            cases.set_status(tx, case_id, "active")

    await ctx.db.write(finish)
    return {"outcome": "active"}


@step
async def decline(state: Resolved, runtime: Runtime[Context]) -> Update:
    """Tell the merchant no, with reasons that give nothing away."""
    ctx, case_id = runtime.context, state["case_id"]

    def finish(tx: Tx) -> None:
        if cases.status_of(tx, case_id) != "rejected":
            correspondence.decline(tx, ctx, case_id, state["resolution"]["review_id"])
            cases.set_status(tx, case_id, "rejected")

    await ctx.db.write(finish)
    return {"outcome": "rejected"}


@step
async def close(state: Resolved, runtime: Runtime[Context]) -> Update:
    """The case ends without an answer: withdrawn, expired, or given up."""
    ended: dict[str, Status] = {"withdrawn": "withdrawn", "expired": "expired", "give_up": "activation_failed"}
    ctx, status, case_id = runtime.context, ended[state["resolution"]["action"]], state["case_id"]

    def finish(tx: Tx) -> None:
        if cases.status_of(tx, case_id) != status:
            if status == "expired":
                correspondence.report_closing(tx, ctx, case_id, state["resolution"]["review_id"])
            cases.set_status(tx, case_id, status)

    await ctx.db.write(finish)
    return {"outcome": status}
