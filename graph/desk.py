"""The desk's verbs beside deciding: the queue, one case with everything about it, and who has it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from checkpoints import access, audit, cases, desk, matches, reviews, scope, sessions, submissions, views
from checkpoints.casefile import ERASED
from checkpoints.database import Tx
from graph import screened
from graph.deciding import SENIOR, may_approve
from graph.service import Actor, Service
from onboarding.case import ALLOWED_ACTIONS, CLOSED, CaseRecord, CaseView
from onboarding.errors import BadInput, CaseNotFound, Conflict, Forbidden
from onboarding.finding import cited_case
from onboarding.letters.changes import changes
from onboarding.matching import in_common, match_keys
from onboarding.submission import Part

MOST_RELATED: Final = 10
MOST_ALIKE: Final = 20
"""Cases that share a look-up key are looked at one by one: no more than these."""


class Queued(NamedTuple):
    """One line of the queue. ``row`` is of ``cases``; ``stage`` and ``due_at`` while a person is awaited."""

    row: Any
    told: dict[str, Any]
    stage: str | None
    due_at: str | None


class Version(NamedTuple):
    """One application version; ``changed`` against the one that was reviewed before it, one line a field."""

    number: int
    at: str
    actor: str
    changed: list[str]


class Related(NamedTuple):
    """Another case: one that a finding names, or that shares something. ``shared``: paths that say the same of both."""

    case_id: str
    name: str | None
    status: str | None
    codes: list[str]
    shared: list[str]


class Opened(NamedTuple):
    """Everything the case page shows, of one moment."""

    view: CaseView
    record: CaseRecord | None
    assignee: str | None
    parts: list[Part]
    versions: list[Version]
    related: list[Related]
    hits: list[screened.Hit]
    waiting: str | None
    """The stage of whatever the case waits for, a person or not."""
    events: list[dict[str, Any]]
    draft: dict[str, Any] | None
    first_approver: str | None
    refusal: str | None
    """Why this person cannot approve what waits, in words; None when they can, or nothing waits for approval."""


async def waiting(
    service: Service,
    actor: Actor,
    *,
    filters: Mapping[str, str | None],
    q: str | None,
    order: str,
    after: Sequence[str] | None,
    limit: int,
) -> tuple[list[Queued], tuple[str, ...] | None]:
    """What waits for a person, in one of ``checkpoints.desk.ORDERS``, and where the next page starts."""

    def look(tx: Tx) -> tuple[list[Queued], tuple[str, ...] | None]:
        which = scope.among(tx, actor.client, q, service.context.lookup)
        rows = desk.waiting(tx, filters=filters, which=which, order=order, after=after, limit=limit + 1)
        more = desk.place(rows[limit - 1], order) if len(rows) > limit else None
        return [_queued(tx, row) for row in rows[:limit]], more

    return await service.context.db.scan(look)


def _queued(tx: Tx, row: Any) -> Queued:
    due = row.queue_due if row.queue_due != reviews.NEVER else None
    return Queued(row, desk.headline(tx, row), row.queue_stage, due)


async def listed(
    service: Service, actor: Actor, *, filters: Mapping[str, str | None], q: str | None, before: int | None, limit: int
) -> tuple[list[Queued], int | None]:
    """Every case, newest first, and where the next page starts."""

    def look(tx: Tx) -> tuple[list[Queued], int | None]:
        which = scope.among(tx, actor.client, q, service.context.lookup)
        rows = cases.listed(tx, filters=filters, which=which, before=before, limit=limit + 1)
        after = rows[limit - 1].seq if len(rows) > limit else None
        return [_queued(tx, row) for row in rows[:limit]], after

    return await service.context.db.scan(look)


async def open_case(service: Service, actor: Actor, case_id: str) -> Opened:
    """The case with its sources, versions, relations and story. Raises CaseNotFound."""
    return await service.context.db.scan(lambda tx: opened(tx, service, actor, case_id))


def opened(tx: Tx, service: Service, actor: Actor, case_id: str) -> Opened:
    """The same in a transaction that looks at more."""
    row, wait = scope.get(tx, case_id, actor.client), reviews.waiting(tx, case_id)
    view, record = views.view(tx, row, actor.client), cases.record_of(tx, row)
    parts = submissions.get(tx, case_id, row.version).parts if not row.erased_at else []
    return Opened(
        view=view,
        record=record,
        assignee=row.assignee,
        parts=parts,
        versions=_versions(tx, case_id) if not row.erased_at else [],
        related=_related(tx, service, row, record, view, actor.client),
        hits=_hits(tx, service, record, case_id, actor.client) if record else [],
        waiting=wait.stage if wait else None,
        events=audit.trail(tx, case_id),
        draft=sessions.draft(tx, actor.name, case_id),
        refusal=_refusal(tx, wait, actor),
        first_approver=next((made.actor for made in reversed(view.decisions) if made.action == "approve"), None),
    )


def _hits(tx: Tx, service: Service, record: CaseRecord, case_id: str, client: str | None) -> list[screened.Hit]:
    """The hits; for a client without what was said of the same person in other cases."""
    found = screened.hits(tx, service.context.lookup, record, service.context.policy)
    return found if client is None else [screened.said_in(case_id, hit) for hit in found]


def _refusal(tx: Tx, wait: reviews.Review | None, actor: Actor) -> str | None:
    """What the service would say to an approval by this person."""
    if wait is None or "approve" not in ALLOWED_ACTIONS[wait.stage]:
        return None
    try:
        may_approve(tx, wait, "approve", actor.name, {actor.role})
    except Forbidden as error:
        return error.detail
    return None


def _versions(tx: Tx, case_id: str) -> list[Version]:
    """Newest first."""
    documents = {row.version: reviews.shown(tx, row) for row in desk.reviewed(tx, case_id)}
    shown = {number: CaseRecord.from_json(found) for number, found in documents.items() if ERASED not in found}
    found = []
    for row in desk.versions(tx, case_id):
        before = max((number for number in shown if number < row.version), default=None)
        changed = (
            changes(shown[before].application, shown[row.version].application)
            if before is not None and row.version in shown
            else []
        )
        found.append(Version(row.version, row.received_at, row.actor, changed))
    return found[::-1]


def _related(
    tx: Tx, service: Service, row: Any, record: CaseRecord | None, view: CaseView, client: str | None
) -> list[Related]:
    """What findings name first, then what shares something beside, earlier or later; of a client's own cases."""
    codes: dict[str, list[str]] = {}
    for finding in view.findings:
        for evidence in finding.evidence:
            if other_id := cited_case(evidence.source):
                codes.setdefault(other_id, []).append(finding.code)
    named = {id_: _case(tx, id_, client) for id_ in list(codes)[:MOST_RELATED]}
    keys = service.context.lookup.keys(match_keys(record.application)) if record and not row.erased_at else []
    alike = matches.alike(tx, row.id, keys, MOST_ALIKE) if keys else []
    others = {one.id: one for one in alike if scope.owns(one, client)}
    found = []
    for id_, other in {**named, **{id_: one for id_, one in others.items() if id_ not in named}}.items():
        theirs = cases.record_of(tx, other) if other is not None else None
        shared = in_common(record.application, theirs.application) if record and theirs else []
        if shared or id_ in codes:
            name, status = (
                (theirs.application.legal_name if theirs else None),
                (other.status if other is not None else None),
            )
            found.append(Related(id_, name, status, codes.get(id_, []), shared))
    return found[:MOST_RELATED]


