"""Bundles: everything of a case in one file, readable by anybody; a copy that nothing can be done on; redaction."""

import asyncio
import json
import resource
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from typer.testing import CliRunner

from api.cli import app
from checkpoints import bundle, gate
from checkpoints.casefile import CaseFile
from graph.archive import case_file, import_
from graph.difference import difference
from graph.redaction import redact
from graph.replay import Player
from graph.service import Actor
from graph.wiring import open_product
from onboarding.door import make_part
from onboarding.errors import BadInput, Conflict
from onboarding.policy import Policy
from onboarding.pseudonyms import Pseudonyms
from onboarding.screening import Watchlist
from onboarding.settings import Settings

TABLES = [
    *("audit", "bundle", "cases", "checkpoints", "decisions", "effects", "fields", "findings", "letters", "priors"),
    *("recordings", "redaction", "reviews", "screening", "submissions", "versions"),
]


@pytest.fixture(scope="module")
def home(open_product_house) -> Iterator[Any]:
    with open_product_house(reviewers="ann@reviewers.example") as house:
        yield house


@pytest.fixture(scope="module")
def active(home) -> dict:
    """A free-mail merchant that was approved and activated."""
    body = home.application()
    body["contact"] = {"name": "Jane Q Averell", "email": "jane.averell@gmail.com", "phone": "0113 496 0777"}
    case = home.case(body)
    home.decide("ann", case, "approve")
    case = home.rest(case["id"])
    if case["review"]:
        home.decide("sue", case, "approve")
    return home.rest(case["id"], "active")


