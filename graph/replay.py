"""Playing a recorded case again: the same graph, nodes and rules on a ledger in memory.

Priors, list answers, model answers, decisions, the clock and both services come from the recording. Nothing here can
reach a network, send a letter or write to the live ledger: the player is built without the means.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.checkpoint.memory import InMemorySaver

from agents.model import Model
from checkpoints import cases, reviews, stage
from checkpoints.casefile import CaseFile, Rows, checkpoint_row, collect
from checkpoints.database import Tx, stamp
from checkpoints.lookup import Lookup
from checkpoints.memory import MemoryDatabase
from graph import tape as recorded
from graph.basis import Recalled, rules_version
from graph.builder import build_graph
from graph.context import Context
from graph.lease import Lease
from graph.modelling import recorded_model
from graph.runner import Runner
from graph.state import GRAPH_VERSION
from graph.step import CURRENT
from graph.tape import Tape
from graph.what_if import Fork
from onboarding.application import Application
from onboarding.assessment import Recommendation, Risk
from onboarding.case import CaseRecord
from onboarding.errors import OnboardingError, RecordingMissing
from onboarding.matching import match_keys
from onboarding.policy import Policy
from onboarding.screening import Subject, Watchlist
from onboarding.settings import Settings

REVIEWER_LETTERS: Final = ("approval_request:", "activation_problem", "case_quarantined")


@dataclass(frozen=True)
class Played:
    """What came of a replay. ``stopped`` says why it ended before the recording did, where it did."""

    file: CaseFile
    status: str
    waits_for: str | None
    stopped: str | None = None
    missing: bool = False
    """Whether it stopped because something was not recorded: then nothing is known of what comes after."""
    notes: list[str] = field(default_factory=list)


class Player:
    """Plays cases one after another under one policy, one list and one set of settings."""

    def __init__(self, settings: Settings, policy: Policy, watchlist: Watchlist, model: Model | None = None) -> None:
        """``model`` is asked in the place of its recordings."""
        self.db = MemoryDatabase(self._clock)
        self._live = model is not None
        self._saver = InMemorySaver()
        self._graph = build_graph(self._saver)
        self._watchlist = Recalled(watchlist)
        self._tape: Tape
        self._context = Context(
            settings=settings,
            db=self.db,
            lookup=Lookup("replay"),
            policy=policy,
            watchlist=self._watchlist,
            services=self._services(),
            clock=self._clock,
            observer=self,
            model=model or recorded_model(),
        )

    def _clock(self) -> datetime:
        return self._tape.clock()

    @contextmanager
    def watching(self, told: Callable[[Subject], None]) -> Iterator[None]:
        """Inside, ``told`` is called with everybody who is looked up in the list."""
        self._watchlist.told = told
        try:
            yield
        finally:
            self._watchlist.told = None

    def step(self, name: str, seconds: float, outcome: str) -> None:
        """Told by every step as it ends: the tape moves on."""
        if outcome == "ok":
            self._tape.runs[name] += 1
        CURRENT.set(None)

    def _services(self) -> Mapping[str, BaseTool]:
        """Both services, answering from the tape."""

        async def activate(key: str, body: dict[str, Any], on_attempt: Any = None, ask_first: bool = False) -> Any:
            return await recorded.activate(self._tape, key, on_attempt)

        async def lookup(key: str) -> Any:
            return await recorded.lookup(self._tape, key)

        async def cancel(reference: str, on_attempt: Any = None) -> Any:
            return await recorded.cancel(self._tape, reference)

        plays: dict[str, Callable[..., Awaitable[Any]]] = {"activate": activate, "lookup": lookup, "cancel": cancel}
        return {
            f"{verb}_{name}": StructuredTool.from_function(coroutine=play, name=f"{verb}_{name}", description="Replay.")
            for verb, play in plays.items()
            for name in ("svc1", "svc2")
        }

    async def play(self, file: CaseFile, fork: Fork | None = None) -> Played:
        """Play the case from its submission, or from a fork, to where its recording ends.

        Raises RecordingMissing for an erased case.
        """
        if file.erased:
            raise RecordingMissing(f"The personal data of case {file.id} was erased on request.")
        self._tape = Tape(file)
        self._watchlist.notes_only = file.redacted
        with self.db.scratch():
            try:
                if fork is None:
                    self.db.do(lambda tx: stage.begin(tx, file))
                else:
                    await self._begin_at(file, fork)
                return await self._play(file, skipped=fork is not None)
            finally:
                self._saver.delete_thread(file.id)

    async def _begin_at(self, file: CaseFile, fork: Fork) -> None:
        """Ledger, tape and graph as they were after the forked step, with the fork's values put in."""
        at = stamp(datetime.fromisoformat(fork.row["at"]))
        self._tape.wind(at, fork.state["version"])
        self.db.do(lambda tx: stage.begin_at(tx, file, at, fork.state["version"]))
        config: RunnableConfig = {"configurable": {"thread_id": file.id}}
        await self._graph.aupdate_state(config, fork.state, as_node=fork.row["nodes"][0])

    async def _play(self, file: CaseFile, *, skipped: bool) -> Played:
        runner = _Runner(self._graph, replace(self._context, settings=_settings(self._context.settings, file)))
        decided = {row["review_id"]: row for row in file.decisions}
        notes: list[str] = []
        stopped, missing = None, False
        try:
            self._stage_pass(notes)
            await runner.advance(file.id)
            while (made := self.db.do(lambda tx: _decided(tx, file.id, decided))) is not None:
                self._decide(made, notes)
                await runner.advance(file.id)
        except RecordingMissing as error:
            stopped, missing = error.detail, True
        except OnboardingError as error:
            stopped = f"{error.code}: {error.detail}"
        except Exception as error:  # noqa: BLE001 - that changed rules fail on this case is what a replay is to show
            stopped = f"a step failed: {type(error).__name__}: {str(error)[:200]}"
        return self._result(file, stopped, missing, notes, skipped=skipped)

    def _decide(self, made: dict[str, Any], notes: list[str]) -> None:
        """Record again what was decided, when it was."""
        self._tape.now = datetime.fromisoformat(made["at"])
        self.db.do(lambda tx: _decide(tx, made))
        version = made["body"].get("version")
        if version is not None:
            self._tape.version = version
            self._stage_pass(notes)

    def _stage_pass(self, notes: list[str]) -> None:
        """Put on stage what the coming pass of PreOnboarding compared with. Raises RecordingMissing."""
        file, version = self._tape.file, self._tape.version
        if not self._live:
            self.db.do(lambda tx: stage.answers(tx, file, version))
        basis = self._watchlist.basis = self._tape.basis.get(version)
        if basis is None:
            notes.append(f"version {version}: the earlier applications it was compared with were not recorded")
            return
        by_ref = {(row["case_id"], row["version"], row["hash"]): row["application"] for row in file.priors}
        known = []
        for ref in basis.priors:
            application = by_ref.get((ref.case_id, ref.version, ref.hash))
            if application is None:
                raise RecordingMissing(f"version {ref.version} of the earlier case {ref.case_id} is no longer there")
            known.append((ref.case_id, *_prior(self._context.lookup, ref.version, application)))
        if known or version > 1:
            self.db.do(lambda tx: stage.priors(tx, file.id, known))

    def _result(self, file: CaseFile, stopped: str | None, missing: bool, notes: list[str], *, skipped: bool) -> Played:
        status, problem = self.db.do(lambda tx: stage.status(tx, file.id))
        wait = self.db.do(lambda tx: reviews.waiting(tx, file.id))
        played = self.db.do(lambda tx: collect(tx, file.id, history=False))
        return Played(
            file=played.with_(checkpoints=self._history(file.id)[skipped:] if file.checkpoints else []),
            status=status,
            waits_for=wait.stage if wait is not None else None,
            stopped=stopped or problem,
            missing=missing,
            notes=notes,
        )

    def _history(self, case_id: str) -> Rows:
        config: RunnableConfig = {"configurable": {"thread_id": case_id}}
        rows: Rows = []
        seen: dict[str, Any] = {}
        for n, found in enumerate(reversed(list(self._saver.list(config))), 1):
            rows.append(checkpoint_row(n, found, seen))
            seen = rows[-1]["raw"]["versions_seen"]
        return rows


