"""The shell face against a running service: every command, data as JSON, errors as one clear line."""

import json
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app

Run = Callable[..., Any]
ACCEPTANCE = Path(__file__).parent / "data" / "acceptance.jsonl"


@pytest.fixture
def run(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """``run("show", id)`` in a folder of its own; keyword arguments are further environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("ONBOARD_", "OPENAI_"))]:
        monkeypatch.delenv(name)

    def call(*words: str, stdin: bytes | str | None = None, **environment: str) -> Any:
        given = {"ONBOARD_URL": house.url, "ONBOARD_TOKEN": house.tokens["root"]}
        given |= {"ONBOARD_DATA_DIR": str(tmp_path / "data")} | environment
        return CliRunner().invoke(app, list(words), input=stdin, env=given, catch_exceptions=False)

    before = logging.root.handlers[:], logging.root.level
    yield call
    logging.root.handlers[:], logging.root.level = before  # `serve` sets up logging for its process


def told(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def failed(result: Any, words: str) -> None:
    """One clear line on stderr, nothing on stdout, exit code 1."""
    assert result.exit_code == 1, result.output
    assert result.stderr.strip().count("\n") == 0
    assert words in result.stderr, result.stderr
    assert "Traceback" not in result.output


def test_help_names_every_command_of_the_contract(run):
    text = run("--help").stdout
    for command in ("serve", "submit", "cases", "show", "decide", "release", "token", "eval", "checkpoints", "doctor"):
        assert re.search(rf"\b{command}\b", text)
        assert run(command, "--help").exit_code == 0
    for command in ("list", "show", "export", "import", "replay"):
        assert command in run("checkpoints", "--help").stdout


# the main job from the shell


def test_a_case_from_file_to_active(house, run, tmp_path):
    file = tmp_path / "app.json"
    file.write_text(json.dumps(house.application()))
    case = told(run("submit", str(file), "--wait", "--json"))
    assert (case["status"], case["review"]["stage"]) == ("in_review", "review")
    assert case["id"] in run("cases", "--status", "in_review", "--limit", "200").stdout
    assert told(run("cases", "--q", case["id"], "--json"))["items"][0]["id"] == case["id"]
    page = run("show", case["id"]).stdout
    for shown in (case["application"]["legal_name"], "case.submitted", "waits for approve", "what happened"):
        assert shown in page
    decided = told(run("decide", case["id"], "approve", "--comment", "fine", "--json"))
    assert decided["decisions"][0]["comment"] == "fine"
    assert house.rest(case["id"])["status"] == "active"
    assert told(run("show", case["id"], "--json"))["status"] == "active"
    assert "svc1: active" in run("show", case["id"]).stdout
    steps = told(run("checkpoints", "list", case["id"], "--json"))
    assert (steps["items"] if isinstance(steps, dict) else steps)[-1]["id"]


def test_a_case_from_standard_input_is_rejected_with_reasons(house, run):
    body = json.dumps(house.application())
    case = told(run("submit", "-", "--wait", "--json", stdin=body))
    reasons = ("--reason", "IBAN_CHECKSUM_FAILED", "--reason", "PHONE_INVALID")
    decided = told(run("decide", case["id"], "reject", *reasons, "--json"))
    assert decided["decisions"][0]["reason_codes"] == ["IBAN_CHECKSUM_FAILED", "PHONE_INVALID"]


def test_information_is_requested_from_the_shell(house, run):
    case = told(run("submit", "-", "--wait", "--json", stdin=json.dumps(house.application())))
    run("decide", case["id"], "request-information", "--review", case["review"]["id"])
    assert house.rest(case["id"])["status"] == "awaiting_information"


@pytest.mark.parametrize(
    "name, words, body",
    [
        ("a.txt", (), b"We are Shell Text Ltd of Leeds."),
        (
            "a.eml",
            (),
            "Subject: x\nContent-Type: text/plain; charset=cp1252\n\nFirma: M\u00fcller GmbH".encode("cp1252"),
        ),
        ("a.csv", (), b"legal_name,country\nShell Csv Ltd,GB\n"),
        ("a.dat", ("--format", "csv"), b"legal_name,country\nShell Dat Ltd,GB\n"),
        ("-", (), b'  [{"question": "Company name", "answer": "Shell List Ltd"}]'),
        ("-", ("--format", "text"), b"{not json at all}"),
    ],
)
def test_every_format_is_taken(run, tmp_path, name, words, body):
    if name != "-":
        (tmp_path / name).write_bytes(body)
    answer = told(run("submit", name, *words, "--json", stdin=body if name == "-" else None))
    assert answer["status"] in ("received", "processing", "in_review")


def test_rows_that_were_not_accepted_are_named_and_fail_the_command(run, tmp_path):
    (tmp_path / "rows.csv").write_text("legal_name,country\nGood [bold] Ltd,GB\nBad Ltd\n")
    result = run("submit", str(tmp_path / "rows.csv"), "--wait", "--json")
    assert result.exit_code == 1
    assert "not accepted: row 2 has 1 cells" in result.stderr
    assert json.loads(result.stdout)[0]["status"] == "in_review"


def test_a_key_makes_the_shell_repeatable(house, run):
    body = json.dumps(house.application())
    first, again = (told(run("submit", "-", "--key", "shell-1", "--json", stdin=body)) for _ in range(2))
    assert first["id"] == again["id"]


def test_a_hostile_name_is_text_in_the_terminal(house, run):
    case = house.case(legal_name="[red]Evil[/] \x1b[31m\u202e Ltd")
    for page in (run("show", case["id"], COLUMNS="250").stdout, run("cases", "--q", case["id"], COLUMNS="250").stdout):
        assert "[red]Evil[/]" in page
        assert "\x1b[31m" not in page


# errors


def test_errors_are_one_clear_line(run, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    failed(run("submit", str(tmp_path / "none.json")), "No such file")
    failed(run("submit", str(tmp_path / "bad.json")), "malformed_input: Not valid JSON")
    failed(run("show", "nonsense"), "case_not_found")
    failed(run("show", "../../healthz"), "not_found")
    failed(run("cases", "--status", "nonsense"), "invalid_request")
    failed(run("decide", "nonsense", "approve"), "case_not_found")
    failed(run("release", "nonsense"), "case_not_found")
    failed(run("cases", ONBOARD_TOKEN="wrong"), "unauthorized")
    failed(run("cases", ONBOARD_TOKEN="caf\u00e9"), "ONBOARD_TOKEN")
    failed(run("cases", ONBOARD_TOKEN=""), "set ONBOARD_TOKEN, or run `onboard serve`")
    failed(run("cases", ONBOARD_URL="http://127.0.0.1:9"), "Is `onboard serve` running?")
    failed(run("cases", ONBOARD_URL="nonsense"), "nonsense")
    failed(run("cases", ONBOARD_URL="http://[::1"), "ONBOARD_URL")
    failed(run("serve", ONBOARD_CONCURRENCY="many"), "ONBOARD_CONCURRENCY")
    failed(run("serve", ONBOARD_ENCRYPTION_KEY="x:short"), "ONBOARD_ENCRYPTION_KEY")
    failed(run("serve", "--port", "0", "--host", "no.such.host.invalid"), "cannot listen on no.such.host.invalid")
    failed(run("doctor", ONBOARD_ENGINE="magic"), "ONBOARD_ENGINE")


def test_a_decision_that_is_refused_says_why(house, run):
    case = house.case()
    run("decide", case["id"], "approve")
    failed(run("decide", case["id"], "reject", "--review", case["review"]["id"]), "already_decided")
    failed(run("decide", house.case()["id"], "dance"), "action")


def test_a_port_that_is_taken_is_named(house, run):
    failed(run("serve", "--port", house.url.rpartition(":")[2]), "cannot listen on 127.0.0.1, port")


def test_a_data_folder_that_is_taken_is_named(house, run):
    failed(run("serve", "--port", "0", ONBOARD_DATA_DIR=str(house.data_dir)), str(house.data_dir))


# tokens


def test_a_token_is_made_works_and_ends(house, run):
    folder = str(house.data_dir)
    made = told(run("token", "create", "shell@example.com", "--role", "reviewer", "--json", ONBOARD_DATA_DIR=folder))
    assert (made["name"], made["role"]) == ("shell@example.com", "reviewer")
    assert run("cases", ONBOARD_TOKEN=made["token"]).exit_code == 0
    failed(run("submit", "-", stdin="We are X", ONBOARD_TOKEN=made["token"]), "forbidden")
    assert "1 token(s)" in run("token", "revoke", "shell@example.com", ONBOARD_DATA_DIR=folder).stdout
    failed(run("cases", ONBOARD_TOKEN=made["token"]), "unauthorized")
    assert run("token", "create", "x", "--role", "king").exit_code == 2


# doctor


def test_doctor_says_what_is_in_order(house, run):
    house.case()
    report = told(run("doctor", "--audit", "--json", ONBOARD_DATA_DIR=str(house.data_dir)))
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


def test_eval_names_a_bad_line_and_runs_the_others(run, tmp_path):
    good = {"id": "good", "format": "text", "as_of": "2026-11-23", "payload": "We are Eval Ltd."}
    lines: list[bytes] = [
        b"{not json", b"\xff\xfe", b"[]", b'"x"', json.dumps(good).encode(), b'{"id": "no format", "payload": "x"}',
        json.dumps(good | {"format": "fax"}).encode(), json.dumps(good | {"payload": {"a": 1}}).encode(),
        json.dumps(good | {"as_of": "yesterday"}).encode(), json.dumps(good | {"as_of": 7}).encode(),
        json.dumps(good | {"payload": "a\0b"}).encode(), json.dumps(good | {"payload": "\ud800"}).encode(),
        b'{"a":' * 5000 + b"1" + b"}" * 5000, b"", json.dumps(good | {"id": 15, "expect": 3}).encode(),
        json.dumps(good | {"id": 16}).encode(),
    ]  # fmt: skip
    file, results = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_bytes(b"\n".join(lines))
    result = run("eval", str(file), "--results", str(results), "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    named = {int(re.match(r"line (\d+)", line)[1]) for line in report["unreadable"]}  # type: ignore[index]
    assert named == {1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15}
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