def fetched(home, case: dict, tmp_path: Path, **params) -> Path:
    answer = home.backend.get(f"/v1/cases/{case['id']}/bundle", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.sqlite3"
    path = tmp_path / "case.db"
    path.write_bytes(answer.content)
    return path


def play(file: CaseFile):
    return difference(file, asyncio.run(Player(Settings(), Policy.default(), Watchlist.empty()).play(file)))


def test_a_bundle_is_one_sqlite_file_with_plain_tables(home, active, tmp_path):
    db = sqlite_utils.Database(fetched(home, active, tmp_path))
    assert sorted(db.table_names()) == TABLES
    assert {row["code"] for row in db["findings"].rows} == {item["code"] for item in active["findings"]}
    assert {row["path"]: json.loads(row["value"]) for row in db["fields"].rows}[
        "contact.email"
    ] == "jane.averell@gmail.com"
    steps = list(db["checkpoints"].rows)
    assert [json.loads(row["nodes"]) for row in steps][2:4] == [["preprocess"], ["validate"]]
    assert json.loads(steps[2]["state"])["reading"]["application"]["country"] == "GB"
    assert json.loads(steps[2]["changed"]) == ["as_of", "reading"]
    assert {row["service"]: row["status"] for row in db["effects"].rows} == {"svc1": "active", "svc2": "active"}
    assert {row["name"] for row in db["versions"].rows} >= {"graph", "policy", "rules", "watchlist"}
    assert next(iter(db["audit"].rows))["type"] == "case.submitted"


def test_who_took_a_bundle_stands_in_the_trail(home, active, tmp_path):
    fetched(home, active, tmp_path)
    told = home.events(active["id"])[-1]
    assert (told["type"], told["actor"]) == ("case.exported", "backend")


def test_a_bundle_replays_like_the_case_itself(home, active, tmp_path):
    file = bundle.read(fetched(home, active, tmp_path))
    found = play(file)
    assert found.identical, found.to_json()
    assert found.findings["recorded"] != []


def test_an_export_onto_a_full_disk_leaves_no_half_bundle(home, active, tmp_path):
    file, path = bundle.read(fetched(home, active, tmp_path)), tmp_path / "half.db"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            bundle.write(file, path, at="2026-11-26T00:00:00.000Z")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not path.exists()
    bundle.write(file, path, at="2026-11-26T00:00:00.000Z")
    assert bundle.read(path).id == file.id


def test_what_is_no_bundle_is_refused_in_words(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(BadInput, match=r"notes.txt: not a bundle"):
        bundle.read(text)
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("CREATE TABLE cases (id TEXT)")
    with pytest.raises(BadInput, match=r"other.db: not a bundle"):
        bundle.read(other)


@pytest.fixture
def copy(home, active, tmp_path, open_product_house) -> Iterator[tuple[Any, dict]]:
    """Another installation that imported a case which still waits for its reviewer."""
    waiting = home.case()
    path = fetched(home, waiting, tmp_path)
    with open_product_house() as other:
        settings = Settings(data_dir=other.data_dir)
        asyncio.run(import_(settings, path))
        with pytest.raises(Conflict, match="never overwrites"):
            asyncio.run(import_(settings, path))
        yield other, waiting


def test_nothing_can_be_done_on_a_copy(copy):
    other, original = copy
    case = other.get(original["id"])
    assert case["copied_from"]
    assert case["review"] is None
    assert case["application"] == original["application"]
    for action in ("approve", "reject"):
        answer = other.decide("ann", case, action)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_waiting")
        answer = other.decide("ann", case, action, review_id=original["review"]["id"])
        assert answer.status_code == 409, answer.text
    assert other.root.post(f"/v1/cases/{case['id']}/withdraw").json()["code"] == "conflict"
    other.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET status = 'quarantined'"))
    assert other.root.post(f"/v1/cases/{case['id']}/release").json()["code"] == "conflict"
    assert other.sandbox(case["id"]) == {"calls": [], "effects": []}
    assert not list((other.data_dir / "outbox").glob("*.eml"))


def test_the_gate_never_opens_for_a_copy_whatever_its_rows_say(copy):

    other, original = copy
    decided = (
        "INSERT INTO decisions SELECT id, case_id, stage, version, 'approve', 'eve', 'api', shown_hash, shown, 'x', "
        "opened_at FROM reviews"
    )
    other.write(lambda tx: tx.conn.exec_driver_sql(decided))
    assert other.write(lambda tx: gate.approved_record(tx, original["id"], 1)) is None
    other.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET copied_from = NULL"))
    assert other.write(lambda tx: gate.approved_record(tx, original["id"], 1)) is not None


def test_a_copy_has_its_checkpoints_its_trail_and_replays(copy):
    other, original = copy
    items = other.root.get(f"/v1/cases/{original['id']}/checkpoints").json()["items"]
    assert [item["step"] for item in items] == [4, 3, 2, 1, 0, -1] or len(items) >= 5
    assert other.events(original["id"])[-1]["type"] == "case.imported"
    assert play(case_file(Settings(data_dir=other.data_dir), original["id"])).identical
    from checkpoints import audit

    assert other.write(lambda tx: list(audit.broken_links(tx))) == []


def test_redaction_leaves_no_personal_value_in_the_file_and_the_findings_reproducible(home, active, tmp_path):
    path = fetched(home, active, tmp_path, redact=True)
    raw = path.read_bytes().decode("utf-8", "replace").casefold()
    person = active["application"]["persons"][0]
    for value in (
        *person["name"].split(),
        *active["application"]["contact"]["name"].split()[::2],
        "jane.averell",
        active["application"]["contact"]["phone"],
        active["application"]["bank"]["iban"],
        person["dob"],
    ):
        assert value.casefold() not in raw, value
    file = bundle.read(path)
    assert file.redaction != []
    assert [row for row in file.redaction if not row["reproducible"]] == []
    assert {row["code"] for row in file.redaction} == {item["code"] for item in active["findings"]}
    found = play(file)
    assert found.findings["same_bytes"], found.findings
    assert found.first is None, found.first


def test_replacements_keep_shape_case_and_check_digits():
    names = Pseudonyms(b"seed")
    names.learn("persons[0].name", ["Anna Müller-Becker"])
    names.learn("bank.iban", ["GB33BUKB20201555555555", "GB33 BUKB 2020 1555 5555 55"])
    names.learn("persons[0].dob", ["1984-06-11", "11.06.1984"])
    names.learn("contact.phone", ["+441134960123", "0113 496 0123"])
    text = (
        "ANNA MÜLLER-BECKER (anna müller-becker), GB33 BUKB 2020 1555 5555 55, 11.06.1984 = 1984-06-11, 0113 496 0123."
    )
    told = names.text(text)
    assert len(told) == len(text)
    upper, lower = told.split(" (")[0], told.split("(")[1].split(")")[0]
    assert upper == lower.upper()
    assert "anna" not in told.casefold()
    assert "becker" not in told.casefold()
    from schwifty import IBAN

    assert IBAN(told.split(", ")[1]).country_code == "GB"
    written, iso = told.split(", ")[2].split(" = ")
    day, month, year = written.split(".")
    assert iso == f"{year}-{month}-{day}"
    assert (year, month) == ("1984", "06")
    assert day != "11"
    assert "0113 49" in told
    assert "496 0123" not in told
    assert names.text(text) == told


def test_the_shell_exports_shows_imports_and_replays(home, active, tmp_path, monkeypatch):
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(home.data_dir))
    monkeypatch.setenv("ONBOARD_URL", home.url)
    monkeypatch.setenv("ONBOARD_TOKEN", home.tokens["root"])
    run, path = CliRunner(), tmp_path / "out.db"
    told = run.invoke(app, ["checkpoints", "export", active["id"], "--out", str(path)])
    assert told.exit_code == 0, told.output
    assert run.invoke(app, ["checkpoints", "export", active["id"], "--out", str(path)]).exit_code == 1
    shown = run.invoke(app, ["checkpoints", "show", str(path), "--json"])
    rows = json.loads(shown.stdout)
    assert [row["nodes"] for row in rows if row["nodes"] == ["validate"]]
    assert all(row["ms"] is not None for row in rows if row["nodes"] == ["validate"])
    assert rows == json.loads(run.invoke(app, ["checkpoints", "show", active["id"], "--json"]).stdout)
    for what in (str(path), active["id"]):
        told = run.invoke(app, ["checkpoints", "replay", what])
        assert told.exit_code == 0, told.output
        assert "identical" in told.stdout
    forked = run.invoke(app, ["checkpoints", "replay", str(path), "--set", "bank.iban=GB00", "--json"])
    assert "bank.iban" in str(json.loads(forked.stdout)["first_difference"])
    mistyped = run.invoke(app, ["checkpoints", "replay", str(path), "--set", "bank.ibn=GB00"])
    assert (mistyped.exit_code, mistyped.stderr.split(": ")[1]) == (1, "bank.ibn")
    monkeypatch.setenv("ONBOARD_DATA_DIR", str(tmp_path / "elsewhere"))
    assert run.invoke(app, ["checkpoints", "import", str(path)]).exit_code == 0
    assert "identical" in run.invoke(app, ["checkpoints", "replay", active["id"]]).stdout


SET = Path(__file__).parent / "data" / "acceptance.jsonl"
ACCEPTANCE = [json.loads(line) for line in SET.read_text().splitlines()]


def test_redaction_keeps_every_finding_of_applications_of_every_kind(tmp_path):
    """Mail, CSV and JSON in several languages; names on lists, numbers with check digits, shared accounts."""
    wanted = {"app-02", "app-04", "app-08", "app-10", "app-17"}
    watchlist = Path(__file__).parents[1] / "examples" / "watchlist.jsonl"
    settings = Settings(data_dir=tmp_path, watchlist=watchlist, rule_processes=0)
    now = [datetime.now(UTC)]

    async def every() -> None:
        ids = {}
        async with open_product(settings, self_url="http://127.0.0.1:9", clock=lambda: now[0]) as product:
            for line in ACCEPTANCE:
                now[0] = datetime.combine(date.fromisoformat(line["as_of"]), time(12), UTC)
                part = make_part(line["payload"], line["format"])
                (case,), _ = await product.service.submit(Actor("shop", "backend"), [[part]], key=None)
                await product.runner.advance(case.id)
                ids[line["id"]] = case.id
        for name in sorted(wanted):
            file = case_file(settings, ids[name])
            redacted = await redact(file, settings, Policy.default(), Watchlist.load(watchlist))
            assert [row for row in redacted.redaction if not row["reproducible"]] == [], name
            raw = json.dumps([redacted.submissions, redacted.reviews, redacted.checkpoints], ensure_ascii=False)
            application = file.shown()[0]["application"]
            personal = [person[key] for person in application["persons"] for key in ("name", "national_id")]
            personal += [application["contact"]["email"], application["bank"]["iban"]]
            assert [value for value in personal if value and value in raw] == [], name

    asyncio.run(every())
