"""Backups of a ledger in use, on both databases; and faults row 25: after a restore nothing is done twice."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from graph.safekeeping import backup, restore
from graph.service import Actor
from graph.wiring import open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.errors import BadInput, Conflict
from onboarding.settings import Settings

BACKEND, ANN = Actor("shop", "backend"), Actor("ann@reviewers.example", "reviewer")


def body(number: int) -> dict[str, Any]:
    return {"legal_name": f"Merchant {number} Ltd", "country": "GB"}


async def submit(product, count: int, start: int = 0) -> list[str]:
    ids = []
    for number in range(start, start + count):
        (case,), _ = await product.service.submit(BACKEND, [[make_part(body(number), "json")]], key=None)
        await product.runner.advance(case.id)
        ids.append(case.id)
    return ids


async def decided(settings: Settings, case_id: str) -> str:
    async with open_product(settings, self_url="http://127.0.0.1:9") as product:
        await product.service.decide(ANN, case_id, Decision(action="reject"), review_id=None, channel="api")
        await product.runner.advance(case_id)
        return (await product.service.get(case_id)).status


def test_a_backup_taken_while_cases_come_in_is_whole_and_goes_on_when_restored(tmp_path):
    live, other = (
        Settings(data_dir=tmp_path / "live", rule_processes=0),
        Settings(data_dir=tmp_path / "other", rule_processes=0),
    )
    out = tmp_path / "backup.db"

    async def busy() -> list[str]:
        async with open_product(live, self_url="http://127.0.0.1:9") as product:
            ids = await submit(product, 3)
            await asyncio.gather(submit(product, 4, 3), asyncio.to_thread(backup, live, out))
            with pytest.raises(Conflict):
                backup(live, out)
            return ids

    ids = asyncio.run(busy())
    count = asyncio.run(restore(other, out))
    assert 3 <= count <= 7
    with pytest.raises(Conflict):
        asyncio.run(restore(other, out))
    assert asyncio.run(decided(other, ids[0])) == "rejected"
    assert asyncio.run(decided(live, ids[0])) == "rejected"


def test_a_ledger_moves_from_postgresql_to_sqlite_and_back_by_a_backup(tmp_path, postgres_url, postgres_server):
    first = Settings(data_dir=tmp_path / "one", rule_processes=0, database_url=postgres_url, secret_key="s")

    async def build() -> list[str]:
        async with open_product(first, self_url="http://127.0.0.1:9") as product:
            return await submit(product, 3)

    ids = asyncio.run(build())
    backup(first, tmp_path / "one.db")
    local = Settings(data_dir=tmp_path / "two", rule_processes=0, secret_key="s")
    assert asyncio.run(restore(local, tmp_path / "one.db")) == 3
    assert asyncio.run(decided(local, ids[0])) == "rejected"
    backup(local, tmp_path / "two.db")
    postgres_server.psql('CREATE DATABASE "restored"')
    back = first.model_copy(
        update={"data_dir": tmp_path / "three", "database_url": postgres_server.get_uri("restored")}
    )
    assert asyncio.run(restore(back, tmp_path / "two.db")) == 3
    with pytest.raises(Conflict):
        asyncio.run(restore(back, tmp_path / "two.db"))
    assert asyncio.run(decided(back, ids[1])) == "rejected"

    async def new() -> list[str]:
        async with open_product(back, self_url="http://127.0.0.1:9") as product:
            return await submit(product, 1, 9)

    assert len(asyncio.run(new())) == 1


@pytest.mark.parametrize("how", ["cut", "other", "text"])
def test_what_is_no_whole_backup_is_refused(tmp_path, how):
    path = tmp_path / "file.db"
    if how == "text":
        path.write_text("not a database at all")
    else:
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE cases (id TEXT)")
            if how == "cut":
                db.execute("CREATE TABLE audit (id TEXT)")
                db.executemany("INSERT INTO audit VALUES (?)", [(str(n) * 100,) for n in range(2000)])
        if how == "cut":
            db.close()
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput):
        asyncio.run(restore(Settings(data_dir=tmp_path / "there", rule_processes=0), path))
    assert not (tmp_path / "there" / "onboard.db").exists()


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_the_log_of_a_ledger_that_died_is_not_played_into_the_restored_one(tmp_path, end):
    """SQLite would: it goes by the name alone."""
    settings, copy = Settings(data_dir=tmp_path / "died", rule_processes=0), tmp_path / "copy.db"
    ledger = settings.data_dir / "onboard.db"
    asyncio.run(decided_by_nobody(settings))
    backup(settings, copy)
    dies = f"""
