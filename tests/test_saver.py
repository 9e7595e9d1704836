"""The saver beyond LangGraph's own suite: order, size, concurrency, corruption, encryption, fences."""

import asyncio
import operator
import random
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypedDict

import ormsgpack
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance.test_utils import generate_checkpoint, generate_config, generate_metadata
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt  # noqa: TID251 - a test answers its own question
from sqlalchemy import insert

from checkpoints.database import Database, SqliteDatabase, open_database
from checkpoints.documents import Codec
from checkpoints.saver import LedgerSaver, open_saver
from checkpoints.saver_schema import metadata
from checkpoints.saver_serde import StrictSerializer, pack
from checkpoints.saver_upkeep import reseal
from checkpoints.schema import leases
from checkpoints.strict import require_strict
from onboarding.errors import Conflict, LeaseLost, StorageUnavailable, TamperedRecord

OLD = {b"old1": b"o" * 32}
NEW = {b"new1": b"n" * 32}


class State(TypedDict, total=False):
    document: dict[str, Any]
    count: int
    trail: Annotated[list[str], operator.add]
    answer: str


def ask_graph(saver: Any, steps: int = 3) -> Any:
    """Some steps, a question, and an end."""
    graph = StateGraph(State)
    before = START
    for number in range(steps):

        async def step(state: State, name: str = f"s{number}") -> State:
            return {"count": state.get("count", 0) + 1, "trail": [name]}

        graph.add_node(f"s{number}", step)
        graph.add_edge(before, f"s{number}")
        before = f"s{number}"

    async def ask(state: State) -> State:
        return {"answer": interrupt({"legal_name": state["document"]["legal_name"]})}

    graph.add_node("ask", ask)
    graph.add_edge(before, "ask")
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=saver)


def thread(name: str, **more: Any) -> Any:
    return {"configurable": {"thread_id": name, **more}}


def document(name: str = "Zanzibar Spice Company") -> dict[str, Any]:
    return {"legal_name": name, "persons": [{"name": "Quirina Featherstonehaugh", "dob": "1971-03-04"}] * 20}


