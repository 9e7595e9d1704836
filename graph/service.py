"""The verbs: everything a face may ask for. Each is one transaction; the graph follows from what it recorded."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from checkpoints import audit, cases, gate, reviews, scope, submissions, traces, views
from checkpoints.database import Tx
from graph.context import Context
from graph.custody import as_it_waits
from graph.deciding import all_ours, answers_in, asks_something, fits, may_approve, next_version, record_decision
from graph.moving import moved
from graph.state import GRAPH_VERSION
from onboarding import faults, tracing
from onboarding.answers import strangers
from onboarding.case import ALLOWED_ACTIONS, CLOSED, CaseView, Channel
from onboarding.decision import Decision
from onboarding.errors import CaseNotFound, Conflict, NotWaiting
from onboarding.submission import Part, Submission

WITHDRAWABLE: Final = frozenset({"received", "processing", "in_review", "awaiting_information"})
PAGE: Final = 50
Nudge = Callable[[str], None]


class Actor(NamedTuple):
    """Who asks: the name that stands in the trail, and the role."""

    name: str
    role: str

    @property
    def client(self) -> str | None:
        """Whose cases alone this actor may see: a backend those it submitted itself; None sees all."""
        return self.name if self.role == "backend" else None


class Key(NamedTuple):
    """An idempotency key with the hash of the body it came with."""

    key: str
    body_hash: str


class Service:
    """The verbs over one context. ``nudge`` tells the engine that a case has work due; losing a nudge loses nothing."""

    def __init__(self, context: Context, nudge: Nudge) -> None:
        self.context = context
        self.nudge = nudge

    async def submit(
        self, actor: Actor, applications: Sequence[Sequence[Part]], *, key: Key | None, external_ref: str | None = None
    ) -> tuple[list[CaseView], bool]:
        """Accept applications; returns the cases and whether they are new. Durable when this returns.

        Raises IdempotencyKeyReused, StorageUnavailable.
        """
        faults.point("submit.before_commit")
        trace = tracing.carried()

        def accept(tx: Tx) -> tuple[list[CaseView], bool]:
            ids = [str(uuid.uuid4()) for _ in applications]
            known = submissions.remember(tx, actor.name, key.key, key.body_hash, ids) if key is not None else None
            if known is not None:
                return [views.view(tx, scope.get(tx, id_, actor.client), actor.client) for id_ in known], False
            taken = zip(ids, applications, strict=True)
            rows = [accepted(tx, actor, id_, parts, trace=trace, external_ref=external_ref) for id_, parts in taken]
            return [views.fresh(tx, row) for row in rows], True

        found, new = await self.context.db.write(accept)
        faults.point("submit.after_commit")
        for case in found if new else ():
            self.nudge(case.id)
        return found, new

    async def get(self, case_id: str, client: str | None = None) -> CaseView:
        """The case; with ``client`` one of its own. Raises CaseNotFound."""
        return await self.context.db.read(lambda tx: views.view(tx, scope.get(tx, case_id, client), client))

    async def status(self, case_id: str, client: str | None = None) -> str:
        """Only the status. Raises CaseNotFound."""
        return await self.context.db.read(lambda tx: scope.status_of(tx, case_id, client))

    async def listed(
        self,
        *,
        filters: dict[str, str | None],
        q: str | None,
        before: int | None,
        limit: int = PAGE,
        client: str | None = None,
    ) -> tuple[list[CaseView], int | None]:
        """Newest first, and where the next page starts. ``q``: words, or how they begin; the reference; the id."""

        def look(tx: Tx) -> tuple[list[CaseView], int | None]:
            which = scope.among(tx, client, q, self.context.lookup)
            rows = cases.listed(tx, filters=filters, which=which, before=before, limit=limit + 1)
            after = rows[limit - 1].seq if len(rows) > limit else None
            return [views.listed(tx, row, client) for row in rows[:limit]], after

        return await self.context.db.scan(look)

    async def events(self, case_id: str, after: int = 0, client: str | None = None) -> list[dict[str, Any]]:
        """The audit trail. Raises CaseNotFound."""

        def look(tx: Tx) -> list[dict[str, Any]]:
            scope.get(tx, case_id, client)
            return audit.trail(tx, case_id, after)

        return await self.context.db.read(look)

    async def decide(
        self, actor: Actor, case_id: str, decision: Decision, *, review_id: str | None, channel: Channel
    ) -> CaseView:
        """Record a decision on the waiting review. Durable when this returns; the same again changes nothing.

        Raises CaseNotFound, NotWaiting, AlreadyDecided, CaseChanged, FourEyes, Forbidden, InvalidDecision,
        ReviewTampered.
        """

        def record(tx: Tx) -> CaseView:
            audit.hold(tx, case_id)
            row = cases.get(tx, case_id)
            review = _review(tx, row, review_id or _repeated(tx, case_id, actor, decision))
            fits(review, decision)
            asks_something(tx, review, decision)
            may_approve(tx, review, decision.action, actor.name, {actor.role})
            record_decision(tx, row, review, decision, actor=actor.name, channel=channel)
            return views.view(tx, cases.get(tx, case_id))

        try:
            view = await moved(self.context, record)
        except CaseNotFound:
            await self.context.db.write(lambda tx: _misdirected(tx, case_id, actor, decision, channel))
            raise
        faults.point("decision.after_commit")
        self.nudge(case_id)
        return view

    async def inform(
        self,
        actor: Actor,
        case_id: str,
        parts: Sequence[Part],
        *,
        key: Key | None = None,
        request_id: str | None = None,
        channel: Channel = "api",
    ) -> CaseView:
        """New information: the answer to a request, or an amendment of a case that waits for a reviewer.

        It makes the next application version and ends the wait; a decision on what was shown before is then refused.
        With ``request_id`` it answers that one request and nothing else; answered again it changes nothing.
        Raises CaseNotFound, NotWaiting, IdempotencyKeyReused, ReviewTampered, BadInput for an answer to a path that
        is none.
        """
        strange = await asyncio.to_thread(strangers, answers_in(parts))  # a body full of them takes seconds

        def record(tx: Tx) -> CaseView:
            row = _held(tx, actor, case_id)
            if key is not None and submissions.remembered(tx, actor.name, key.key, key.body_hash) is not None:
                return views.view(tx, row, actor.client)
            if request_id is not None and _answered(tx, case_id, request_id):
                return views.view(tx, row, actor.client)
            review = reviews.waiting(tx, case_id)
            if request_id is not None and (review is None or review.id != request_id):
                raise NotWaiting()
            if review is None or review.stage not in ("information", "review", "second_review"):
                raise NotWaiting()
            all_ours(tx, row, review, parts, strange)
            version = next_version(tx, row, parts, actor.name, "answer")
            action = "answered" if review.stage == "information" else "amended"
            reviews.decide(tx, review, action, actor=actor.name, channel=channel, body={"version": version})
            if key is not None:
                submissions.remember(tx, actor.name, key.key, key.body_hash, [case_id])
            return views.view(tx, cases.get(tx, case_id), actor.client)

        view = await moved(self.context, record)
        self.nudge(case_id)
        return view

    async def withdraw(self, actor: Actor, case_id: str, *, channel: Channel = "api") -> CaseView:
        """End an open case, now if it waits, else at its next wait. Raises CaseNotFound, Conflict if too late."""

        def record(tx: Tx) -> CaseView:
            row = _held(tx, actor, case_id)
            if row.status == "withdrawn" or row.withdrawn_by:
                return views.view(tx, row, actor.client)
            if row.status not in WITHDRAWABLE:
                raise Conflict(f"A case that is {row.status} cannot be withdrawn.")
            review = reviews.waiting(tx, case_id)
            if review is None and gate.settled(tx, case_id, row.version):
                raise Conflict("It was decided just now; this case cannot be withdrawn any more.")
            cases.withdraw(tx, case_id, actor.name)
            audit.append(tx, case_id, actor.name, "case.withdrawal_requested", {})
            if review is not None:
                reviews.decide(tx, review, "withdrawn", actor=actor.name, channel=channel, body={})
            return views.view(tx, cases.get(tx, case_id), actor.client)

        view = await moved(self.context, record)
        self.nudge(case_id)
        return view

    async def release(self, actor: Actor, case_id: str) -> CaseView:
        """Take a case out of quarantine and try again. Raises CaseNotFound, Conflict."""

        def record(tx: Tx) -> CaseView:
            if cases.get(tx, case_id).status != "quarantined":
                raise Conflict("Only a quarantined case can be released.")
            cases.release(tx, case_id, actor.name)
            as_it_waits(tx, case_id)
            return views.view(tx, cases.get(tx, case_id))

        view = await moved(self.context, record)
        self.nudge(case_id)
        return view


def accepted(
    tx: Tx,
    actor: Actor,
    case_id: str,
    parts: Sequence[Part],
    *,
    trace: str | None,
    external_ref: str | None = None,
) -> Any:
    """Accept one application as a case of its own, moved under this trace; returns its row."""
    first = Submission(version=1, parts=list(parts))
    row = submissions.accept(tx, case_id, first, client=actor.name, external_ref=external_ref, graph=GRAPH_VERSION)
    traces.keep(tx, case_id, trace)
    return row


def _held(tx: Tx, actor: Actor, case_id: str) -> Any:
    """The case's row, held until the transaction ends; who may not see it holds nobody up. Raises CaseNotFound."""
    if actor.client is not None:
        scope.get(tx, case_id, actor.client)
    audit.hold(tx, case_id)
    return cases.get(tx, case_id)