def _case(tx: Tx, case_id: str, client: str | None) -> Any | None:
    try:
        return scope.get(tx, case_id, client)
    except CaseNotFound:
        return None


async def claim(service: Service, actor: Actor, case_id: str) -> None:
    """Take the case. A senior person may take it from somebody else. Raises CaseNotFound, Conflict."""
    await service.context.db.write(lambda tx: _give(tx, actor, case_id, actor.name))


async def let_go(service: Service, actor: Actor, case_id: str) -> None:
    """Give the case back to the queue. Raises CaseNotFound, Conflict."""
    await service.context.db.write(lambda tx: _give(tx, actor, case_id, None))


class Bulk(NamedTuple):
    """``done``: cases that now stand as was asked; ``refused``: why others do not, by id."""

    done: int
    refused: dict[str, str]


async def give(service: Service, actor: Actor, case_ids: Sequence[str], to: str | None) -> Bulk:
    """Give many cases to a person, or back to the queue, in one transaction; what cannot be given is left and named.

    Raises Forbidden when somebody who is not senior gives cases to others, BadInput for a person who may not decide.
    """

    def work(tx: Tx) -> Bulk:
        if to is not None and to != actor.name:
            if actor.role not in SENIOR:
                raise Forbidden("Giving cases to somebody else takes a senior reviewer.")
            if to not in access.deciders(tx, service.context.settings.reviewer_addresses):
                raise BadInput(f"{to[:100]} is nobody who may decide.")
        refused: dict[str, str] = {}
        for case_id in sorted(set(case_ids)):  # one order for all, so that two at once never wait for each other
            try:
                _give(tx, actor, case_id, to)
            except (CaseNotFound, Conflict) as error:
                refused[case_id] = error.detail
        return Bulk(len(set(case_ids)) - len(refused), refused)

    return await service.context.db.write(work)


def _give(tx: Tx, actor: Actor, case_id: str, to: str | None) -> None:
    """Raises CaseNotFound, Conflict."""
    audit.hold(tx, case_id)
    cases.own(tx, case_id)
    row = cases.get(tx, case_id)
    if row.status in CLOSED:
        raise Conflict("This case is closed.")
    if row.assignee == to:
        return
    if row.assignee not in (None, actor.name) and actor.role not in SENIOR:
        raise Conflict(f"{row.assignee} has this case.")
    desk.assign(tx, case_id, to, actor.name)


class Board(NamedTuple):
    """What stands around the queue: how many have which cases, who could, and how this person wants to see it."""

    mine: int
    deciders: list[str]
    view: str | None


async def board(service: Service, actor: Actor) -> Board:
    """For one page."""
    listed_too = service.context.settings.reviewer_addresses

    def look(tx: Tx) -> Board:
        people = access.deciders(tx, listed_too) if actor.role in SENIOR else []
        return Board(desk.count_of(tx, actor.name), people, desk.saved_view(tx, actor.name))

    return await service.context.db.read(look)


async def counts(service: Service, client: str | None = None) -> desk.Counts:
    """How many wait, of all or of the client's own."""
    return await service.context.db.scan(
        lambda tx: desk.counts(tx, scope.among(tx, client, None, service.context.lookup))
    )


async def save_view(service: Service, actor: Actor, query: str | None) -> None:
    """Keep how this person wants to see the queue; None: as everybody sees it."""
    await service.context.db.write(lambda tx: desk.save_view(tx, actor.name, query))


async def keep_draft(service: Service, name: str, case_id: str, typed: dict[str, Any]) -> None:
    """Keep what somebody typed whose session had ended. Raises CaseNotFound."""

    def work(tx: Tx) -> None:
        cases.get(tx, case_id)
        sessions.keep_draft(tx, name, case_id, typed)

    await service.context.db.write(work)


async def drop_draft(service: Service, name: str, case_id: str) -> None:
    await service.context.db.write(lambda tx: sessions.drop_draft(tx, name, case_id))