@pytest.fixture(params=["sqlite", "postgresql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path}/t.sqlite" if request.param == "sqlite" else request.getfixturevalue("ledger_url")
    opened = await opened_with(url)
    yield opened
    await opened.close()


@pytest.fixture
async def lite(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = await opened_with(f"sqlite:///{tmp_path}/t.sqlite")
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


async def opened_with(url: str, codec: Codec | None = None) -> Database:
    db = open_database(url, codec)
    await db.write(lambda tx: metadata.create_all(tx.conn))
    return db


async def resume(graph: Any, name: str, answer: str = "yes") -> Any:
    waiting = (await graph.aget_state(thread(name))).interrupts
    return await graph.ainvoke(Command(resume={waiting[0].id: answer}), thread(name))


# order


async def test_the_newest_checkpoint_is_the_last_written_even_when_the_clock_jumps_back(db: Database) -> None:
    saver = open_saver(db)
    parent: Any = generate_config("t1")
    written = []
    for number in range(5):
        checkpoint = generate_checkpoint(checkpoint_id=str(uuid.UUID(int=(100 - number) << 64)))
        checkpoint["ts"] = (datetime.now(UTC) - timedelta(hours=number)).isoformat()
        parent = await saver.aput(parent, checkpoint, generate_metadata(step=number), {})
        written.append(checkpoint["id"])
    assert written == sorted(written, reverse=True)
    newest = await saver.aget_tuple(generate_config("t1"))
    assert newest is not None
    assert newest.checkpoint["id"] == written[-1]
    assert [found.checkpoint["id"] async for found in saver.alist(generate_config("t1"))] == written[::-1]
    before = generate_config("t1", checkpoint_id=written[2])
    older = [found.checkpoint["id"] async for found in saver.alist(generate_config("t1"), before=before)]
    assert older == [written[1], written[0]]


async def test_a_resume_on_a_host_whose_clock_is_behind_is_seen(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = ask_graph(open_saver(db))
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    import langgraph.checkpoint.base.id as ids

    monkeypatch.setattr(ids, "_last_v6_timestamp", None)
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_500_000_000 * 10**9)
    done = await resume(graph, "t1")
    assert done["answer"] == "yes"
    state = await graph.aget_state(thread("t1"))
    assert state.next == ()
    assert state.values["answer"] == "yes"


# what is stored


async def test_a_document_that_no_step_changes_is_stored_once(lite: SqliteDatabase) -> None:
    big = {"legal_name": "X", "text": "".join(random.Random(1).choices("abcdefghij", k=20_000))}
    graph = ask_graph(open_saver(lite), steps=6)
    await graph.ainvoke({"document": big, "count": 0}, thread("t1"))
    sizes = lite.glance(lambda conn: conn.execute("SELECT length(body) FROM state_rows").fetchall())
    assert 20_000 < sum(size for (size,) in sizes) < 26_000
    await resume(graph, "t1")
    assert (await graph.aget_state(thread("t1"))).values["document"] == big


async def test_a_value_changed_in_place_is_stored_as_it_then_is(db: Database) -> None:
    graph = StateGraph(State)

    async def first(state: State) -> State:
        state["document"]["n"] = 1
        return {"document": state["document"]}

    async def second(state: State) -> State:
        state["document"]["n"] += 1
        return {"document": state["document"]}

    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    saver = open_saver(db)
    await graph.compile(checkpointer=saver).ainvoke({"document": document()}, thread("t1"))
    found = await open_saver(db).aget_tuple(thread("t1"))
    assert found is not None
    assert found.checkpoint["channel_values"]["document"]["n"] == 2


async def test_every_checkpoint_of_a_run_reads_back_with_the_values_of_its_step(db: Database) -> None:
    graph = ask_graph(open_saver(db), steps=4)
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    await resume(graph, "t1")
    reread = ask_graph(open_saver(db), steps=4)
    history = [state async for state in reread.aget_state_history(thread("t1"))]
    assert [state.values.get("count") for state in history] == [4, 4, 3, 2, 1, 0, None]
    assert [state.next for state in history] == [(), ("ask",), ("s3",), ("s2",), ("s1",), ("s0",), ("__start__",)]
    assert all(state.values.get("document", document()) == document() for state in history)


async def test_a_fork_from_an_older_checkpoint_leaves_its_siblings_alone(db: Database) -> None:
    graph = ask_graph(open_saver(db), steps=4)
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    history = [state async for state in graph.aget_state_history(thread("t1"))]
    old = next(state for state in history if state.values.get("count") == 2)
    forked = await graph.aupdate_state(old.config, {"count": 50}, as_node="s1")
    await graph.ainvoke(None, forked)
    assert (await graph.aget_state(thread("t1"))).values["count"] == 52
    unchanged = [(await graph.aget_state(state.config)).values.get("count") for state in history]
    assert unchanged == [state.values.get("count") for state in history]


async def test_no_row_names_a_class_and_only_plain_values_are_stored(lite: SqliteDatabase) -> None:
    graph = ask_graph(open_saver(lite))
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    bodies = b"".join(lite.glance(lambda conn: [row[0] for row in conn.execute("SELECT body FROM state_rows")]))
    assert b"legal_name" in bodies
    assert b"langgraph." not in bodies
    assert b"builtins" not in bodies
    saver = open_saver(lite)
    for value in (Decimal("1.5"), datetime.now(UTC), {1, 2}, uuid.uuid4(), object(), {1: 2}):
        checkpoint = generate_checkpoint(channel_values={"k": value}, channel_versions={"k": 1})
        with pytest.raises(TypeError, match="plain JSON"):
            await saver.aput(generate_config("t2"), checkpoint, generate_metadata(), {"k": 1})
    assert await saver.aget_tuple(generate_config("t2")) is None


def test_extension_types_of_others_are_refused() -> None:
    serializer = StrictSerializer()
    theirs = ormsgpack.packb(ormsgpack.Ext(5, pack(["os", "system", ["true"], "x"])))
    for data in (("strict", theirs), ("strict", b"\xc1"), ("msgpack", pack(1)), ("pickle", b"x"), ("json", b"{}")):
        with pytest.raises(TamperedRecord):
            serializer.loads_typed(data)
    assert serializer.loads_typed(serializer.dumps_typed({"a": [1, "x", None]})) == {"a": [1, "x", None]}


def test_a_permissive_deserialiser_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from langgraph.checkpoint.serde import _msgpack

    require_strict()
    monkeypatch.setattr(_msgpack, "STRICT_MSGPACK_ENABLED", False)
    with pytest.raises(RuntimeError, match="LANGGRAPH_STRICT_MSGPACK"):
        require_strict()


# many at once


async def test_many_threads_at_once_each_keep_their_own(db: Database) -> None:
    graph = ask_graph(open_saver(db), steps=3)

    async def one(number: int) -> None:
        name = f"case-{number}"
        await graph.ainvoke({"document": document(name), "count": number}, thread(name))
        done = await resume(graph, name, f"answer-{number}")
        assert (done["answer"], done["count"]) == (f"answer-{number}", number + 3)

    await asyncio.gather(*(one(number) for number in range(40)))
    fresh = ask_graph(open_saver(db), steps=3)
    for number in range(40):
        state = await fresh.aget_state(thread(f"case-{number}"))
        assert state.values["document"]["legal_name"] == f"case-{number}"
        assert state.values["answer"] == f"answer-{number}"
        assert state.next == ()


async def test_once_ainvoke_returned_everything_is_on_disk(lite: SqliteDatabase) -> None:
    graph = ask_graph(open_saver(lite), steps=5)
    beside = sqlite3.connect(lite.path, isolation_level=None)
    for number in range(30):
        await graph.ainvoke({"document": document(), "count": 0}, thread(f"t{number}"))
        rows = beside.execute(
            "SELECT kind, count(*) FROM state_rows r JOIN state_threads t ON r.id >> 24 = t.no WHERE thread_id = ? "
            "GROUP BY kind",
            (f"t{number}",),
        ).fetchall()
        assert dict(rows) == {1: 7, 2: 7}


async def test_a_run_that_was_cancelled_goes_on_from_what_it_had_queued(db: Database) -> None:
    saver = open_saver(db)
    graph = StateGraph(State)
    begun = asyncio.Event()

    async def first(state: State) -> State:
        return {"count": state["count"] + 1}

    async def second(state: State) -> State:
        if not begun.is_set():
            begun.set()
            await asyncio.sleep(60)
        return {"count": state["count"] + 10}

    graph.add_node("first", first)
    graph.add_node("second", second)
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", END)
    compiled = graph.compile(checkpointer=saver)
    running = asyncio.ensure_future(compiled.ainvoke({"count": 0}, thread("t1")))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await compiled.aget_state(thread("t1"))).next == ("second",)
    assert (await compiled.ainvoke(None, thread("t1")))["count"] == 11
    assert (await compiled.aget_state(thread("t1"))).next == ()


async def test_with_sync_durability_a_step_starts_only_after_the_one_before_is_on_disk(lite: SqliteDatabase) -> None:
    beside = sqlite3.connect(lite.path, isolation_level=None)
    seen: list[int] = []
    graph = StateGraph(State)

    async def count(state: State) -> State:
        seen.append(beside.execute("SELECT count(*) FROM state_rows WHERE kind = 1").fetchone()[0])
        return {"count": state.get("count", 0) + 1}

    before = START
    for number in range(4):
        graph.add_node(f"n{number}", count)
        graph.add_edge(before, f"n{number}")
        before = f"n{number}"
    graph.add_edge(before, END)
    compiled = graph.compile(checkpointer=open_saver(lite))
    await compiled.ainvoke({"count": 0}, thread("t1"), durability="sync")
    assert seen == sorted(seen)
    assert all(stored >= number + 1 for number, stored in enumerate(seen))


async def test_a_failed_store_fails_the_run_and_the_next_try_goes_on(lite: SqliteDatabase) -> None:
    graph = ask_graph(open_saver(lite), steps=3)
    await graph.ainvoke({"document": document(), "count": 0}, thread("before"))
    pages = await lite.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA page_count").scalar_one())
    await lite.write(lambda tx: tx.conn.exec_driver_sql(f"PRAGMA max_page_count={pages + 1}").scalar_one())
    big = {**document(), "text": "q" * 100_000}
    with pytest.raises(StorageUnavailable):
        await graph.ainvoke({"document": big, "count": 0}, thread("t1"))
    await lite.write(lambda tx: tx.conn.exec_driver_sql("PRAGMA max_page_count=1000000").scalar_one())
    await graph.ainvoke({"document": big, "count": 0}, thread("t1"))
    assert (await resume(graph, "t1"))["document"] == big
    assert (await resume(graph, "before"))["answer"] == "yes"


async def test_two_runners_at_once_on_one_thread_do_not_interleave(db: Database) -> None:
    first, second = open_saver(db), open_saver(db)
    start = await first.aput(generate_config("t1"), generate_checkpoint(), generate_metadata(), {})
    assert await second.aget_tuple(start) is not None
    await first.aput(start, generate_checkpoint(), generate_metadata(step=1), {})
    with pytest.raises(Conflict):
        await second.aput(start, generate_checkpoint(), generate_metadata(step=1), {})
    assert await second.aget_tuple(generate_config("t1")) is not None
    await second.aput(start, generate_checkpoint(), generate_metadata(step=2), {})
    assert len([found async for found in first.alist(generate_config("t1"))]) == 3


async def test_a_stale_fence_is_refused_in_the_same_transaction(db: Database) -> None:
    row = {"case_id": "t1", "fence": 5, "owner": "me", "seen": 0, "until": 0}
    await db.write(lambda tx: tx.conn.execute(insert(leases), row) and None)
    saver = open_saver(db)
    good = await saver.aput(thread("t1", checkpoint_ns="", fence=5), empty_checkpoint(), generate_metadata(), {})
    with pytest.raises(LeaseLost):
        await saver.aput(thread("t1", checkpoint_ns="", fence=4), empty_checkpoint(), generate_metadata(), {})
    stale = thread("t1", checkpoint_ns="", fence=4, checkpoint_id=good["configurable"]["checkpoint_id"])
    with pytest.raises(LeaseLost):
        await saver.aput_writes(stale, [("k", 1)], "task")
    found = [entry async for entry in saver.alist(thread("t1"))]
    assert len(found) == 1
    assert "fence" not in found[0].metadata
    assert found[0].pending_writes == []


# corruption


def flip(place: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:place] + bytes([body[place] ^ 0x10]) + body[place + 1 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda body: body[:-5],
    "emptied": lambda _: b"",
    "zeroed": lambda body: b"\0" * len(body),
    "lengthened": lambda body: body + b"\x00",
    "foreign": lambda _: b"\x80\x04}q\x00.",
    **{f"bit {place}": flip(place) for place in (0, 1, 3, 6, 12, 30, 60, -1)},
}


@pytest.mark.parametrize("codec", [None, Codec(OLD, b"old1")], ids=["plain", "sealed"])
async def test_any_damage_is_an_error_naming_the_thread_and_the_others_go_on(tmp_path: Path, codec: Any) -> None:
    db = await opened_with(f"sqlite:///{tmp_path}/t.sqlite", codec)
    assert isinstance(db, SqliteDatabase)
    graph = ask_graph(open_saver(db), steps=2)
    for name in ("bad", "good"):
        await graph.ainvoke({"document": document(), "count": 0}, thread(name))
    rows = db.glance(
        lambda conn: conn.execute(
            "SELECT r.id, r.body FROM state_rows r JOIN state_threads t ON r.id >> 24 = t.no WHERE thread_id = 'bad'"
        ).fetchall()
    )
    beside = sqlite3.connect(db.path, isolation_level=None)
    for damage in DAMAGE.values():
        for row_id, body in rows[-3:]:
            beside.execute("UPDATE state_rows SET body = ? WHERE id = ?", (damage(body), row_id))
            with pytest.raises(TamperedRecord, match="bad"):
                [state async for state in graph.aget_state_history(thread("bad"))]
            beside.execute("UPDATE state_rows SET body = ? WHERE id = ?", (body, row_id))
    assert (await graph.aget_state(thread("bad"))).next == ("ask",)
    beside.execute("UPDATE state_rows SET body = ? WHERE id = ?", (rows[0][1], rows[-1][0]))
    with pytest.raises(TamperedRecord, match="bad"):
        await graph.aget_state(thread("bad"))
    assert (await resume(graph, "good"))["answer"] == "yes"
    await db.close()


async def test_every_flipped_bit_of_a_row_is_noticed(lite: SqliteDatabase) -> None:
    saver = open_saver(lite)
    checkpoint = generate_checkpoint(channel_values={"k": "v"}, channel_versions={"k": 1})
    await saver.aput(generate_config("t1"), checkpoint, generate_metadata(), {"k": 1})
    beside = sqlite3.connect(lite.path, isolation_level=None)
    (body,) = beside.execute("SELECT body FROM state_rows").fetchone()
    for place in range(len(body)):
        beside.execute("UPDATE state_rows SET body = ?", (flip(place)(body),))
        with pytest.raises(TamperedRecord, match="t1"):
            await saver.aget_tuple(generate_config("t1"))


async def test_a_missing_row_is_noticed_when_a_checkpoint_leans_on_it(lite: SqliteDatabase) -> None:
    graph = ask_graph(open_saver(lite), steps=2)
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    sqlite3.connect(lite.path, isolation_level=None).execute("DELETE FROM state_rows WHERE id & 16777215 = 1")
    with pytest.raises(TamperedRecord, match="t1"):
        await graph.aget_state(thread("t1"))


async def test_a_row_moved_to_another_thread_or_place_does_not_open(lite: SqliteDatabase) -> None:
    saver = open_saver(lite)
    for name in ("t1", "t2"):
        await saver.aput(generate_config(name), generate_checkpoint(), generate_metadata(), {})
    beside = sqlite3.connect(lite.path, isolation_level=None)
    beside.execute("UPDATE state_rows SET (checkpoint_id, body) = (SELECT checkpoint_id, body FROM state_rows LIMIT 1)")
    with pytest.raises(TamperedRecord, match="t2"):
        await saver.aget_tuple(generate_config("t2"))
    assert await saver.aget_tuple(generate_config("t1")) is not None


# encryption


async def test_no_personal_value_stands_in_the_files_once_sealed(tmp_path: Path) -> None:
    db = await opened_with(f"sqlite:///{tmp_path}/t.sqlite", Codec(OLD, b"old1"))
    graph = ask_graph(open_saver(db))
    config = {**thread("t1"), "metadata": {"note": "Quirina called"}}
    await graph.ainvoke({"document": document(), "count": 0}, config)
    await resume(graph, "t1", "approved by Ottoline")
    files = await asyncio.to_thread(lambda: b"".join(file.read_bytes() for file in tmp_path.iterdir()))
    for secret in (b"Zanzibar", b"Quirina", b"Featherstonehaugh", b"1971-03-04", b"Ottoline", b"legal_name"):
        assert secret not in files
    await db.close()


async def test_plain_rows_are_refused_once_the_cipher_is_on_and_sealed_ones_without_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/t.sqlite"
    for codec, name in ((None, "plain"), (Codec(OLD, b"old1"), "sealed")):
        db = await opened_with(url, codec)
        await ask_graph(open_saver(db)).ainvoke({"document": document(), "count": 0}, thread(name))
        await db.close()
    for codec, refused, read in ((Codec(OLD, b"old1"), "plain", "sealed"), (None, "sealed", "plain")):
        db = await opened_with(url, codec)
        graph = ask_graph(open_saver(db))
        with pytest.raises(TamperedRecord, match=refused):
            await graph.aget_state(thread(refused))
        assert (await graph.aget_state(thread(read))).next == ("ask",)
        await db.close()


async def test_a_key_is_rotated_without_a_pause(db: Database) -> None:
    db.codec = Codec(OLD, b"old1")
    await ask_graph(open_saver(db)).ainvoke({"document": document(), "count": 0}, thread("t1"))
    db.codec = Codec({**OLD, **NEW}, b"new1")
    graph = ask_graph(open_saver(db))
    assert (await resume(graph, "t1"))["answer"] == "yes"
    assert await db.write(lambda tx: reseal(tx, ["t1"])) > 5
    db.codec = Codec(NEW, b"new1")
    assert (await ask_graph(open_saver(db)).aget_state(thread("t1"))).values["document"] == document()


# whole threads


async def test_pruned_and_copied_threads_stand_on_their_own(db: Database) -> None:
    graph = ask_graph(saver := open_saver(db))
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    await saver.acopy_thread("t1", "copy")
    await saver.aprune(["t1"])
    assert len([found async for found in saver.alist(thread("t1"))]) == 1
    assert (await resume(graph, "t1"))["document"] == document()
    await saver.adelete_thread("t1")
    assert await saver.aget_tuple(thread("t1")) is None
    assert len([found async for found in saver.alist(thread("copy"))]) == 5
    assert (await resume(graph, "copy", "later"))["answer"] == "later"
    with pytest.raises(Conflict):
        await saver.acopy_thread("copy", "copy")


async def test_a_thread_deleted_in_mid_life_starts_anew(db: Database) -> None:
    graph = ask_graph(saver := open_saver(db))
    for _ in range(2):
        await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
        assert (await graph.aget_state(thread("t1"))).values["count"] == 3
        await saver.adelete_thread("t1")
    assert [found async for found in saver.alist(None)] == []


async def test_a_thread_that_another_process_deleted_harms_no_other(db: Database) -> None:
    first, second = open_saver(db), open_saver(db)
    parents = {}
    for name in ("t1", "t2"):
        parents[name] = await first.aput(generate_config(name), generate_checkpoint(), generate_metadata(), {})
    await second.adelete_thread("t1")
    puts = [first.aput(parents[name], generate_checkpoint(), generate_metadata(step=1), {}) for name in ("t1", "t2")]
    await asyncio.gather(*puts, return_exceptions=True)
    assert len([found async for found in second.alist(generate_config("t2"))]) == 2


async def test_from_another_thread_the_synchronous_calls_work_and_in_the_loop_they_say_so(db: Database) -> None:
    saver: LedgerSaver = open_saver(db)
    graph = ask_graph(saver)
    await graph.ainvoke({"document": document(), "count": 0}, thread("t1"))
    state = await asyncio.to_thread(graph.get_state, thread("t1"))
    assert state.next == ("ask",)
    assert len(await asyncio.to_thread(lambda: list(saver.list(thread("t1"), limit=2)))) == 2
    with pytest.raises(NotImplementedError):
        saver.get_tuple(thread("t1"))
