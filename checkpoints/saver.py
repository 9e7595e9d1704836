"""The graph's memory on our own database: durable, small, and in the order things were written.

Every call goes through the queue that the ledger's writes go through, so one commit serves all. A call that a *run*
makes stops waiting as soon as a later call of the same run stands behind it on that queue: the later one fails if the
earlier did, and LangGraph awaits the last before ``ainvoke`` returns. So once a run is over, all of it is durable, and
nobody waited for a commit but its last call. Calls outside a run each wait for their own.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
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

from checkpoints import saver_upkeep as upkeep
from checkpoints.saver_reads import Asked, glance_log, thread_ids, thread_log, tuple_at
from checkpoints.saver_rows import (
    CHECKPOINT,
    WRITES,
    Known,
    Lane,
    Row,
    Thread,
    ThreadLog,
    encode_checkpoint,
    encode_writes,
)
from checkpoints.saver_serde import StrictSerializer
from checkpoints.saver_sinks import FenceCheck, SqliteSink
from checkpoints.saver_sync import FromOtherThreads
from checkpoints.sqlite import SqliteDatabase
from checkpoints.strict import require_strict
from checkpoints.transaction import Database

_IN_A_RUN: Final = "__pregel_runtime"
_THREADS: Final = 4096


def open_saver(db: Database, fence_check: FenceCheck | None = None) -> "LedgerSaver":
    """The graph's saver on ``db``. Raises RuntimeError when LangGraph's own deserialiser is not strict.

    ``fence_check(tx, thread_id, token)`` is asked, in the transaction of the put, for calls whose config carries
    ``configurable.fence``; False refuses the put with Conflict.
    """
    require_strict()
    return LedgerSaver(db, fence_check)


class LedgerSaver(FromOtherThreads, BaseCheckpointSaver[int]):
    """LangGraph's saver on our database. Raises TamperedRecord naming the thread when a row does not open."""

    def __init__(self, db: Database, fence_check: FenceCheck | None = None) -> None:
        super().__init__(serde=StrictSerializer())
        self.db = db
        self._sink = SqliteSink(fence_check)
        self._threads: OrderedDict[str, Thread] = OrderedDict()
        self.bind_loop()

    # reading

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        conf = config["configurable"]
        thread_id, ns = str(conf["thread_id"]), conf.get("checkpoint_ns", "")
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

    async def _log(self, thread_id: str) -> ThreadLog:
        if isinstance(self.db, SqliteDatabase):
            codec = self.db.codec
            return self.db.glance(lambda conn: glance_log(conn, codec, thread_id))
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
        thread, parent = await self._standing(thread_id, ns, parent_id)
        lane, n = thread.lane(ns), thread.next
        about = cast(dict[str, Any], get_serializable_checkpoint_metadata(config, metadata))
        about.pop("fence", None)
        body, known = encode_checkpoint(n, checkpoint, about, new_versions, parent_id, parent)
        thread.next = n + 1
        lane.remember(checkpoint_id, known)
        row = Row(thread_id, n, CHECKPOINT, ns, checkpoint_id, about.get("run_id"), body, conf.get("fence"))
        await self._store(lane, row, conf)
        return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        conf = config["configurable"]
        thread_id, ns, checkpoint_id = str(conf["thread_id"]), conf.get("checkpoint_ns", ""), conf["checkpoint_id"]
        thread = self._threads.get(thread_id) or (await self._standing(thread_id, ns, None))[0]
        lane, n = thread.lane(ns), thread.next
        body = encode_writes(n, writes, task_id, task_path, lane.writing_on(checkpoint_id))
        thread.next = n + 1
        await self._store(lane, Row(thread_id, n, WRITES, ns, checkpoint_id, None, body, conf.get("fence")), conf)

    async def _standing(self, thread_id: str, ns: str, parent_id: str | None) -> tuple[Thread, Known | None]:
        """The thread as it stands and what is known of the parent, read back where this process has not seen it."""
        thread = self._threads.get(thread_id)
        parent = thread.lane(ns).known.get(parent_id) if thread is not None and parent_id else None
        if parent is not None and not parent.stored:
            parent = None
        if thread is None or (parent_id and parent is None):
            log = await self._log(thread_id)
            thread = self._thread(thread_id)
            thread.next = max(thread.next, log.last + 1)
            at = log.find(ns, parent_id) if parent_id else None
            parent = log.known(at) if at is not None else None
        return thread, parent

    async def _store(self, lane: Lane, row: Row, conf: Mapping[str, Any]) -> None:
        row.body = self.db.codec.seal(row.body, row.where)
        before, in_run = lane.last, _IN_A_RUN in conf
        job = self.db.feed(self._sink, row, after=before)
        if before is not None and lane.in_run and in_run:
            before.release()
        lane.last, lane.in_run = job, in_run
        try:
            await job.wait()
        except BaseException:
            if job.error is not None:
                self._threads.pop(row.thread_id, None)  # what was known of it may never have been stored
            raise

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
