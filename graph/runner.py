"""One verb moves a case: ``advance``. Idempotent: called once, twice or after a crash it does the one right thing."""

import asyncio
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import Any, Final, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt  # noqa: TID251 - this is the runner: the one place that resumes

from checkpoints import cases, reviews, traces
from checkpoints.database import Tx, stamp
from graph.builder import Graph
from graph.context import Context
from graph.lease import Lease, Leases
from graph.parked import interrupts_of, latest, refuse_unknown_steps, standing_at
from graph.quarantine import problem_of, set_aside
from graph.state import GRAPH_VERSION, Started, newer
from graph.step import SUSPECT
from onboarding import faults, tracing
from onboarding.case import CLOSED
from onboarding.decision import Resolution
from onboarding.errors import (
    Conflict,
    GateRefused,
    LeaseLost,
    StorageUnavailable,
    TamperedRecord,
    UnknownGraphVersion,
)

KNOWN_VERSIONS: Final = frozenset({GRAPH_VERSION})
STEPS_A_RUN: Final = 60
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
_SET_ASIDE: Final = (GateRefused, TamperedRecord, UnknownGraphVersion)
_log = logging.getLogger("onboard.runner")


class Nothing(Enum):
    """The case waits for somebody: there is nothing to call the graph with."""

    NOTHING = auto()


NOTHING: Final = Nothing.NOTHING
Input = Started | Command[Any] | None | Literal[Nothing.NOTHING]


