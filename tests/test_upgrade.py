"""Upgrades while cases wait: every parked case of every release goes on under the newest code, or is refused loudly.

``tests/golden`` keeps parked cases as released code wrote them; a damaged or unknown thread is set aside with an alarm
and made anew from the ledger (faults rows 15 to 17).
"""

import asyncio
import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import StateGraph
from sqlalchemy import create_engine

from checkpoints import cases, reviews
from graph import builder, clock, custody, waits
from graph.parked import stuck
from graph.service import Actor
from graph.wiring import Product, open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.settings import Settings

GOLDEN = Path(__file__).parent / "golden"
RELEASES = sorted(path.name for path in GOLDEN.glob("v*"))
STAGES = ("review", "second_review", "information", "service", "activation")
BACKEND, ANN, SUE = Actor("shop", "backend"), Actor("ann", "reviewer"), Actor("sue", "senior_reviewer")


@pytest.fixture(scope="module")
def services(open_product_house) -> Iterator[Any]:
    with open_product_house() as house:
        yield house


@pytest.fixture(
    params=[(release, dialect) for release in RELEASES for dialect in ("sqlite", "postgresql")], ids="-".join
)
def parked(request, tmp_path, services) -> tuple[Settings, dict[str, str]]:
    """A restored release: its settings, and its case ids by stage."""
    release, dialect = request.param
    ids = json.loads((GOLDEN / release / "cases.json").read_text())[dialect]
    sql = gzip.decompress((GOLDEN / release / f"{dialect}.sql.gz").read_bytes()).decode()
    url = None
    if dialect == "sqlite":
        with sqlite3.connect(tmp_path / "onboard.db") as db:
            db.executescript(sql)
    else:
        url = request.getfixturevalue("postgres_url")
        into_postgres(url, sql)
    return settings_of(tmp_path, services, url), ids


def settings_of(folder: Path, services: Any, url: str | None = None) -> Settings:
    named = {f"svc{number}_url": f"{services.url}/sandbox/svc{number}" for number in (1, 2)}
    given = {"data_dir": folder, "database_url": url, "secret_key": "golden", "reviewers": "ann@reviewers.example"}
    given["rule_processes"] = 0
    return Settings.model_validate(given | named)


def into_postgres(url: str, sql: str) -> None:
    """The schema as that release had it, by its migrations; then its rows."""
    from alembic import command
    from alembic.config import Config

    revision, _, rows = sql.partition("\n")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as conn:
        config = Config()
        config.set_main_option("script_location", str(Path(builder.__file__).parents[1] / "checkpoints" / "migrations"))
        config.attributes["connection"] = conn
        command.upgrade(config, revision.removeprefix("-- revision "))
        conn.exec_driver_sql("SET session_replication_role = replica")
        conn.connection.dbapi_connection.execute(rows)  # type: ignore[union-attr]
    engine.dispose()


async def resume(product: Product, stage: str, case_id: str) -> str:
    """End the wait as its people would, and return the status the case then has."""
    service, advance = product.service, product.runner.advance
    if stage == "information":
        await service.inform(
            BACKEND, case_id, [make_part({"website": "https://kite.example.com"}, "json", kind="answers")]
        )
    elif stage == "service":
        await clock.tick(product.context)
    else:
        action = "retry" if stage == "activation" else "approve"
        who = SUE if stage == "second_review" else ANN
        await service.decide(who, case_id, Decision(action=action), review_id=None, channel="api")
    await advance(case_id)
    found = await service.get(case_id)
    if found.review and found.review.stage == "second_review":
        await service.decide(SUE, case_id, Decision(action="approve"), review_id=None, channel="api")
        await advance(case_id)
        found = await service.get(case_id)
    return found.status


def test_there_is_a_golden_folder_for_the_graph_that_runs():
    from graph.state import GRAPH_VERSION

    assert f"v{GRAPH_VERSION}" in RELEASES, "run tests/golden/write_golden.py for this graph version"