def _answered(tx: Tx, case_id: str, request_id: str) -> bool:
    """Whether this very request of the case was answered before."""
    made = reviews.decision_on(tx, request_id)
    return made is not None and made.case_id == case_id and made.action == "answered"


def _review(tx: Tx, case: Any, review_id: str | None) -> reviews.Review:
    """The review that is meant. Without an id the one that waits, if exactly one does."""
    if review_id is None:
        review = reviews.waiting(tx, case.id)
        if review is None or not ALLOWED_ACTIONS[review.stage]:
            raise NotWaiting()
        return review
    review = reviews.find(tx, review_id)
    if review is None or review.case_id != case.id:
        raise CaseNotFound(f"Case {case.id} has no review {review_id[:64]}.")
    if not ALLOWED_ACTIONS[review.stage]:
        raise NotWaiting()
    return review


def _misdirected(tx: Tx, case_id: str, actor: Actor, decision: Decision, channel: Channel) -> None:
    """Somebody's decision named a review that is not of this case. Raises CaseNotFound if there is no such case."""
    cases.get(tx, case_id)
    audit.append(tx, case_id, actor.name, "decision.misdirected", {"action": decision.action, "channel": channel})


def _repeated(tx: Tx, case_id: str, actor: Actor, decision: Decision) -> str | None:
    """The review that this very decision by this actor ended, if nothing happened since that a person is awaited for.

    Whoever lost the answer and asks again without naming the review is told 200 as well.
    """
    waiting = reviews.waiting(tx, case_id)
    made = [row for row in reviews.decisions_of(tx, case_id) if row.stage != "service"]
    if not made or made[-1].actor != actor.name or (waiting is not None and waiting.stage != "service"):
        return None
    body = {name: value for name, value in reviews.body_of(tx, made[-1]).items() if name != "version"}
    return str(made[-1].review_id) if body == decision.to_json() else None


def closed(view: CaseView) -> bool:
    """Whether nothing more will happen on the case by itself."""
    return view.status in CLOSED
