"""The shell face against a running service: every command, data as JSON, errors as one clear line."""

import json
import re

import pytest
from harness.shell import failed, told

from onboarding.letters.reasons import sentences


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


def test_a_page_shows_each_value_beside_the_words_it_was_read_from(house, run):
    text = "Firma: Gipfelwerk Sport GmbH, Amtsgericht München HRB 999014, https://gipfelwerk.example.net"
    page = run("show", told(run("submit", "-", "--wait", "--json", stdin=text))["id"]).stdout
    lines = {line.split()[0]: " ".join(line.split()) for line in page.splitlines() if line.strip()}
    number = lines["registration_number"]
    assert number.startswith("registration_number München HRB 999014 input line 1, column ")
    assert number.endswith("“Amtsgericht München HRB 999014”")
    assert lines["website"].startswith("website https://gipfelwerk.example.net input line 1"), "an address stays one"
    assert "“" not in lines["website"], "said once where both are the same"
    assert "submitted, application version 1" in page
    clean = run("show", house.case()["id"]).stdout
    assert "\nfindings\nnone\n" in clean


def test_a_list_of_nothing_says_so(run):
    assert run("cases", "--q", "nobody-of-this-name").stdout.strip() == "no case"


def test_in_a_pipe_every_column_has_its_room(house, run):
    name = "Northgate Bakery and Coffee Roasters of Leeds Limited"
    said = run("submit", "-", "--wait", stdin=json.dumps(house.application(legal_name=name))).stdout
    line = next(line for line in said.splitlines() if "in_review" in line)
    assert name in line, "one case, one line"


def test_a_case_from_standard_input_is_rejected_with_reasons(house, run):
    body = json.dumps(house.application())
    case = told(run("submit", "-", "--wait", "--json", stdin=body))
    reasons = ("--reason", "IBAN_CHECKSUM_FAILED", "--reason", "PHONE_INVALID")
    decided = told(run("decide", case["id"], "reject", *reasons, "--json"))
    assert decided["decisions"][0]["reason_codes"] == ["IBAN_CHECKSUM_FAILED", "PHONE_INVALID"]
    assert decided["decisions"][0]["told"] == sentences(["IBAN_CHECKSUM_FAILED", "PHONE_INVALID"])


def test_a_mistyped_reason_is_said_to_be_none(house, run):
    case = house.case()
    printed = run("decide", case["id"], "reject", "--reason", "IBAN_CHEKSUM_FAILED").stdout
    words = "warning: IBAN_CHEKSUM_FAILED is no reason code of ours"
    assert words in " ".join(printed.split())
    assert "did you mean IBAN_CHECKSUM_FAILED?" in " ".join(printed.split())
    house.rest(case["id"], "rejected")
    assert words in " ".join(run("show", case["id"]).stdout.split())


@pytest.mark.parametrize(
    "email, given", [("ops@bank.example.com", ()), ("ops@bank.example.com", ("OTHER",)), (None, ())]
)
def test_a_rejection_prints_its_reasons_and_what_the_merchant_reads(house, run, email, given):
    application = house.application(bank={"iban": "GB33BUKB20201555555556"})
    application["contact"] = {"email": email} if email else {}
    case = house.case(application)
    words = [word for code in given for word in ("--reason", code)]
    said = " ".join(run("decide", case["id"], "reject", *words).stdout.split())
    codes = list(given) or case["recommendation"]["reasons"]
    assert (f"reasons: {', '.join(given)}" if given else "reasons: none given, so those of the advice") in said
    if email is None:
        assert "no letter: the application has no e-mail address" in said
        return
    house.rest(case["id"], "rejected")
    letter = " ".join(house.letter(case["id"], kind="rejection").get_body(("plain",)).get_content().split())
    for sentence in sentences(codes):
        assert f"the merchant reads: {sentence}" in " ".join(run("show", case["id"]).stdout.split())
        assert sentence in said
        assert sentence in letter


def test_information_is_requested_from_the_shell(house, run):
    case = told(run("submit", "-", "--wait", "--json", stdin=json.dumps(house.application())))
    failed(run("decide", case["id"], "request-information"), "request: say what the merchant is asked")
    asked = ("--ask", "website=Which one = yours?")
    run("decide", case["id"], "request-information", *asked, "--review", case["review"]["id"])
    waiting = house.rest(case["id"])
    assert waiting["status"] == "awaiting_information"
    page = run("show", case["id"]).stdout
    assert f"the merchant was asked, and answers until {waiting['request']['due_at']}" in page
    assert "website: Which one = yours?" in page


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
    failed(run("submit", str(tmp_path / "none.json")), "none.json: No such file")
    failed(run("decide", "nonsense", "request-information", "--ask", "Which website?"), "--ask takes PATH=QUESTION")
    failed(run("cases", ONBOARD_URL="http://127.0.0.1:1"), "No service answers at http://127.0.0.1:1")
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
    failed(run("serve", "--port", "0", ONBOARD_CONCURRENCY="many"), "ONBOARD_CONCURRENCY")
    failed(run("serve", "--port", "0", ONBOARD_ENCRYPTION_KEY="x:short"), "ONBOARD_ENCRYPTION_KEY")
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
