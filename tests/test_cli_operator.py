"""The shell for operators: tokens, doctor, evaluation, and the service as a process of its own."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.shell import failed, told

ACCEPTANCE = Path(__file__).parent / "data" / "acceptance.jsonl"
WATCHLIST = Path(__file__).parent.parent / "examples" / "watchlist.jsonl"

# tokens


def test_a_token_is_made_works_and_ends(house, run):
    folder = str(house.data_dir)
    made = told(run("token", "create", "shell@example.com", "--role", "reviewer", "--json", ONBOARD_DATA_DIR=folder))
    assert (made["name"], made["role"]) == ("shell@example.com", "reviewer")
    assert run("cases", ONBOARD_TOKEN=made["token"]).exit_code == 0
    failed(run("submit", "-", stdin="We are X", ONBOARD_TOKEN=made["token"]), "forbidden")
    assert "1 token(s)" in run("token", "revoke", "shell@example.com", ONBOARD_DATA_DIR=folder).stdout
    for name in ("shell@example.com", "nobody"):
        failed(run("token", "revoke", name, ONBOARD_DATA_DIR=folder), f"{name}: nobody of this name has a live token")
    failed(run("cases", ONBOARD_TOKEN=made["token"]), "unauthorized")
    assert run("token", "create", "x", "--role", "king").exit_code == 2


# doctor


def test_doctor_says_what_is_in_order(open_product_house, run):
    with open_product_house() as own:  # in the shared one another test may have left a case that wants somebody
        own.case()
        listed = {"ONBOARD_DATA_DIR": str(own.data_dir), "ONBOARD_WATCHLIST": str(WATCHLIST)}
        report = told(run("doctor", "--audit", "--json", **listed))
    assert {item["check"] for item in report} >= {
        "disk",
        "policy",
        "watchlist",
        "secrets",
        "cases",
        "quarantine",
        "audit",
    }
    assert all(item["ok"] for item in report), report


@pytest.mark.parametrize("content", [None, "", "\n\n"], ids=["none", "empty", "blank"])
def test_doctor_is_not_content_while_nobody_is_screened(run, tmp_path, content):
    listed = {"ONBOARD_DATA_DIR": str(tmp_path / "data")}
    if content is not None:
        (tmp_path / "list.jsonl").write_text(content)
        listed["ONBOARD_WATCHLIST"] = str(tmp_path / "list.jsonl")
    result = run("doctor", "--json", **listed)
    assert result.exit_code == 1
    bad = [item for item in json.loads(result.stdout) if not item["ok"]]
    assert [item["check"] for item in bad] == ["watchlist"]
    assert "nobody is screened" in bad[0]["detail"]


def test_what_doctor_says_of_a_fresh_installation_is_all_there_is_to_do(run, tmp_path):
    fresh = {"ONBOARD_DATA_DIR": str(tmp_path / "data")}
    said = " ".join(run("doctor", **fresh).stdout.split())
    variable, example = re.search(r"Set (ONBOARD_\w+) to .*\((\S+) shows the form", said).groups()  # type: ignore[union-attr]
    done = run("doctor", **fresh, **{variable: str(Path(__file__).parent.parent / example)})
    assert done.exit_code == 0, done.stdout


TAMPERING = {
    "was changed": "UPDATE audit SET actor = 'somebody' WHERE case_id = ? AND case_seq = 3",
    "stands where event 3 should": "DELETE FROM audit WHERE case_id = ? AND case_seq = 3",
    "carries other data": "UPDATE audit SET data = x'0011' WHERE case_id = ? AND case_seq = 3",
}


@pytest.mark.parametrize("problem", TAMPERING)
def test_doctor_names_the_first_link_that_was_tampered_with(open_product_house, run, problem):
    with open_product_house() as own:
        case = own.case()["id"]
        with sqlite3.connect(own.data_dir / "onboard.db", timeout=10) as db:
            for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {trigger}")
            db.execute(TAMPERING[problem], (case,))
        result = run("doctor", "--audit", ONBOARD_DATA_DIR=str(own.data_dir))
    assert result.exit_code == 1
    place = "4" if "stands" in problem else "3"
    text = " ".join(result.stdout.split())
    assert f"case {case}: event {place} {problem}" in text


# eval


def test_eval_reads_the_acceptance_set(run, tmp_path):
    results, watchlist = tmp_path / "out.jsonl", Path(__file__).parent.parent / "examples" / "watchlist.jsonl"
    file = str(ACCEPTANCE)
    report = told(run("eval", file, "--results", str(results), "--json", ONBOARD_WATCHLIST=str(watchlist)))
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert len(rows) == report["applications"] == 20
    assert set(rows[0]) == {"id", "normalised", "findings", "missing", "recommendation"}
    assert report["unreadable"] == []
    assert report["expected"] == 20
    assert all(0 <= report[name] <= 1 for name in ("field_accuracy", "finding_precision", "recommendation_agreement"))


def test_eval_says_by_a_dash_where_there_is_nothing_to_compare_with(run, tmp_path):
    file, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_text(json.dumps({"id": "1", "format": "text", "payload": "We are Eval Ltd."}))
    shown = run("eval", str(file), "--results", str(results)).stdout
    assert "None" not in shown
    assert shown.count("–") == 4
    assert told(run("eval", str(file), "--results", str(results), "--json"))["field_accuracy"] is None


def test_eval_names_a_bad_line_and_runs_the_others(run, tmp_path):
    good = {"id": "good", "format": "text", "as_of": "2026-11-23", "payload": "We are Eval Ltd."}
    lines: list[bytes] = [
        b"{not json", b"\xff\xfe", b"[]", b'"x"', json.dumps(good).encode(), b'{"id": "no format", "payload": "x"}',
        json.dumps(good | {"format": "fax"}).encode(), json.dumps(good | {"payload": {"a": 1}}).encode(),
        json.dumps(good | {"as_of": "yesterday"}).encode(), json.dumps(good | {"as_of": 7}).encode(),
        json.dumps(good | {"payload": "a\0b"}).encode(), json.dumps(good | {"payload": "\ud800"}).encode(),
        b'{"a":' * 5000 + b"1" + b"}" * 5000, b"", json.dumps(good | {"id": 15, "expect": 3}).encode(),
        json.dumps(good | {"id": 16}).encode(), json.dumps(good | {"expect": {"findings": []}}).encode(),
    ]  # fmt: skip
    file, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_bytes(b"\n".join(lines))
    result = run("eval", str(file), "--results", str(results), "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    named = {int(re.match(r"line (\d+)", line)[1]) for line in report["unreadable"]}  # type: ignore[index]
    assert named == {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 17}
    assert any(line.endswith("wrong: normalised, missing, recommendation.") for line in report["unreadable"])
    assert [json.loads(line)["id"] for line in results.read_text().splitlines()] == ["good", "16"]


def test_eval_of_a_file_that_is_not_there_is_one_line(run, tmp_path):
    failed(run("eval", str(tmp_path / "none"), "--results", str(tmp_path / "out")), "No such file")


# as a process of its own


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONBOARD_")}
    environment |= {
        "ONBOARD_DATA_DIR": str(tmp_path / "var"),
        "ONBOARD_REVIEWERS": "ann@reviewers.example",
        "COLUMNS": "300",
    }
    log = tmp_path / "log.jsonl"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve", "--port", "0"],
            stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline().decode()
    url = re.search(r"http://[\d.:]+", first)
    assert url, first + log.read_text()
    yield url[0], process, log
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait()


def test_serve_logs_json_without_personal_data_and_stops_when_told(served, tmp_path):
    import httpx

    url, process, log = served
    secrets = {
        "name": "Wilhelmina Quackenbush", "born": "1971-02-13", "account": "GB33BUKB20201555555555",
        "phone": "+441134960777", "mail": "wilhelmina@quackenbush.example.com", "company": "Quackenbush Ltd",
    }  # fmt: skip
    body = {
        "legal_name": secrets["company"], "country": "GB", "bank": {"iban": secrets["account"]},
        "contact": {"email": secrets["mail"], "phone": secrets["phone"]},
        "persons": [{"name": secrets["name"], "dob": secrets["born"]}],
    }  # fmt: skip
    token = (tmp_path / "var" / "admin-token").read_text()
    assert (tmp_path / "var" / "admin-token").stat().st_mode & 0o777 == 0o600
    with httpx.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=20
    ) as client:
        case = client.post("/v1/cases", json=body).json()["id"]
        found = client.get(f"/v1/cases/{case}", params={"wait": 20}).json()
        assert found["status"] == "in_review", found["problem"]
        client.post(
            "/v1/cases", content=b'{"name": "Wilhelmina Quackenbush", ', headers={"Content-Type": "application/json"}
        )
        client.get(f"/v1/cases?token={token}&q=Quackenbush", headers={"Authorization": ""})
        with sqlite3.connect(tmp_path / "var" / "onboard.db", timeout=10) as db:
            db.execute("UPDATE cases SET document = x'00' WHERE id = ?", (case,))
        assert client.get(f"/v1/cases/{case}").status_code == 500
        assert client.post(f"/v1/cases/{case}/decision", json={"action": "reject"}).status_code == 500
        time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    text = log.read_text()
    for line in text.splitlines():
        assert {"event", "level", "timestamp"} <= set(json.loads(line)), line
    for secret in (*secrets.values(), "Quackenbush", token, "GB33 BUKB"):
        assert secret not in text


# workers


def test_a_worker_of_another_kind_names_the_command_of_prefects(run):
    prefect = {"ONBOARD_ENGINE": "prefect", "ONBOARD_DATABASE_URL": "postgresql://localhost/onboard"}
    failed(run("work", **prefect, ONBOARD_PREFECT_API_URL="http://127.0.0.1:1/api"), "`python -m flows.worker`")
