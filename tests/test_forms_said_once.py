"""A form that says one thing twice does nothing: of two buttons pressed, nobody knows which was meant."""

from typing import Any
from urllib.parse import urlencode

import pytest
from harness.answers import page
from harness.browser import Browser
from harness.merchant_page import MerchantBrowser, begun, filled, link_in

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def send(client: Any, house: Any, path: str, pairs: list[tuple[str, str]]) -> Any:
    return client.post(path, content=urlencode(pairs), headers=FORM | {"Origin": house.url})


@pytest.fixture(scope="module")
def ann(house: Any) -> Browser:
    return Browser(house).sign_in("ann")


@pytest.fixture(scope="module")
def case(house: Any) -> dict[str, Any]:
    """Its review still waits after every test here."""
    found: dict[str, Any] = house.case()
    return found


def waits(house: Any, case: dict[str, Any]) -> bool:
    return bool(house.get(case["id"])["review"] == case["review"] and not house.get(case["id"])["decisions"])


@pytest.mark.parametrize(
    "pairs, field",
    [
        ([("do", "draft"), ("do", "reject")], "do"),
        ([("do", "reject"), ("do", "draft")], "do"),
        ([("do", "reject")], "do"),
        ([("comment", "yes"), ("comment", "no")], "comment"),
        ([("comment", "yes"), ("comment", "yes")], "comment"),
    ],
    ids=str,
)
def test_behind_a_letters_link(house, case, pairs, field):
    for link in house.links(case["id"], "ann@reviewers.example").values():
        text = page(send(house.nobody, house, link, pairs), 422)
        assert f"{field}:" in text
        assert "the link still works" in text
    assert waits(house, case)


@pytest.mark.parametrize(
    "twice",
    [("action", "draft"), ("action", "approve"), ("review_id", "another"), ("comment", "more"), ("fix_path_0", "mcc")],
    ids=lambda twice: twice[0] + "-" + twice[1],
)
def test_in_the_consoles_decision(house, ann, case, twice):
    form = ann.form(f"/console/cases/{case['id']}")
    pairs = [("csrf", form["csrf"]), ("review_id", form["review_id"]), ("action", "reject"), ("comment", "no")]
    answer = send(ann.http, house, f"/console/cases/{case['id']}/decision", [*pairs, ("fix_path_0", ""), twice])
    assert answer.status_code == 422
    assert f"{twice[0]}:" in answer.text
    assert waits(house, case)


def test_in_the_consoles_other_forms(house, ann, case):
    csrf = ann.form(f"/console/cases/{case['id']}")["csrf"]
    pairs = [("csrf", csrf), ("case", case["id"]), ("what", "take"), ("what", "back")]
    assert send(ann.http, house, "/console/assign", pairs).status_code == 422
    assert (
        send(ann.http, house, f"/console/cases/{case['id']}/claim", [("csrf", csrf), ("csrf", csrf)]).status_code == 422
    )
    assert house.get(case["id"])["review"]["assignee"] is None
    asked = [("address", "ann@reviewers.example"), ("address", "eve@elsewhere.example")]
    assert send(house.nobody, house, "/console/sign-in", asked).status_code == 422


HOSTILE = ("<script>alert(1)</script>", "{{7*7}}", "\u202edo", "a\r\nSet-Cookie: b=1", "x" * 5000, "")


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:12]))
def test_a_fields_name_is_only_text(house, ann, case, name):
    link = house.links(case["id"], "ann@reviewers.example")["reject"]
    text = page(send(house.nobody, house, link, [(name, "1"), (name, "2")]), 422)
    form = ann.form(f"/console/cases/{case['id']}")
    pairs = [("csrf", form["csrf"]), ("review_id", form["review_id"]), ("action", "reject"), (name, "1"), (name, "2")]
    answer = send(ann.http, house, f"/console/cases/{case['id']}/decision", pairs)
    assert answer.status_code == 422
    for shown in (text, answer.text):
        assert "<script>alert" not in shown
        assert "49:" not in shown
        assert len(shown) < 5_000
    assert waits(house, case)


def test_what_may_be_ticked_more_than_once_still_may(house, ann):
    first, second = house.case(), house.case()
    csrf = ann.form("/console?status=waiting")["csrf"]
    pairs = [("csrf", csrf), ("case", first["id"]), ("case", second["id"]), ("what", "take")]
    assert send(ann.http, house, "/console/assign", pairs).status_code == 303
    form = ann.form(f"/console/cases/{first['id']}")
    reasons = [("reason_codes", "COUNTRY_NOT_SUPPORTED"), ("reason_codes", "IBAN_CHECKSUM_FAILED")]
    pairs = [("csrf", csrf), ("review_id", form["review_id"]), ("action", "reject"), *reasons]
    assert send(ann.http, house, f"/console/cases/{first['id']}/decision", pairs).status_code == 303
    assert house.get(first["id"])["decisions"][0]["reason_codes"] == [code for _, code in reasons]


@pytest.mark.parametrize("kind", ["urlencoded", "multipart"])
def test_in_an_application(house, kind):
    browser = MerchantBrowser(house)
    path = begun(browser, f"{kind}@shop.example")
    text = browser.open(path)
    sent = browser.hidden(text) | filled(text) | {"legal_name": "Once Ltd", "do": ["save", "send"]}
    sent["persons[0].roles"] = ["owner", "director"]
    files = {"documents": ("", b"")} if kind == "multipart" else None
    answer = browser.http.post(path, data=sent, files=files, headers={"Origin": house.url})
    assert answer.status_code == 422
    assert "do: the form says this more than once" in answer.text
    assert 'value="Once Ltd"' in answer.text, "nothing typed is lost"
    assert "Once Ltd" not in browser.open(path), "and nothing was saved"
    assert browser.send("/apply", browser.open("/apply"), {"country": ["GB", "DE"]}).status_code == 422


def test_in_a_merchants_answer(house):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    browser = MerchantBrowser(house)
    path = link_in(house.letter(case["id"], kind="information_request"))
    text = browser.open(path)
    answer = browser.send(f"{path}/answer", text, {"answer_0": ["https://one.example", "https://two.example"]})
    assert answer.status_code == 422
    assert "answer_0: the form says this more than once" in answer.text
    csrf = browser.hidden(text)["csrf"]
    assert browser.send(f"{path}/withdraw", text, {"csrf": [csrf, csrf]}).status_code == 422
    assert house.get(case["id"])["status"] == "awaiting_information"
