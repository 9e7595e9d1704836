"""The trail shows tampering: a changed event, a cut-off end, a vanished case, a forged or vanished seal."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.doctor import examine
from checkpoints import audit, cases, seals
from checkpoints.database import Database, open_database
from checkpoints.documents import Codec, digest
from checkpoints.migrate import migrate
from graph.safekeeping import anchor_of, export_trail, mac, verify_trail
from graph.service import Actor
from graph.wiring import open_product
from onboarding.decision import Decision
from onboarding.door import make_part
from onboarding.errors import BadInput
from onboarding.settings import Settings

ACTOR = Actor("test", "backend")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Three cases of different merchants, sealed after the second; another event after the last seal."""
    found = Settings(data_dir=tmp_path, rule_processes=0, secret_key="a secret of ours")

    async def build() -> None:
        async with open_product(found, self_url="http://127.0.0.1:9") as product:
            for name in ("One", "Two", "Three"):
                part = make_part({"legal_name": f"{name} Ltd", "country": "GB"}, "json")
                (case,), _ = await product.service.submit(ACTOR, [[part]], key=None)
                await product.runner.advance(case.id)
                if name != "One":
                    assert await product.context.db.write(lambda tx: seals.seal(tx, mac(found)))
            ids = await product.context.db.read(cases.ids)
            await product.context.db.write(lambda tx: audit.append(tx, ids[0], "test", "after.the.seal", {}))

    asyncio.run(build())
    return found


def tamper(settings: Settings, *statements: str) -> None:
    with sqlite3.connect(settings.data_dir / "onboard.db") as db:
        for statement in statements:
            db.execute(statement)


def told(settings: Settings, anchor: Path | None = None) -> dict[str, dict[str, Any]]:
    return {line["check"]: line for line in asyncio.run(examine(settings, audit=True, anchor=anchor))}


def newest(settings: Settings) -> str:
    with sqlite3.connect(settings.data_dir / "onboard.db") as db:
        return db.execute("SELECT id FROM cases ORDER BY seq DESC").fetchone()[0]


def test_an_untouched_trail_holds(settings):
    found = told(settings)
    assert found["audit"]["ok"], found["audit"]
    assert found["records"]["ok"]
    assert found["parked"]["ok"], found["parked"]


@pytest.mark.parametrize("thorough", [False, True], ids=["shown", "shown and its hash"])
def test_a_review_that_is_not_what_was_shown_is_named_before_anybody_decides_on_it(settings, thorough):
    """Also where its own hash was made to fit: the trail has the one of what was shown."""
    with sqlite3.connect(settings.data_dir / "onboard.db") as db:
        review, case_id, shown, hash_ = db.execute("SELECT id, case_id, shown, shown_hash FROM reviews").fetchone()
        place = f"review:{review}"
        changed = Codec().load(shown, place) | {"summary": "All is well."}
        hash_ = digest(changed) if thorough else hash_
        row = (Codec().dump(changed, place), hash_, review)
        db.execute("UPDATE reviews SET shown = ?, shown_hash = ? WHERE id = ?", row)
    found = told(settings)["records"]
    assert not found["ok"]
    assert found["detail"] == f"What was shown in review {review} of case {case_id} is not what is stored any more."


@pytest.mark.parametrize(
    "forged",
    [
        "INSERT INTO decisions SELECT id, case_id, stage, version, 'approve', 'eve', 'api', shown_hash, shown, 'x', "
        "opened_at FROM reviews WHERE id = '{id}'",
        "UPDATE decisions SET action = 'approve'",
        "UPDATE decisions SET actor = 'eve'",
    ],
)
def test_a_decision_that_nobody_took_is_named(settings, forged):
    ann = Actor("ann", "reviewer")

    async def reject() -> list[Any]:
        async with open_product(settings, self_url="http://127.0.0.1:9") as product:
            one, two, _ = await product.context.db.read(cases.ids)
            await product.service.decide(ann, one, Decision(action="reject"), review_id=None, channel="api")
            await product.runner.advance(one)
            reviews = "SELECT id FROM reviews WHERE case_id IN (?, ?) ORDER BY case_id = ?"
            return await product.context.db.read(
                lambda tx: tx.conn.exec_driver_sql(reviews, (one, two, two)).scalars().all()
            )

    decided, waiting = asyncio.run(reject())
    assert told(settings)["records"]["ok"]
    tamper(settings, forged.format(id=waiting))
    found = told(settings)["records"]
    assert not found["ok"]
    wrong = waiting if forged.startswith("INSERT") else decided
    assert f"The decision on review {wrong} of case " in found["detail"]
    assert found["detail"].endswith(" is not one that the trail knows.")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET actor = 'mallory' WHERE case_id = '{id}' AND case_seq = 3", "event 3 was changed"),
        (
            "UPDATE audit SET at = '2020-01-01' WHERE case_id = '{id}' AND case_seq = 2",
            "event 2 was changed",
        ),
        ("DELETE FROM audit WHERE case_id = '{id}' AND case_seq = 2", "event 3 stands where event 2 should"),
        ("DELETE FROM audit WHERE case_id = '{id}' AND case_seq >= 4", "is gone"),
        ("DELETE FROM audit WHERE case_id = '{id}'", "is gone"),
        ("UPDATE audit_seals SET to_seq = 1 WHERE no = 1", "seal 1"),
        ("DELETE FROM audit_seals WHERE no = 1", "does not follow the seal before it"),
    ],
)
def test_tampering_is_told_with_the_case_and_the_event(settings, statement, words):
    case_id = newest(settings)
    tamper(settings, statement.format(id=case_id))
    line = told(settings)["audit"]
    assert not line["ok"]
    assert words in line["detail"]
    assert "seal" in statement or case_id in line["detail"]


