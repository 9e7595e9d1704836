"""Reading a thread's log back: one query, whatever the thread's state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, CheckpointTuple
from sqlalchemy import select, text

from checkpoints.documents import Codec
from checkpoints.saver_rows import ThreadLog
from checkpoints.saver_schema import ROW_BITS, state_threads
from checkpoints.transaction import Tx
from onboarding.errors import TamperedRecord

MASK: Final = (1 << ROW_BITS) - 1
_BODY: Final = (
    "SELECT r.id & {mask}, r.kind, r.ns, r.checkpoint_id, r.body FROM state_threads t "
    "JOIN state_rows r ON r.id BETWEEN (t.no << {bits}) AND (t.no << {bits} | {mask}) WHERE t.thread_id = {mark}"
)
SQLITE_LOG: Final = _BODY.format(mask=MASK, bits=ROW_BITS, mark="?")
_LOG: Final = text(_BODY.format(mask=MASK, bits=ROW_BITS, mark=":thread"))


def thread_log(tx: Tx, thread_id: str) -> ThreadLog:
    """Every row of the thread, unopened."""
    rows = [tuple(row) for row in tx.conn.execute(_LOG, {"thread": thread_id})]
    return ThreadLog(tx.codec, thread_id, rows)


def glance_log(conn: Any, codec: Codec, thread_id: str) -> ThreadLog:
    """The same on a plain SQLite connection."""
    return ThreadLog(codec, thread_id, conn.execute(SQLITE_LOG, (thread_id,)).fetchall())


def thread_ids(tx: Tx) -> list[str]:
    """Every thread, the newest first."""
    return list(tx.conn.scalars(select(state_threads.c.thread_id).order_by(state_threads.c.no.desc())))


def tuple_at(log: ThreadLog, n: int) -> CheckpointTuple:
    """LangGraph's view of the checkpoint in row ``n``. Raises TamperedRecord naming the thread."""
    try:
        _, ns, checkpoint_id, _ = log.rows[n]
        parent_id, metadata = log.open(n)[2], log.open(n)[6]
        return CheckpointTuple(
            config=_config(log.thread_id, ns, checkpoint_id),
            checkpoint=cast(Checkpoint, log.checkpoint(n)),
            metadata=metadata,
            parent_config=_config(log.thread_id, ns, parent_id) if parent_id else None,
            pending_writes=log.pending(ns, checkpoint_id),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise TamperedRecord(f"State of {log.thread_id}: row {n} is not readable.", thread_id=log.thread_id) from error


def _config(thread_id: str, ns: str, checkpoint_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ns, "checkpoint_id": checkpoint_id}}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a listing asks for."""

    config: RunnableConfig | None
    filter: Mapping[str, Any] | None
    before: RunnableConfig | None

    def among(self, tx: Tx, thread_id: str, limit: int) -> list[CheckpointTuple]:
        """The thread's checkpoints that were asked for, newest first, at most ``limit`` (negative: all)."""
        log = thread_log(tx, thread_id)
        conf = self.config["configurable"] if self.config else {}
        only, ns = conf.get("checkpoint_id"), conf.get("checkpoint_ns")
        end = self._end(log)
        found: list[CheckpointTuple] = []
        for n in log.checkpoints(ns):
            if len(found) == limit:
                break
            if n < end and (only is None or log.rows[n][2] == only) and self._fits(log, n):
                found.append(tuple_at(log, n))
        return found

    def _end(self, log: ThreadLog) -> float:
        """The row before which to look: that of ``before``, wherever it stands."""
        cursor = self.before["configurable"].get("checkpoint_id") if self.before else None
        if cursor is None:
            return float("inf")
        return max((n for n in log.checkpoints() if log.rows[n][2] == cursor), default=float("inf"))

    def _fits(self, log: ThreadLog, n: int) -> bool:
        metadata = log.open(n)[6]
        return all(metadata.get(key) == value for key, value in (self.filter or {}).items())
