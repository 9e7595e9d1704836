"""The auditor's file: everything that led to the outcome, in one harmless file that needs nothing else."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from harness.browser import Browser

HOSTILE = '<script>alert(1)</script>{{7*7}}\u202e" onload=alert(1) <img src=x onerror=alert(1)> </style><style>'


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs


@pytest.fixture(scope="module")
def told(house: Any) -> tuple[dict[str, Any], str]:
    """A risky, hostile case that two people approved, and its file."""
    body = house.application(legal_name=f"{HOSTILE} Ltd", odd={HOSTILE: HOSTILE})
    body["bank"]["iban"] = "GB33BUKB20201555555556"
    case = house.case(body)
    assert house.decide("ann", case, "approve", comment=f"Seen {HOSTILE}").status_code == 200
    house.rest(case["id"])
    assert house.decide("sue", case, "approve", comment="And by me").status_code == 200
    done = house.rest(case["id"])
    answer = Browser(house).sign_in("rob").get(f"/console/cases/{case['id']}/file")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="case-{case["id"]}.html"'
    return done, answer.text


def test_everything_that_led_to_the_outcome_is_in_it(house, told):
    case, page = told
    plain = re.sub(r"<[^>]+>", "", page)
    for made in case["decisions"]:
        assert made["actor"] in plain
    assert "And by me" in plain
    for found in case["findings"]:
        assert found["code"] in plain
    for row in house.rows("SELECT shown_hash FROM reviews WHERE case_id = ?", case["id"]):
        assert row["shown_hash"] in plain
    for event in house.rows("SELECT hash FROM audit WHERE case_id = ? AND type != 'case.exported'", case["id"]):
        assert event["hash"] in plain
    for row in house.rows("SELECT key, reference FROM effects WHERE case_id = ?", case["id"]):
        assert row["key"] in plain
        assert row["reference"] in plain
    assert "The audit trail holds" in plain
    assert "100 % in all" in plain
    assert "policy" in plain


def test_it_is_harmless_and_asks_nothing_of_the_network(told):
    _, page = told
    tags = Tags()
    tags.feed(page)
    assert not tags.names & {"script", "img", "link", "iframe", "form", "object", "base", "button", "input"}
    assert not [name for name, _ in tags.attributes if name.startswith("on") or name in ("style", "src")]
    assert all((value or "").startswith("#") for name, value in tags.attributes if name == "href")
    assert page.count("<style>") == 1, "no style of a merchant's"
    assert "default-src 'none'; style-src 'sha256-" in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page


def test_who_took_it_stands_in_the_trail_and_a_trail_that_was_touched_says_so(house, told):
    case, _ = told
    last = [event for event in house.events(case["id"]) if event["type"] == "case.exported"][-1]
    assert (last["actor"], last["data"]) == ("rob", {"form": "file"})
    house.write(
        lambda tx: tx.conn.exec_driver_sql(
            f"UPDATE audit SET actor = 'eve' WHERE case_id = '{case['id']}' AND case_seq = 2"
        )
    )
    page = house.ann.get(f"/v1/cases/{case['id']}/file").text
    house.write(
        lambda tx: tx.conn.exec_driver_sql(
            f"UPDATE audit SET actor = 'onboarding' WHERE case_id = '{case['id']}' AND case_seq = 2"
        )
    )
    assert "The audit trail does not hold" in page
    assert "event 2 was changed" in page


def test_a_case_that_nothing_was_read_of_yet_and_one_that_is_unknown(house):
    assert house.backend.get("/v1/cases/unknown/file").status_code == 404
    assert Browser(house).get("/console/cases/unknown/file").status_code == 303
    case = house.case()
    assert "Not decided" in house.backend.get(f"/v1/cases/{case['id']}/file").text


def test_the_shell_writes_it_and_overwrites_nothing(house, run, tmp_path):
    case, target = house.case(), tmp_path / "audit.html"
    assert run("file", case["id"], "--out", str(target)).exit_code == 0
    assert target.read_text().startswith("<!doctype html>")
    again = run("file", case["id"], "--out", str(target))
    assert again.exit_code == 1
    assert "exists already" in again.stderr