def test_a_whole_history_rewritten_with_right_hashes_is_told_by_the_seals_code(settings):
    """Who can write to the database but does not know the secret."""
    case_id = newest(settings)

    async def forge() -> None:
        db: Database = open_database(settings.database)
        await db.write(lambda tx: tx.conn.exec_driver_sql(f"DELETE FROM audit WHERE case_id = '{case_id}'"))
        await db.write(lambda tx: audit.append(tx, case_id, "mallory", "case.submitted", {}))
        await db.write(lambda tx: tx.conn.exec_driver_sql("DELETE FROM audit_seals"))
        await db.write(lambda tx: seals.seal(tx, lambda hash_: "f" * 32))
        await db.close()

    asyncio.run(forge())
    assert "made with another secret" in told(settings)["audit"]["detail"]


def test_a_secret_that_is_gone_or_another_is_told_before_the_service_runs_and_none_is_made(settings):
    assert told(settings)["secret key"]["ok"]
    other = told(settings.model_copy(update={"secret_key": "another"}))["secret key"]
    assert not other["ok"]
    assert "not the one" in other["detail"]
    gone = settings.model_copy(update={"secret_key": None})
    line = next(line for line in asyncio.run(examine(gone, audit=False)) if line["check"] == "secret key")
    assert not line["ok"]
    assert "secret-key is not in the data folder" in line["detail"]
    assert not (settings.data_dir / "secret-key").exists()


def test_an_anchor_kept_elsewhere_shows_that_the_newest_seals_are_gone(settings, tmp_path):
    out = tmp_path / "trail.jsonl"
    anchor = asyncio.run(export_trail(settings, out))
    assert anchor_of(out)["hash"] == anchor["hash"]
    assert told(settings, out)["anchor"]["ok"]
    tamper(settings, "DELETE FROM audit_seals WHERE no = (SELECT max(no) FROM audit_seals)")
    found = told(settings, out)
    assert found["audit"]["ok"]
    assert not found["anchor"]["ok"]


def test_an_exported_trail_verifies_by_itself_and_shows_a_changed_line(settings, tmp_path):
    out = tmp_path / "trail.jsonl"
    asyncio.run(export_trail(settings, out))
    assert verify_trail(out) == []
    with pytest.raises(BadInput, match=f"^{tmp_path}/none is not an exported trail: No such file"):
        verify_trail(tmp_path / "none")
    lines = out.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if '"wait.opened"' in line)
    changed = tmp_path / "changed.jsonl"
    changed.write_text("\n".join([*lines[:at], lines[at].replace('"review"', '"second_review"'), *lines[at + 1 :]]))
    assert any("carries other data" in line for line in verify_trail(changed))
    case_id = json.loads(lines[at])["event"]["case_id"]
    without = tmp_path / "without.jsonl"
    without.write_text("\n".join(line for line in lines if f'"case_id": "{case_id}"' not in line))
    assert any(case_id in line for line in verify_trail(without))


def test_the_sweeper_seals_when_the_time_has_come_and_not_before(open_product_house):
    with open_product_house(seal_seconds=0.3) as house:
        house.case()
        count = "SELECT count(*) FROM audit_seals"
        wait_for(lambda: house.rows(count)[0][0] == 1)
        house.case()
        wait_for(lambda: house.rows(count)[0][0] >= 2)
    with open_product_house(seal_seconds=3600) as house:
        house.case()
        wait_for(lambda: house.rows(count)[0][0] == 1)  # the first at once
        case = house.case()
        house.rest(case["id"])
        assert house.rows(count)[0][0] == 1


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    import time

    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_two_who_seal_at_once_make_one_chain_on_postgresql(postgres_url):
    settings = Settings(database_url=postgres_url, secret_key="s")
    migrate(postgres_url)

    async def both() -> list[str]:
        one, two = open_database(postgres_url), open_database(postgres_url)
        for number in range(6):
            await one.write(lambda tx, n=number: audit.append(tx, f"case-{n % 2}", "test", "event", {"n": n}))
            await asyncio.gather(*(db.write(lambda tx: seals.seal(tx, mac(settings))) for db in (one, two)))
        broken = await one.scan(lambda tx: [*audit.broken_links(tx), *seals.broken_seals(tx, mac(settings))])
        count = await one.read(lambda tx: tx.conn.exec_driver_sql("SELECT count(*) FROM audit_seals").scalar_one())
        await one.close()
        await two.close()
        assert count == 6
        return broken

    assert asyncio.run(both()) == []


def test_the_shell_tells_the_first_broken_link_and_fails(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("ONBOARD_SECRET_KEY", "a secret of ours")
    monkeypatch.setenv("ONBOARD_WATCHLIST", str(Path(__file__).parent.parent / "examples" / "watchlist.jsonl"))
    out = tmp_path / "trail.jsonl"
    assert CliRunner().invoke(app, ["audit", "export", str(out)]).exit_code == 0
    assert CliRunner().invoke(app, ["audit", "verify", str(out)]).exit_code == 0
    assert CliRunner().invoke(app, ["doctor", "--audit", "--anchor", str(out), "--json"]).exit_code == 0
    tamper(settings, "UPDATE audit SET type = 'case.approved' WHERE case_seq = 2")
    done = CliRunner().invoke(app, ["doctor", "--audit"])
    assert done.exit_code == 1
    assert "event 2 was changed" in done.stdout.replace("\n", " ")
