"""The graph's memory on our own database: durable, small, and in the order things were written.

Every call goes through the queue that the ledger's writes go through, so one commit serves all. Of the calls that a
*run* makes, one attends: it waits until everything the run has queued is durable, and LangGraph awaits it before
``ainvoke`` returns; the others return at once. A row fails when the one before it failed. So once a run is over all of
it is durable, or the run has raised. Calls outside a run, and ``durability="sync"``, each wait for their own commit.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT

from checkpoints import saver_upkeep as upkeep
from checkpoints.postgres import PostgresDatabase
from checkpoints.saver_postgres import PostgresReader, PostgresSink
from checkpoints.saver_reads import Asked, glance_log, thread_ids, thread_log, tuple_at
from checkpoints.saver_rows import (
    CHECKPOINT,
    WRITES,
    Known,
    Lane,
    Row,
    Run,
    Thread,
    ThreadLog,
    encode_checkpoint,
    encode_writes,
)
from checkpoints.saver_serde import StrictSerializer
from checkpoints.saver_sinks import SqliteSink
from checkpoints.saver_sync import FromOtherThreads
from checkpoints.sqlite import SqliteDatabase
from checkpoints.strict import require_strict
from checkpoints.transaction import Database, Job

_IN_A_RUN: Final = "__pregel_runtime"
_DURABILITY: Final = "__pregel_durability"
_NEXT: Final = "branch:to:"
_THREADS: Final = 1024


def open_saver(db: Database) -> "LedgerSaver":
    """The graph's saver on ``db``. Raises RuntimeError when LangGraph's own deserialiser is not strict.

    A put whose config carries ``configurable.fence`` is refused with LeaseLost unless that is the token of the
    thread's lease, in the transaction of the put.
    """
    require_strict()
    return LedgerSaver(db)


class LedgerSaver(FromOtherThreads, BaseCheckpointSaver[int]):
    """LangGraph's saver on our database. Raises TamperedRecord naming the thread when a row does not open."""

    def __init__(self, db: Database) -> None:
        super().__init__(serde=StrictSerializer())
        self.db = db
        self._sink = SqliteSink() if db.dialect == "sqlite" else PostgresSink()
        self._reader = PostgresReader()
        self._threads: OrderedDict[str, Thread] = OrderedDict()
        self.bind_loop()

    # reading

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        conf = config["configurable"]
        thread_id, ns = str(conf["thread_id"]), conf.get("checkpoint_ns", "")
        await self._settled(thread_id)
        log = await self._log(thread_id)
        thread = self._thread(thread_id)
        thread.next = max(thread.next, log.last + 1)
        n = log.find(ns, conf.get("checkpoint_id"))
        if n is None:
            return None
        found = tuple_at(log, n)
        if not thread.busy():
            thread.lane(ns).remember(log.rows[n][2], log.known(n))
        return found

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Newest first within a thread; without ``config`` thread by thread, the newest thread first."""
        asked = Asked(config, filter, before)
        names = [str(config["configurable"]["thread_id"])] if config else await self.db.read(thread_ids)
        left = limit if limit is not None else -1
        for name in names:
            if left == 0:
                return
            for found in await self.db.read(partial(asked.among, thread_id=name, limit=left)):
                left -= 1
                yield found

    async def _settled(self, thread_id: str) -> None:
        """Wait for what this process has queued for the thread (a run that was cancelled): reads see it then."""
        thread = self._threads.get(thread_id)
        for lane in tuple(thread.lanes.values()) if thread is not None else ():
            if lane.last is not None and not lane.last.done:
                await lane.last.settled()
            if lane.last is not None and lane.last.error is not None:
                self._forget([thread_id])  # or what comes now would be taken to build on it

    async def _log(self, thread_id: str) -> ThreadLog:
        if isinstance(self.db, SqliteDatabase):
            codec = self.db.codec
            return self.db.glance(lambda conn: glance_log(conn, codec, thread_id))
        if isinstance(self.db, PostgresDatabase):
            log: ThreadLog = await self.db.look(self._reader, thread_id)
            return log
        return await self.db.read(lambda tx: thread_log(tx, thread_id))

    def _thread(self, thread_id: str) -> Thread:
        thread = self._threads.get(thread_id)
        if thread is None:
            thread = self._threads[thread_id] = Thread()
            if len(self._threads) > _THREADS:
                oldest, idle = next(iter(self._threads.items()))
                if idle.busy():
                    self._threads.move_to_end(oldest)
                else:
                    del self._threads[oldest]
        return thread

    # writing

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        conf = config["configurable"]
        thread_id, ns, checkpoint_id = str(conf["thread_id"]), conf.get("checkpoint_ns", ""), checkpoint["id"]
        parent_id = conf.get("checkpoint_id")
        thread, parent = self._standing(thread_id, ns, parent_id) or await self._recall(thread_id, ns, parent_id)
        lane = thread.lane(ns)
        run = lane.run_of(conf.get(_IN_A_RUN))
        if run.about is None:
            run.about = _about(config)
        about = {**run.about, **metadata}
        n = thread.next
        body, known = encode_checkpoint(n, checkpoint, about, new_versions, parent_id, parent)
        lane.remember(checkpoint_id, known)
        row = Row(thread_id, n, CHECKPOINT, ns, checkpoint_id, about.get("run_id"), body, conf.get("fence"))
        now = run.key is None or conf.get(_DURABILITY) == "sync"
        job = self._queue(thread, lane, row, urgent=now or _may_end(checkpoint))
        if now or not run.took(job):
            await self._until_stored(thread_id, job)
        return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        conf = config["configurable"]
        thread_id, ns, checkpoint_id = str(conf["thread_id"]), conf.get("checkpoint_ns", ""), conf["checkpoint_id"]
        thread = self._threads.get(thread_id) or (await self._recall(thread_id, ns, None))[0]
        lane, n = thread.lane(ns), thread.next
        run = lane.run_of(conf.get(_IN_A_RUN))
        body = encode_writes(n, writes, task_id, task_path, lane.writing_on(checkpoint_id))
        row = Row(thread_id, n, WRITES, ns, checkpoint_id, None, body, conf.get("fence"))
        signal = writes[0][0] if writes else ""
        now = run.key is None or signal == ERROR
        job = self._queue(thread, lane, row, urgent=now or signal == INTERRUPT)
        if now:
            await self._until_stored(thread_id, job)
        elif not run.took(job):
            await self._attend(thread_id, lane, run)

    def _standing(self, thread_id: str, ns: str, parent_id: str | None) -> tuple[Thread, Known | None] | None:
        """The thread as it stands and what is known of the parent; None where this process has not seen them."""
        thread = self._threads.get(thread_id)
        if thread is None:
            return None
        if parent_id is None:
            return thread, None
        parent = thread.lane(ns).known.get(parent_id)
        return (thread, parent) if parent is not None and parent.stored else None

    async def _recall(self, thread_id: str, ns: str, parent_id: str | None) -> tuple[Thread, Known | None]:
        """The same, read back from the database."""
        log = await self._log(thread_id)
        thread = self._thread(thread_id)
        thread.next = max(thread.next, log.last + 1)
        at = log.find(ns, parent_id) if parent_id else None
        return thread, log.known(at) if at is not None else None

    def _queue(self, thread: Thread, lane: Lane, row: Row, *, urgent: bool) -> Job:
        row.body = self.db.codec.seal(row.body, row.where)
        job = self.db.feed(self._sink, row, after=lane.last, urgent=urgent)
        thread.next = row.n + 1
        lane.last = job
        return job

    async def _until_stored(self, thread_id: str, job: Job) -> None:
        try:
            await job.wait()
        except BaseException:
            if job.error is not None:
                self._forget([thread_id])  # what was known of it was never stored
            raise

    async def _attend(self, thread_id: str, lane: Lane, run: Run) -> None:
        """Wait until everything that the run has queued is durable.

        Only ``aput_writes`` attends: LangGraph awaits it at the end of the run and nowhere else, while the next
        ``aput`` waits for the one before.
        """
        run.attended = True
        try:
            while run.last is not None and not run.last.done:
                await self._until_stored(thread_id, run.last)
        finally:
            run.attended = False
        if run.last is not None and run.last.error is not None:
            self._forget([thread_id])
            raise run.last.error
        if lane.run is run:
            lane.run = None

    # whole threads

    async def adelete_thread(self, thread_id: str) -> None:
        await self._upkeep(lambda tx: upkeep.delete_thread(tx, str(thread_id)), [str(thread_id)])

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy a thread, history and all. Raises Conflict when the target exists."""
        await self._upkeep(lambda tx: upkeep.copy_thread(tx, source_thread_id, target_thread_id), [target_thread_id])

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """``keep_latest`` or ``delete``. For threads that no run is working on."""
        steps = {"keep_latest": upkeep.keep_latest, "delete": upkeep.delete_thread}
        step = steps[strategy]
        for thread_id in thread_ids:
            await self._upkeep(lambda tx, name=thread_id: step(tx, name), [thread_id])

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        if run_ids:
            touched = await self.db.write(lambda tx: upkeep.delete_runs(tx, list(run_ids)))
            self._forget(touched)

    async def _upkeep(self, work: Any, threads: Collection[str]) -> None:
        def in_turn(tx: Any) -> None:
            work(tx)
            for thread_id in threads:
                self._sink.forget(thread_id)

        await self.db.write(in_turn)
        self._forget(threads)

    def _forget(self, threads: Collection[str]) -> None:
        for thread_id in threads:
            self._threads.pop(thread_id, None)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> "LedgerSaver":
        """Nothing to allow: no row names a class."""
        return self


def _about(config: RunnableConfig) -> dict[str, Any]:
    """What LangGraph keeps with a checkpoint of the call's own metadata and configuration."""
    about = cast(dict[str, Any], get_serializable_checkpoint_metadata(config, {}))
    about.pop("fence", None)
    return about


def _may_end(checkpoint: Checkpoint) -> bool:
    """Whether no node follows: then somebody is about to wait. Only decides when to commit, never what."""
    return not any(name.startswith(_NEXT) for name in checkpoint.get("updated_channels") or ())