import os, sqlite3
db = sqlite3.connect({str(ledger)!r}, isolation_level=None)
db.execute("PRAGMA journal_mode={"WAL" if end == "-wal" else "DELETE"}")
db.execute("PRAGMA cache_size=1")
db.execute("BEGIN")
db.execute("CREATE TABLE ghost AS SELECT randomblob(100000) FROM cases")
if {end!r} == "-wal":
    db.execute("COMMIT")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", dies], check=False)
    left = ledger.with_name(f"onboard.db{end}")
    assert left.stat().st_size > 100_000 or end == "-journal"
    ledger.unlink()
    with pytest.raises(Conflict, match=f"onboard.db{end}"):
        asyncio.run(restore(settings, copy))
    left.unlink()
    assert asyncio.run(restore(settings, copy)) == 1


async def decided_by_nobody(settings: Settings) -> None:
    async with open_product(settings, self_url="http://127.0.0.1:9") as product:
        await submit(product, 1)


@pytest.fixture(scope="module")
def services(open_product_house) -> Iterator[Any]:
    """An installation whose sandbox plays the services for another one as well."""
    with open_product_house() as house:
        yield house


def test_after_a_restore_an_approval_given_again_makes_no_second_effect_and_services_are_asked_first(
    services, open_product_house, tmp_path, monkeypatch
):
    """Row 25: the backup is older than an approval and both activations; the reviewer approves once more."""
    urls = {f"svc{n}_url": f"{services.url}/sandbox/svc{n}" for n in (1, 2)}
    out = tmp_path / "backup.db"
    with open_product_house(**urls) as house:
        case = house.case()
        secret = (house.data_dir / "secret-key").read_text()
        monkeypatch.setenv("ONBOARD_DATA_DIR", str(house.data_dir))
        done = CliRunner().invoke(app, ["backup", str(out)])
        assert done.exit_code == 0, done.output
        approve(house, case)
        references = {item["service"]: item["reference"] for item in house.get(case["id"])["activations"]}
        before = services.sandbox(case["id"])
        assert len(before["effects"]) == 2
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(tmp_path / "restored"))
    assert CliRunner().invoke(app, ["restore", str(out)]).exit_code == 0
    with open_product_house(data_dir=tmp_path / "restored", secret_key=secret, **urls) as house:
        assert house.get(case["id"])["status"] == "in_review"
        approve(house, case)
        again = {item["service"]: item["reference"] for item in house.get(case["id"])["activations"]}
    assert again == references
    assert services.sandbox(case["id"])["effects"] == before["effects"]
    calls = services.nobody.get("/sandbox/log").json()["calls"]
    asked = [call["operation"] for call in calls if case["id"] in str(call["key"])]
    assert asked.count("activate") == 2
    assert asked[2:] == ["lookup", "lookup"]


def approve(house, case: dict[str, Any]) -> None:
    assert house.decide("ann", case, "approve").status_code == 200
    found = house.rest(case["id"])
    if found["review"]:
        assert house.decide("sue", found, "approve").status_code == 200
    house.rest(case["id"], "active")


def test_a_plain_copy_of_the_file_is_safe_as_well_because_keys_stay_the_same(services, open_product_house, tmp_path):
    """Who restores by hand: the service is called again, under the key it knows."""
    urls = {f"svc{n}_url": f"{services.url}/sandbox/svc{n}" for n in (1, 2)}
    with open_product_house(**urls) as house:
        case = house.case()
        backup(Settings(data_dir=house.data_dir), tmp_path / "copy.db")
        approve(house, case)
        before = services.sandbox(case["id"])
    folder = tmp_path / "by-hand"
    folder.mkdir()
    shutil.copyfile(tmp_path / "copy.db", folder / "onboard.db")
    with open_product_house(data_dir=folder, **urls) as house:
        approve(house, case)
    assert services.sandbox(case["id"])["effects"] == before["effects"]
