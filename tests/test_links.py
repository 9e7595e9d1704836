"""The links of an approval letter: looking changes nothing however often, the form's POST decides once."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from harness.answers import page

from onboarding.letters.reasons import GENERAL

PREFETCH = (
    {"Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"User-Agent": "SafeLinks"},
    {},
)


def state(house: Any, case_id: str) -> list[Any]:
    """Everything the ledger knows of the case and of its links."""
    tables = ("cases", "reviews", "decisions", "audit", "letters", "effects", "submissions")
    rows = [tuple(row) for name in tables for row in house.rows(f"SELECT * FROM {name} WHERE "
            + ("id" if name == "cases" else "case_id") + " = ?", case_id)]  # fmt: skip
    return [*rows, *(tuple(row) for row in house.rows("SELECT * FROM links"))]


def test_looking_changes_not_one_byte_of_the_ledger(open_product_house):
    """Attacks 1, 4 and 14: scanners fetch both links, repeatedly, with every method that only looks."""
    with open_product_house(reviewers="ann@reviewers.example", sweep_seconds=3600) as own:
        case = own.case()
        links = own.links(case["id"])
        before = own.dump()
        for _ in range(3):
            for link in links.values():
                for headers in PREFETCH:
                    assert "<form method=" in page(own.nobody.get(link, headers=headers), 200)
                assert own.nobody.head(link).status_code == 200
                for method in ("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"):
                    assert own.nobody.request(method, link).status_code == 405
        assert own.dump() == before
        page(own.nobody.post(links["approve"]), 200)
        assert own.rest(case["id"])["status"] == "active"


def test_the_page_shows_what_would_be_decided_and_says_that_nothing_was(house):
    case = house.case()
    text = page(house.nobody.get(house.links(case["id"])["approve"]), 200)
    for shown in (case["application"]["legal_name"], case["id"], case["recommendation"]["action"], "decided nothing"):
        assert shown in text
    assert '<meta name="viewport"' in text
    assert '<html lang="en">' in text
    assert text.count("<button") == 1


@pytest.mark.parametrize("action, ending", [("approve", "active"), ("reject", "rejected")])
def test_the_post_decides_once_and_then_names_what_stands(house, action, ending):
    case = house.case()
    links = house.links(case["id"], "ann@reviewers.example")
    form = {"comment": "from my phone", "reason_codes": ["IBAN_CHECKSUM_FAILED"]}
    assert "Recorded" in page(house.nobody.post(links[action], data=form), 200)
    found = house.rest(case["id"])
    made = found["decisions"][0]
    assert (found["status"], made["action"], made["actor"]) == (ending, action, "ann@reviewers.example")
    assert (made["channel"], made["comment"]) == ("email", "from my phone")
    assert made["reason_codes"] == ["IBAN_CHECKSUM_FAILED"]
    for link in links.values():
        for call in (house.nobody.post, house.nobody.get):
            text = page(call(link), 409)
            assert f"<strong>{action}" in text
            assert "ann@reviewers.example" in text
    assert len(house.get(case["id"])["decisions"]) == 1
    assert len(house.sandbox(case["id"])["effects"]) == (2 if ending == "active" else 0)


def ticked(text: str) -> list[str]:
    return re.findall(r'name="reason_codes" value="([^"]+)" checked', text)


def draft(text: str) -> str:
    found = re.search(r'<blockquote class="lines"><bdi>(.*?)</bdi>', text, re.DOTALL)
    assert found
    return html.unescape(found[1]).replace("their-own-link", "")


def sent(house: Any, case_id: str) -> str:
    house.rest(case_id, "rejected")
    text = house.letter(case_id, kind="rejection").get_body(("plain",)).get_content()
    return re.sub(r"(/merchant/)\S+", r"\1", text)


def test_who_rejects_reads_the_very_letter_first_and_looking_at_it_decides_nothing(house):
    case = house.case(bank={"iban": "GB33BUKB20201555555556"})
    link = house.links(case["id"])["reject"]
    text = page(house.nobody.get(link), 200)
    assert ticked(text) == case["recommendation"]["reasons"] != []
    before = state(house, case["id"])
    form = {"do": "draft", "comment": "<b>not yet", "reason_codes": ["OTHER", "COUNTRY_NOT_SUPPORTED"]}
    again = page(house.nobody.post(link, data=form), 200)
    assert state(house, case["id"]) == before
    assert draft(again) != draft(text)
    assert "incorporated in this country" in draft(again)
    assert "&lt;b&gt;not yet" in again, "nothing typed is lost"
    page(house.nobody.post(link, data={"reason_codes": ticked(text)}), 200)
    assert draft(text).split() == sent(house, case["id"]).split()


def test_with_no_reason_ticked_the_letter_gives_none(house):
    case = house.case(bank={"iban": "GB33BUKB20201555555556"})
    link = house.links(case["id"])["reject"]
    shown = draft(page(house.nobody.post(link, data={"do": "draft"}), 200))
    assert GENERAL in shown
    page(house.nobody.post(link, data={}), 200)
    assert shown.split() == sent(house, case["id"]).split()
    assert house.get(case["id"])["decisions"][0]["reason_codes"] == ["OTHER"]


def test_both_links_pressed_at_once_by_twenty_hands_decide_once(house):
    case = house.case()
    links = list(house.links(case["id"]).values()) * 10
    with ThreadPoolExecutor(20) as pool:
        codes = [answer.status_code for answer in pool.map(house.nobody.post, links)]
    assert sorted(codes) == [200] + [409] * 19
    assert len(house.get(case["id"])["decisions"]) == 1
    assert [event["type"] for event in house.events(case["id"])].count("decision.recorded") == 1


def test_a_letter_and_the_api_at_once_decide_once(house):
    case = house.case()
    link = house.links(case["id"])["reject"]
    with ThreadPoolExecutor(2) as pool:
        by_link = pool.submit(house.nobody.post, link)
        by_api = pool.submit(house.decide, "rob", case, "approve", review_id=case["review"]["id"])
    assert sorted((by_link.result().status_code, by_api.result().status_code)) == [200, 409]
    assert len(house.get(case["id"])["decisions"]) == 1


def test_each_reviewer_has_links_of_their_own_and_all_die_together(house):
    case = house.case()
    ann, sue = (house.links(case["id"], f"{name}@reviewers.example") for name in ("ann", "sue"))
    assert len({*ann.values(), *sue.values()}) == 4
    page(house.nobody.post(sue["reject"]), 200)
    assert "sue@reviewers.example" in page(house.nobody.post(ann["approve"]), 409)


def test_a_used_or_stale_link_is_told_by_what_happened(house):
    case = house.case()
    links = house.links(case["id"])
    body = {"answers": {"website": "https://amended.example.com"}}
    house.backend.post(f"/v1/cases/{case['id']}/information", json=body)
    for call in (house.nobody.get, house.nobody.post):
        assert "case_changed" in page(call(links["approve"]), 409)
    again = house.rest(case["id"])
    assert again["decisions"][-1]["action"] != "approve"
    fresh = house.links(case["id"], round_=2)
    assert set(fresh.values()).isdisjoint(links.values())
    assert "case_changed" in page(house.nobody.post(links["approve"]), 409)
    page(house.nobody.post(fresh["approve"]), 200)
    assert house.rest(case["id"])["status"] == "active"


def test_a_link_is_dead_once_the_case_is_withdrawn(house):
    case = house.case()
    link = house.links(case["id"])["approve"]
    house.backend.post(f"/v1/cases/{case['id']}/withdraw")
    page(house.nobody.post(link), 409)
    assert house.rest(case["id"])["status"] == "withdrawn"


def test_a_link_of_one_case_touches_no_other(house):
    one, other = house.case(), house.case()
    mine = house.links(one["id"])
    house.links(other["id"])
    before = state(house, other["id"])[:-1]
    token = mine["approve"].rpartition("/")[2]
    for path in (f"/review/{token}?case={other['id']}", f"/review/{token}?review_id={other['review']['id']}"):
        page(house.nobody.get(path), 200)
    form = {"case_id": other["id"], "review_id": other["review"]["id"], "action": "reject", "token": "x"}
    page(house.nobody.post(mine["approve"], data=form), 200)
    assert house.rest(one["id"])["status"] == "active"
    others = [row for row in state(house, other["id"]) if other["id"] in row]
    assert others == [row for row in before if other["id"] in row]


def flipped(token: str) -> str:
    return token[:-1] + ("0" if token[-1] != "0" else "1")


STRANGE = (
    flipped, lambda t: "", lambda t: t[:-1], lambda t: t + "a", lambda t: t.upper(), lambda t: "x" * 60_000,
    lambda t: "%00" + t, lambda t: t + "%00", lambda t: "%ff%fe", lambda t: "..%2f..%2fv1%2fcases",
    lambda t: "lnk_" + "0" * 64, lambda t: "' OR 1=1 --", lambda t: "\u202e" + t,
)  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE, ids=range(len(STRANGE)))
def test_every_token_that_is_none_is_404_in_the_same_shape(house, waiting, strange):
    token = strange(waiting["link"].rpartition("/")[2])
    known = re.sub(r"\s+", " ", page(house.nobody.get("/review/lnk_nothing"), 404))
    for call in (house.nobody.get, house.nobody.post):
        answer = call(f"/review/{token}")
        if token:
            assert re.sub(r"\s+", " ", page(answer, 404)) == known
        else:
            assert answer.status_code == 404
    assert house.get(waiting["id"])["review"]["id"] == waiting["review"]


def test_a_token_of_a_megabyte_is_refused_and_the_service_lives(house):
    import socket

    host, port = house.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(b"GET /review/" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        first = line.recv(64)
    assert re.match(rb"HTTP/1.1 4\d\d ", first), first
    assert house.nobody.get("/healthz").status_code == 200


@pytest.fixture(scope="module")
def waiting(house: Any) -> dict[str, Any]:
    case = house.case()
    return {"id": case["id"], "review": case["review"]["id"], "link": house.links(case["id"])["approve"]}


def test_a_link_expires_by_the_clock_of_the_ledger(open_product_house):
    with open_product_house(reviewers="ann@reviewers.example", link_hours=72) as own:
        case = own.case()
        link = own.links(case["id"])["approve"]
        own.clock.by = timedelta(hours=71, minutes=59)
        page(own.nobody.get(link), 200)
        own.clock.by = timedelta(hours=72, seconds=1)
        for call in (own.nobody.get, own.nobody.post):
            assert "link_expired" in page(call(link), 410)
        assert own.get(case["id"])["decisions"] == []


def test_tokens_are_nowhere_in_the_ledger_but_as_hashes(house, waiting):
    token = waiting["link"].rpartition("/")[2]
    assert token not in house.dump()
    assert token.encode().hex() not in house.dump().lower()
    assert all(secret not in house.dump() for secret in house.tokens.values())


def test_whoever_lost_their_role_decides_by_no_letter_any_more(open_product_house):
    from checkpoints import access

    with open_product_house(reviewers="pat@reviewers.example") as own:
        own.write(lambda tx: access.create_token(tx, "Pat@reviewers.example", "reviewer"))
        case = own.case()
        links = own.links(case["id"], "pat@reviewers.example")
        own.write(lambda tx: access.revoke(tx, "Pat@reviewers.example"))
        page(own.nobody.post(links["approve"]), 403)
        own.write(lambda tx: access.create_token(tx, "pat@reviewers.example", "backend"))
        page(own.nobody.post(links["reject"]), 403)
        assert own.get(case["id"])["decisions"] == []
        own.write(lambda tx: access.create_token(tx, "pat@reviewers.example", "reviewer"))
        page(own.nobody.post(links["approve"]), 200)
        assert own.rest(case["id"])["status"] == "active"