def test_every_parked_case_of_every_release_goes_on_under_the_newest_code(parked, services):
    settings, ids = parked
    assert set(ids) == set(STAGES)

    async def all_of_them() -> dict[str, str]:
        async with open_product(settings, self_url="http://127.0.0.1:9") as product:
            assert await stuck(product.context.db, product.runner.graph) == []
            return {stage: await resume(product, stage, case_id) for stage, case_id in ids.items()}

    ended = asyncio.run(all_of_them())
    assert ended == dict.fromkeys(STAGES, "active") | {"information": "in_review"}
    for stage, case_id in ids.items():
        effects = services.sandbox(case_id)["effects"]
        assert len(effects) == (0 if stage == "information" else 2), stage


class Renamed(StateGraph):
    """The same graph with the reviewer's node under another name."""

    def add_node(self, node: Any, *more: Any, **options: Any) -> Any:
        if getattr(node, "__name__", "") == "review":
            return super().add_node("human_review", node, *more, **options)
        return super().add_node(node, *more, **options)

    def add_edge(self, start: Any, end: Any) -> Any:
        return super().add_edge(start, "human_review" if end == "review" else end)

    def add_conditional_edges(self, source: str, *more: Any) -> Any:
        return super().add_conditional_edges("human_review" if source == "review" else source, *more)


@pytest.fixture
def fresh(tmp_path, services) -> Settings:
    return settings_of(tmp_path, services)


def run(settings: Settings, work: Callable[[Product], Any]) -> Any:
    async def inside() -> Any:
        async with open_product(settings, self_url="http://127.0.0.1:9") as product:
            return await work(product)

    return asyncio.run(inside())


async def waiting_case(product: Product) -> str:
    body = {"legal_name": "Kite Ltd", "country": "GB", "bank": {"iban": "GB33BUKB20201555555555"}}
    (case,), _ = await product.service.submit(BACKEND, [[make_part(body, "json")]], key=None)
    await product.runner.advance(case.id)
    return case.id


def test_a_renamed_node_without_a_migration_is_refused_loudly_and_told_by_the_doctor(fresh, monkeypatch):
    case_id = run(fresh, waiting_case)
    monkeypatch.setattr(builder, "StateGraph", Renamed)

    async def under_the_new_graph(product: Product) -> tuple[list[str], Any]:
        told = await stuck(product.context.db, product.runner.graph)
        await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        return told, await product.service.get(case_id)

    told, case = run(fresh, under_the_new_graph)
    assert len(told) == 1
    assert case_id in told[0]
    assert "stands at review" in told[0]
    assert case.status == "quarantined"
    assert "unknown_graph_version" in str(case.problem)
    assert case.activations == []


