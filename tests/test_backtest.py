"""Backtests: every stored case under another policy; who would change, against what people decided; nothing guessed."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from graph.archive import case_file, reading
from graph.backtest import Backtest, backtest
from graph.difference import difference
from graph.replay import Player
from graph.service import Actor
from graph.wiring import open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.errors import StorageUnavailable
from onboarding.policy import DEFAULT_FILE, Policy
from onboarding.screening import Watchlist
from onboarding.settings import Settings


@pytest.fixture(scope="module")
def house(open_product_house) -> Iterator[Any]:
    """Six cases: three approved, one rejected, two waiting; two of them write from free mail."""
    with open_product_house(reviewers="ann@reviewers.example") as found:
        for number in range(6):
            body = found.application()
            if number in (1, 4):
                body["contact"]["email"] = f"owner{number}@gmail.com"
            if number < 3:
                case = found.case(body)
                assert found.decide("ann", case, "approve").status_code == 200
                assert found.rest(case["id"], "active")
            elif number == 3:
                case = found.case(body)
                found.decide("ann", case, "reject", reason_codes=["INCOMPLETE"])
                found.rest(case["id"], "rejected", "in_review")
            else:
                found.case(body)
        yield found


def strict(tmp_path: Path) -> Path:
    """The built-in policy, but Great Britain is a country we never serve."""
    text = DEFAULT_FILE.read_text()
    path = tmp_path / "strict.toml"
    path.write_text(text.replace("countries = [", 'countries = ["GB", ', 1))
    return path


def run(house, **changes) -> Backtest:
    told: list[tuple[int, int]] = []
    result = backtest(
        Settings.model_validate({"data_dir": house.data_dir} | changes),
        workers=0,
        tick=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (6, 6)
    return result


def test_under_the_same_rules_nothing_changes_and_nothing_is_missing(house):
    result = run(house)
    assert (len(result.rows), result.changed, result.missing) == (6, [], [])


def test_under_another_policy_it_is_told_whose_outcome_changes_and_how(house, tmp_path):
    data = run(house, policy=strict(tmp_path)).to_json()
    assert len(data["changed"]) == 6
    assert data["findings"]["appeared"] == {"PROHIBITED_COUNTRY": 6}
    assert sum(data["recommendations"].values()) == 6
    assert all(name.endswith("-> reject") for name in data["recommendations"])
    assert any("approval_request" in name for row in data["changed"] for name in row["letters"]["changed"])
    confusion = data["confusion"]
    assert confusion["approve"]["replayed"] == {"reject": 3}
    assert set(confusion) == {"approve", "reject", "none"}
    assert sum(confusion["none"]["recorded"].values()) == 2


def test_a_case_whose_recording_is_missing_is_named_and_counted_apart(house):
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    with sqlite3.connect(house.data_dir / "onboard.db") as source, sqlite3.connect(folder / "onboard.db") as target:
        source.backup(target)
        (case_id,) = target.execute("SELECT id FROM cases ORDER BY seq LIMIT 1").fetchone()
        target.execute("UPDATE submissions SET body = substr(body, 1, 40) WHERE case_id = ?", (case_id,))
        target.commit()
    result = backtest(Settings(data_dir=folder), workers=0, tick=lambda done, total: None)
    shutil.rmtree(folder)
    assert [row["case"] for row in result.missing] == [case_id]
    assert result.changed == []
    assert sum(sum(of["recorded"].values()) for of in result.confusion().values()) == 5


def test_the_shell_plays_all_cases_in_processes_of_their_own(house, tmp_path, monkeypatch):
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(house.data_dir))
    monkeypatch.setattr("graph.backtest.CHUNK", 3)
    command = ["checkpoints", "replay", "--all", "--policy", str(strict(tmp_path)), "--workers", "2"]
    told = CliRunner().invoke(app, [*command, "--json"])
    assert told.exit_code == 0, told.output
    assert len(json.loads(told.stdout)["changed"]) == 6
    only = CliRunner().invoke(app, [*command[:3], "--status", "active", "--workers", "0"])
    assert "3 cases: 3 unchanged" in only.stdout, only.output
    assert CliRunner().invoke(app, ["checkpoints", "replay"]).exit_code == 1


def test_cases_on_postgresql_are_played_from_there_and_cannot_be_written(tmp_path, postgres_url):
    settings = Settings(
        data_dir=tmp_path, rule_processes=0, database_url=postgres_url, reviewers="ann@reviewers.example"
    )

    async def build() -> None:
        async with open_product(settings, self_url="http://127.0.0.1:9") as product:
            for name in ("One", "Two"):
                part = make_part({"legal_name": f"{name} Ltd", "country": "GB"}, "json")
                (case,), _ = await product.service.submit(Actor("shop", "backend"), [[part]], key=None)
                await product.runner.advance(case.id)
                reject = Decision(action="reject")
                await product.service.decide(Actor("ann", "reviewer"), case.id, reject, review_id=None, channel="api")
                await product.runner.advance(case.id)

    asyncio.run(build())
    result = backtest(settings, workers=0, tick=lambda done, total: None)
    assert (len(result.rows), result.changed, result.missing) == (2, [], [])
    assert {row["decided"] for row in result.rows} == {"reject"}
    file = case_file(settings, result.rows[0]["case"])
    found = difference(file, asyncio.run(Player(settings, Policy.default(), Watchlist.empty()).play(file)))
    assert found.identical, found.to_json()
    assert len(found.steps) >= 6
    with reading(settings) as reader, pytest.raises(StorageUnavailable):
        reader.read(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET status = 'active'"))
