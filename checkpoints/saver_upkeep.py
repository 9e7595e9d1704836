"""What is done to whole threads: delete, copy, prune, forget a run, seal anew."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from checkpoints.saver_reads import thread_log
from checkpoints.saver_rows import CHECKPOINT, WRITES, Known, ThreadLog, encode_checkpoint, encode_writes, place_of
from checkpoints.saver_schema import ROW_BITS, state_rows, state_threads
from checkpoints.transaction import Tx
from onboarding.errors import Conflict

_REWRITE = update(state_rows).where(state_rows.c.id == bindparam("at")).values(body=bindparam("sealed"))


def number_of(tx: Tx, thread_id: str) -> int | None:
    number: int | None = tx.conn.scalar(select(state_threads.c.no).where(state_threads.c.thread_id == thread_id))
    return number


def _span(number: int) -> Any:
    return state_rows.c.id.between(number << ROW_BITS, (number + 1 << ROW_BITS) - 1)


def delete_thread(tx: Tx, thread_id: str) -> None:
    """Remove the thread and all its rows."""
    number = number_of(tx, thread_id)
    if number is not None:
        tx.conn.execute(delete(state_rows).where(_span(number)))
        tx.conn.execute(delete(state_threads).where(state_threads.c.no == number))


def copy_thread(tx: Tx, source: str, target: str) -> None:
    """Copy every row to a new thread, sealed for its new place. Nothing happens when the source has none.

    Raises Conflict when the target exists.
    """
    number = number_of(tx, source)
    if number is None:
        return
    if number_of(tx, target) is not None:
        raise Conflict(f"Thread {target} exists already.")
    tx.conn.execute(insert(state_threads), {"thread_id": target})
    new = number_of(tx, target)
    assert new is not None
    rows = tx.conn.execute(select(state_rows).where(_span(number)).order_by(state_rows.c.id)).all()
    copies = []
    for row in rows:
        n = row.id - (number << ROW_BITS)
        plain = tx.codec.open(row.body, place_of(source, row.ns, row.checkpoint_id, n))
        sealed = tx.codec.seal(plain, place_of(target, row.ns, row.checkpoint_id, n))
        copies.append({**row._asdict(), "id": new << ROW_BITS | n, "body": sealed})
    tx.conn.execute(insert(state_rows), copies)


def keep_latest(tx: Tx, thread_id: str) -> None:
    """Keep only the newest checkpoint of each namespace and the writes on it, standing on their own.

    A namespace with a delta channel between snapshots is left whole: its value is rebuilt from its history.
    """
    number = number_of(tx, thread_id)
    if number is None:
        return
    log = thread_log(tx, thread_id)
    kept: set[int] = set()
    for ns in {row[1] for row in log.rows.values()}:
        every = log.checkpoints(ns)
        whole = bool(every) and "counters_since_delta_snapshot" in log.open(every[0])[6]
        kept.update(every if whole else every[:1])
    keep_only(tx, number, log, kept)


def delete_runs(tx: Tx, run_ids: Collection[str]) -> list[str]:
    """Remove what these runs wrote and return the threads touched; what stays is made to stand on its own."""
    found = tx.conn.execute(
        select(state_rows.c.id).where(state_rows.c.run_id.in_(run_ids), state_rows.c.kind == CHECKPOINT)
    ).scalars()
    gone: dict[int, set[int]] = {}
    for row_id in found:
        gone.setdefault(row_id >> ROW_BITS, set()).add(row_id & (1 << ROW_BITS) - 1)
    touched = []
    for number, rows in gone.items():
        thread_id = tx.conn.scalar(select(state_threads.c.thread_id).where(state_threads.c.no == number))
        assert thread_id is not None
        log = thread_log(tx, thread_id)
        keep_only(tx, number, log, set(log.checkpoints()) - rows)
        touched.append(thread_id)
    return touched


def keep_only(tx: Tx, number: int, log: ThreadLog, kept: set[int]) -> None:
    """Remove every checkpoint but ``kept`` (row numbers), with its writes, and rewrite those so that they lean on
    nothing that is gone."""
    names = {log.rows[n][1:3] for n in kept}
    writes = {n for n, row in log.rows.items() if row[0] == WRITES and row[1:3] in names}
    stay = kept | writes
    bodies = {n: _alone(log, n) for n in writes}
    bodies |= _chain(log, sorted(kept))
    changed = [
        {"at": number << ROW_BITS | n, "sealed": tx.codec.seal(body, place_of(log.thread_id, *log.rows[n][1:3], n))}
        for n, body in bodies.items()
    ]
    gone = [number << ROW_BITS | n for n in log.rows if n not in stay]
    for start in range(0, len(gone), 500):
        tx.conn.execute(delete(state_rows).where(state_rows.c.id.in_(gone[start : start + 500])))
    if changed:
        tx.conn.execute(_REWRITE, changed)


def _alone(log: ThreadLog, n: int) -> bytes:
    task_id, task_path, _, _ = log.open(n)
    return encode_writes(n, log.writes(n), task_id, task_path, None)


def _chain(log: ThreadLog, kept: Sequence[int]) -> dict[int, bytes]:
    """New bodies for the kept checkpoints, oldest first; a channel is shared only with a kept parent."""
    bodies: dict[int, bytes] = {}
    known: dict[tuple[str, str], tuple[int, Known]] = {}
    for n in kept:
        _, ns, checkpoint_id, _ = log.rows[n]
        _, _, parent_id, channels, _, _, metadata, _, _ = log.open(n)
        parent_n, parent = known.get((ns, parent_id), (None, None))
        same = log.open(parent_n)[3] if parent_n is not None else {}
        new = {name: entry[0] for name, entry in channels.items() if same.get(name) != entry}
        bodies[n], learnt = encode_checkpoint(n, log.checkpoint(n), metadata, new, parent_id, parent)
        known[ns, checkpoint_id] = (n, learnt)
    return bodies


def reseal(tx: Tx, thread_ids: Iterable[str]) -> int:
    """Seal these threads' rows with the key now in force (key rotation). Returns the number of rows."""
    count = 0
    for thread_id in thread_ids:
        number = number_of(tx, thread_id)
        if number is None:
            continue
        changed = []
        for n, (_, ns, checkpoint_id, body) in thread_log(tx, thread_id).rows.items():
            place = place_of(thread_id, ns, checkpoint_id, n)
            changed.append({"at": number << ROW_BITS | n, "sealed": tx.codec.seal(tx.codec.open(body, place), place)})
        tx.conn.execute(_REWRITE, changed)
        count += len(changed)
    return count