def test_a_case_of_a_renamed_node_is_taken_over_by_a_rebuild_and_its_recorded_decision_counts(
    fresh, monkeypatch, services
):
    case_id = run(fresh, waiting_case)
    monkeypatch.setattr(builder, "StateGraph", Renamed)
    monkeypatch.setitem(waits.WAITS, "review", waits.Wait("present", "human_review"))

    async def migrated(product: Product) -> str:
        await product.service.decide(ANN, case_id, Decision(action="approve"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        await custody.rebuild(product.runner, "root", case_id)
        await product.runner.advance(case_id)
        found = await product.service.get(case_id)
        if found.review:
            await product.service.decide(SUE, case_id, Decision(action="approve"), review_id=None, channel="api")
            await product.runner.advance(case_id)
        return (await product.service.get(case_id)).status

    assert run(fresh, migrated) == "active"
    assert len(services.sandbox(case_id)["effects"]) == 2


def test_an_unknown_graph_version_is_refused_and_rolling_back_finds_the_case_as_it_was(fresh):
    """Row 17: a newer release parked it; this one sets it aside; the newer one takes it up again."""
    case_id = run(fresh, waiting_case)

    async def of_the_future(product: Product) -> Any:
        await product.context.db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET graph_version = 'future'"))
        await product.service.decide(ANN, case_id, Decision(action="reject"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        return await product.service.get(case_id)

    assert run(fresh, of_the_future).status == "quarantined"

    async def back_again(product: Product) -> str:
        await product.context.db.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET graph_version = '1'"))
        await product.service.release(Actor("root", "admin"), case_id)
        await product.runner.advance(case_id)
        return (await product.service.get(case_id)).status

    assert run(fresh, back_again) == "rejected"


DAMAGE = {
    "a flipped bit": "UPDATE state_rows SET body = CAST(substr(body, 1, 40) || x'ff' || substr(body, 42) AS BLOB) "
    "WHERE kind = 1",
    "a cut row": "UPDATE state_rows SET body = substr(body, 1, length(body) / 2) WHERE kind = 1",
    "an unknown kind of row": "UPDATE state_rows SET body = CAST(x'07' || substr(body, 2) AS BLOB) WHERE kind = 1",
    "a row that turned into text": "UPDATE state_rows SET body = CAST(body AS TEXT) WHERE kind = 1",
    "all rows gone": "DELETE FROM state_rows",
    "the thread gone": "DELETE FROM state_threads",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_thread_sets_the_case_aside_with_an_alarm_and_a_rebuild_goes_on_with_the_decision(
    fresh, damage, services
):
    async def story(product: Product) -> None:
        service, db = product.service, product.context.db
        case_id, other = await waiting_case(product), await waiting_case(product)
        only = f" {'AND' if 'WHERE' in DAMAGE[damage] else 'WHERE'} "
        only += (
            f"thread_id = '{case_id}'"
            if "state_threads" in DAMAGE[damage]
            else f"id >> 24 = (SELECT no FROM state_threads WHERE thread_id = '{case_id}')"
        )
        await db.write(lambda tx: tx.conn.exec_driver_sql(DAMAGE[damage] + only))
        assert [line.partition(":")[0] for line in await stuck(db, product.runner.graph)] == [case_id]
        await service.decide(ANN, case_id, Decision(action="reject"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        case = await service.get(case_id)
        assert case.status == "quarantined", case.status
        assert "tampered_record" in str(case.problem)
        letters = "SELECT count(*) FROM letters WHERE kind = 'case_quarantined'"
        assert await db.read(lambda tx: tx.conn.exec_driver_sql(letters).scalar()) == 1
        assert (await service.get(other)).status == "in_review"
        await custody.rebuild(product.runner, "root", case_id)
        await product.runner.advance(case_id)
        assert (await service.get(case_id)).status == "rejected"
        assert [item.action for item in (await service.get(case_id)).decisions] == ["reject"]

    run(fresh, story)


def test_a_rebuilt_case_that_still_waits_shows_the_same_review_and_takes_its_decision(fresh):
    async def story(product: Product) -> None:
        service, db = product.service, product.context.db
        case_id = await waiting_case(product)
        before = (await service.get(case_id)).review
        await db.write(lambda tx: cases.quarantine(tx, case_id, "an operator looks at it"))
        await custody.rebuild(product.runner, "root", case_id)
        await product.runner.advance(case_id)
        found = await service.get(case_id)
        assert (found.status, found.review) == ("in_review", before)
        assert await stuck(db, product.runner.graph) == []
        await service.decide(ANN, case_id, Decision(action="reject"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        assert (await service.get(case_id)).status == "rejected"

    run(fresh, story)


def test_a_case_set_aside_in_the_middle_of_its_activation_is_rebuilt_without_a_second_effect(fresh, services):
    async def story(product: Product) -> str:
        service, db = product.service, product.context.db
        body = {"legal_name": "Kite Ltd", "trading_name": "[svc2:down]", "country": "GB"}
        (case,), _ = await service.submit(BACKEND, [[make_part(body, "json")]], key=None)
        await product.runner.advance(case.id)
        for who in (ANN, SUE):
            if (await service.get(case.id)).review:
                await service.decide(who, case.id, Decision(action="approve"), review_id=None, channel="api")
                await product.runner.advance(case.id)
        wait = await db.read(lambda tx: reviews.waiting(tx, case.id))
        assert wait.stage == "service"
        await db.write(lambda tx: tx.conn.exec_driver_sql("DELETE FROM state_rows"))
        await db.write(lambda tx: reviews.decide(tx, wait, "again", actor="clock", channel="clock", body={}))
        await product.runner.advance(case.id)
        assert (await service.get(case.id)).status == "quarantined"
        await custody.rebuild(product.runner, "root", case.id)
        await product.runner.advance(case.id)
        return case.id

    case_id = run(fresh.model_copy(update={"service_deadline_seconds": 0.4}), story)
    effects = services.sandbox(case_id)["effects"]
    assert [row["service"] for row in effects] == ["svc1"]