class _Runner(Runner):
    """The same runner; what goes wrong goes to who asked for the replay."""

    async def _failed(self, lease: Lease, attempt: int, error: Exception) -> None:
        raise error


def _settings(settings: Settings, file: CaseFile) -> Settings:
    """The settings with the reviewers who were written to then."""
    letters = (row for row in file.letters if row["kind"].startswith(REVIEWER_LETTERS))
    addresses = dict.fromkeys(row["body"].get("recipient", "") for row in letters)
    return settings.model_copy(update={"reviewers": ",".join(filter(None, addresses))})


def _decided(tx: Tx, case_id: str, decided: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """The recorded decision on what the replay now waits for."""
    wait = reviews.waiting(tx, case_id)
    return decided.get(wait.id) if wait is not None else None


def _decide(tx: Tx, made: Mapping[str, Any]) -> None:
    review = reviews.find(tx, made["review_id"])
    assert review is not None
    reviews.decide(tx, review, made["action"], actor=made["actor"], channel=made["channel"], body=dict(made["body"]))
    if made["body"].get("version") is not None:
        cases.next_version(tx, made["case_id"], made["body"]["version"])


def _prior(lookup: Lookup, version: int, application: Any) -> tuple[dict[str, Any], list[str]]:
    """An earlier case as far as it is compared: its record, and the keys by which it is found."""
    read = Application.from_json(application)
    record = CaseRecord(
        version=version,
        application=read,
        recommendation=Recommendation(action="review"),
        risk=Risk(score=0, level="low"),
        summary="",
        policy_version="",
    )
    return record.to_json(), lookup.keys(match_keys(read))


def versions(file: CaseFile, policy: Policy, watchlist: Watchlist) -> dict[str, dict[str, str | None]]:
    """What the case was judged by, and what it would be judged by here: ``{what: {recorded, here}}``."""
    shown = file.shown()
    basis = (shown[-1].get("basis") if shown else None) or {}
    here = {"policy": policy.stamp, "rules": rules_version(), "watchlist": watchlist.version}
    told = {name: {"recorded": basis.get(name), "here": value} for name, value in here.items()}
    return {"graph": {"recorded": file.case["graph_version"], "here": GRAPH_VERSION}, **told}
