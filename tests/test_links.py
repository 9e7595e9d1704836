"""The links of an approval letter: looking changes nothing however often, the form's POST decides once."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

PREFETCH = (
    {"Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"User-Agent": "SafeLinks"},
    {},
)


def page(answer: Any, status: int) -> str:
    """Every answer to a link is a page of ours, with its headers, and without a script."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in answer.headers
    text: str = answer.text
    seen = Tags()
    seen.feed(text)
    assert seen.names <= ALLOWED, seen.names - ALLOWED
    assert not [name for name in seen.attributes if name.startswith(("on", "style", "http-equiv"))]
    assert not [link for link in seen.links if not link.startswith("/")], "it leads nowhere else"
    return text


ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "main", "h1", "h2", "p", "ul", "li", "blockquote", "bdi", "strong",
    "code", "span", "a", "form", "label", "input", "fieldset", "legend", "details", "summary", "textarea", "button",
}  # fmt: skip


class Tags(HTMLParser):
    """What a browser would make of the page: elements, attributes, and where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")}


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


def test_both_links_pressed_at_once_by_twenty_hands_decide_once(house):
    case = house.case()
    links = list(house.links(case["id"]).values()) * 10
    with ThreadPoolExecutor(20) as pool:
        codes = [answer.status_code for answer in pool.map(house.nobody.post, links)]
    assert sorted(codes) == [200] + [409] * 19
    assert len(house.get(case["id"])["decisions"]) == 1


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


# hostile content

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}} ${7*7} {0.__class__}", "</title><h1>owned",
    "A\r\nBcc: all@example.com\r\n\r\nowned", "\u202egnp.exe", "x" * 9_000, "=HYPERLINK(\"http://evil\")",
    "'; DROP TABLE cases; --", "<bdi></main><form action=//evil>",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:20])
def test_a_hostile_merchant_is_shown_as_text(house, name):
    """Attacks 12, 13, 37 and 38."""
    case = house.case(legal_name=name, trading_name=name, business_description=f"We sell {name}")
    links = house.links(case["id"])
    for action, link in links.items():
        text = page(house.nobody.get(link), 200)
        assert text.count("<form") == 1
        assert text.count("<h1>") == 1
        assert text.count("<img") == 0
        assert "49" not in text.split("</h1>")[0].split("<h1>")[1]
        assert f"{action.capitalize()} <bdi>" in text
    letter = house.letter(case["id"])
    assert letter["Bcc"] is None
    assert "\n" not in letter["Subject"]
    page(house.nobody.post(links["reject"], data={"comment": name[:5000]}), 200)
    assert house.rest(case["id"])["decisions"][0]["comment"] == name[:5000].replace("\r\n", "\n").strip()


@pytest.mark.parametrize(
    "data",
    [{"comment": "x" * 5001}, {"reason_codes": ["no code at all"]}, {"reason_codes": ["X"] * 21}, {"comment": "a\0b"}],
    ids=["long", "words", "many", "nul"],
)
def test_a_form_that_cannot_be_taken_decides_nothing_and_says_why_on_a_page(house, waiting, data):
    page(house.nobody.post(waiting["link"], data=data), 422)
    assert house.get(waiting["id"])["review"]["id"] == waiting["review"]


def test_a_comment_with_line_breaks_of_a_browser_fits(house):
    case = house.case()
    text = "line\r\n" * 900
    page(house.nobody.post(house.links(case["id"])["reject"], data={"comment": text}), 200)
    assert house.get(case["id"])["decisions"][0]["comment"] == text.replace("\r\n", "\n").strip()


# two people, by letter


def risky(house: Any) -> dict[str, Any]:
    body = house.application()
    house.case(body)
    found: dict[str, Any] = house.case(body)
    assert found["review"]["second_required"]
    return found


def test_the_second_approval_by_letter_is_another_persons(house):
    case = risky(house)
    first = house.links(case["id"], "ann@reviewers.example")
    page(house.nobody.post(first["approve"]), 200)
    waiting = house.rest(case["id"])
    assert waiting["review"]["stage"] == "second_review"
    page(house.nobody.post(first["approve"]), 409)
    second = house.links(case["id"], "sue@reviewers.example", kind="approval_request:second_review")
    assert "second approval" in page(house.nobody.get(second["approve"]), 200)
    query = "SELECT count(*) FROM letters WHERE case_id = ? AND kind = 'approval_request:second_review'"
    assert house.rows(query, case["id"])[0][0] == 1, "who approved first is not asked again"
    page(house.nobody.post(second["approve"]), 200)
    assert house.rest(case["id"])["status"] == "active"


def test_who_approved_by_api_cannot_approve_second_by_letter(open_product_house):
    from checkpoints import access

    with open_product_house(
        reviewers="Eve@Reviewers.Example, pat@reviewers.example, Dan <dan@reviewers.example>"
    ) as own:
        eve = own.client(own.write(lambda tx: access.create_token(tx, "eve@reviewers.example", "senior_reviewer")))
        own.write(lambda tx: access.create_token(tx, "pat@reviewers.example", "reviewer"))
        case = risky(own)
        assert eve.post(f"/v1/cases/{case['id']}/decision", json={"action": "approve"}).status_code == 200
        own.rest(case["id"])
        kind = "approval_request:second_review"
        pat = own.links(case["id"], "pat@reviewers.example", kind=kind)
        assert "forbidden" in page(own.nobody.post(pat["approve"]), 403)
        kept = own.rows("SELECT count(*) FROM letters WHERE case_id = ? AND kind = ?", case["id"], kind)[0][0]
        assert kept == 2, "everybody but who approved first"
        assert own.get(case["id"])["review"]["stage"] == "second_review"
        page(own.nobody.post(own.links(case["id"], "dan@reviewers.example", kind=kind)["approve"]), 200)
        assert own.rest(case["id"])["status"] == "active"