class Runner:
    """Advances cases, one runner per case."""

    def __init__(self, graph: Graph, context: Context) -> None:
        self.graph = graph
        self.context = context
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._leases = Leases(context)
        self._running: dict[str, RunControl] = {}
        self._draining = False
        self._excused: set[str] = set()
        """Cases whose last attempt the storage ended: nobody's fault, so it does not count."""

    def drain(self) -> None:
        """Let every run stop at its next super-step; nothing new starts."""
        self._draining = True
        for control in self._running.values():
            control.request_drain("SIGTERM")

    @asynccontextmanager
    async def alone_with(self, case_id: str) -> AsyncIterator[Lease]:
        """Inside, nobody else runs the case. Raises Conflict when another process does, CaseNotFound."""
        async with self._locks.setdefault(case_id, asyncio.Lock()):
            lease = await self.context.db.write(lambda tx: self._leases.take(tx, cases.get(tx, case_id).id, due=False))
            if lease is None:
                raise Conflict("Another process runs this case now; try again.")
            try:
                async with self._leases.keeping(lease):
                    yield lease
            finally:
                if lease.token is not None:
                    await self.context.db.write(lease.release)

    async def advance(self, case_id: str) -> None:
        """Start, continue or resume the case as the ledger says, or do nothing. Raises StorageUnavailable only."""
        lock = self._locks.setdefault(case_id, asyncio.Lock())
        async with lock:
            more = True
            try:
                while more and not self._draining:
                    more = await self._advance(case_id)
            except LeaseLost:
                _log.warning("another runner took the case over", extra={"case_id": case_id})

    async def _advance(self, case_id: str) -> bool:
        begun = await self.context.db.write(partial(self._begin, case_id))
        self._excused.discard(case_id)
        if begun is None:
            return False
        lease, row = begun
        SUSPECT.set(row.attempts > 0)
        faults.point("run.begun")
        try:
            async with self._leases.keeping(lease):
                waits = await self._traced(row, lease)
        except GraphDrained:
            await lease.last(lambda tx: cases.interrupted(tx, case_id))
            return False
        except StorageUnavailable:
            self._excused.add(case_id)
            raise
        except LeaseLost:
            raise
        except _SET_ASIDE as error:
            problem, attempts = problem_of(error), row.attempts + 1
            await lease.last(lambda tx: set_aside(tx, self.context, case_id, problem, attempts))
            return False
        except Exception as error:  # noqa: BLE001 - whatever it is, the case is tried again and then set aside
            await self._failed(lease, row.attempts + 1, error)
            return False
        faults.point("run.ended")
        return await lease.last(lambda tx: _finish(tx, row, waits))

    def _begin(self, case_id: str, tx: Tx) -> tuple[Lease, Any] | None:
        """The lease and row of a case with work due, its attempt counted; None when there is nothing to run for us."""
        lease = self._leases.take(tx, case_id)
        if lease is None:
            return None
        if case_id in self._excused:
            cases.interrupted(tx, case_id)
        row = cases.wanting(tx, case_id)
        if row is not None and newer(row.graph_version):
            row = None  # for the code that knows it: in a rolling upgrade it runs beside us
        if row is not None and row.attempts < self.context.settings.max_attempts:
            known = row.graph_version in KNOWN_VERSIONS
            cases.begin(tx, row, GRAPH_VERSION if known else row.graph_version)
            return lease, row
        if row is not None:
            problem = f"begun {row.attempts} times without finishing a step"
            set_aside(tx, self.context, case_id, problem, row.attempts)
        lease.release(tx)
        return None

    async def _failed(self, lease: Lease, attempt: int, error: Exception) -> None:
        ctx, case_id, problem = self.context, lease.case_id, type(error).__name__
        _log.warning("run failed", extra={"case_id": case_id, "attempt": attempt}, exc_info=error)
        again = stamp(ctx.clock() + timedelta(seconds=min(LONGEST_WAIT, FIRST_WAIT * 4 ** (attempt - 1))))
        if attempt >= ctx.settings.max_attempts:
            told = f"failed {attempt} times: {problem}"
            await lease.last(lambda tx: set_aside(tx, ctx, case_id, told, attempt))
        else:
            await lease.last(lambda tx: cases.postpone(tx, case_id, again, problem))

    async def _traced(self, row: Any, lease: Lease) -> list[str]:
        """The run, in the trace of whatever moved the case, however long that is ago."""
        if not tracing.on():
            return await self._run(row, lease)
        known = await self.context.db.read(lambda tx: traces.of_case(tx, row.id))
        about: dict[str, Any] = {"case__id": row.id, "case__attempt": row.attempts + 1}
        with tracing.span("advance", parent=known.latest, link=known.origin, **about):
            return await self._run(row, lease)

    async def _run(self, row: Any, lease: Lease) -> list[str]:
        """Call the graph, if there is anything to call it with; returns the reviews it came to wait for."""
        config: RunnableConfig = {**lease.config, "recursion_limit": STEPS_A_RUN}
        what = await self._input(row, config)
        if what is Nothing.NOTHING:
            return []
        control = self._running[row.id] = RunControl()
        if self._draining:
            control.request_drain("SIGTERM")
        faults.point("resume.before")
        try:
            ended = await self.graph.ainvoke(
                what,
                config,
                context=lease.context,
                durability="async",
                control=control,
                output_keys=[],  # what a run comes to stands in the checkpoints, not in what it hands back
                version="v2",
            )
        finally:
            self._running.pop(row.id, None)
        return [pending.value["review_id"] for pending in ended.interrupts]

    async def _input(self, row: Any, config: RunnableConfig) -> Input:
        """What the graph is to be called with: the start, a resume by interrupt id, None to continue, or NOTHING."""
        if row.graph_version not in KNOWN_VERSIONS:
            raise UnknownGraphVersion()
        start = Started(case_id=row.id, graph_version=GRAPH_VERSION, version=row.version)
        if row.status == "received" and row.attempts == 0:
            return start
        found = await latest(self.graph, config)
        if found is None:
            await self.context.db.read(partial(_never_shown, row))
            return start
        refuse_unknown_steps(self.graph, found)
        if asked := interrupts_of(found):
            return await self._resume(row.id, asked)
        if row.status in CLOSED and not standing_at(found):
            return NOTHING
        return None

    async def _resume(self, case_id: str, interrupts: tuple[Interrupt, ...]) -> Input:
        """Answer the waits whose decision is recorded, each by its own id."""
        answers: dict[str, Any] = {}
        for pending in interrupts:
            resolution = await self.context.db.read(partial(_resolution, case_id, pending.value["review_id"]))
            if resolution is not None:
                answers[pending.id] = resolution.to_json()
        return Command(resume=answers) if answers else NOTHING


def _finish(tx: Tx, row: Any, waits: list[str]) -> bool:
    """Everything asked for was looked at; returns whether there is more to do.

    A run that was cut short between opening a wait and waiting may come to it after it was decided: nobody will ask
    again for that decision, so it is still due.
    """
    if any(reviews.decision_on(tx, review_id) is not None for review_id in waits):
        cases.interrupted(tx, row.id)
        return True
    return cases.finish(tx, row.id, row.work_asked)


def _never_shown(row: Any, tx: Tx) -> None:
    """Without any checkpoint only a case that nobody was shown may start. Raises TamperedRecord."""
    if reviews.latest(tx, row.id) is not None:
        raise TamperedRecord("The checkpoints of this case are gone; `onboard rebuild` makes them from the ledger.")


def _resolution(case_id: str, review_id: str, tx: Tx) -> Resolution | None:
    row = reviews.decision_on(tx, review_id)
    if row is None or row.case_id != case_id:
        return None
    return Resolution(
        review_id=review_id,
        action=row.action,
        actor=row.actor,
        channel=row.channel,
        version=reviews.body_of(tx, row).get("version"),
    )
