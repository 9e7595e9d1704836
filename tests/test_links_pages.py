"""Letters' pages under hostile names, odd forms, and where it takes two people."""

from typing import Any

import pytest
from harness.answers import page

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


@pytest.mark.parametrize(
    "body", [{"json": {"action": "reject"}}, {"content": "no", "headers": {"Content-Type": "text/plain"}}]
)
def test_what_is_no_form_is_not_taken_for_a_click(house, waiting, body):
    """Its words would be dropped unread while the link decides."""
    text = page(house.nobody.post(waiting["link"], **body), 422)
    assert "Nothing was decided" in text
    assert "the link still works" in text
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


@pytest.fixture(scope="module")
def waiting(house: Any) -> dict[str, Any]:
    case = house.case()
    return {"id": case["id"], "review": case["review"]["id"], "link": house.links(case["id"])["approve"]}


# who has the case


def assign(house: Any, case_id: str, name: str | None) -> None:
    from checkpoints import desk

    house.write(lambda tx: desk.assign(tx, case_id, name, "root"))


def test_a_link_is_dead_while_somebody_else_has_the_case(house):
    case = house.case()
    ann, sue = (house.links(case["id"], f"{name}@reviewers.example") for name in ("ann", "sue"))
    assign(house, case["id"], "Sue@Reviewers.example")
    for call in (house.nobody.get, house.nobody.post):
        assert "case_reassigned" in page(call(ann["approve"]), 409)
    assert house.get(case["id"])["decisions"] == []
    assign(house, case["id"], "ann@reviewers.example")
    assert "case_reassigned" in page(house.nobody.post(sue["reject"]), 409)
    page(house.nobody.post(ann["approve"]), 200)
    assert house.rest(case["id"])["status"] == "active"


def test_whose_token_names_an_address_keeps_the_links_sent_there(open_product_house):
    from checkpoints import access

    with open_product_house(reviewers="pat@reviewers.example, kim@reviewers.example") as own:
        own.write(lambda tx: access.create_token(tx, "pat", "reviewer", email="pat@reviewers.example"))
        case = own.case()
        pat, kim = (own.links(case["id"], f"{name}@reviewers.example") for name in ("pat", "kim"))
        assign(own, case["id"], "pat")
        page(own.nobody.post(kim["approve"]), 409)
        page(own.nobody.post(pat["approve"]), 200)
        assert own.rest(case["id"])["status"] == "active"


def test_it_is_decided_from_the_plain_text_on_a_phone(house):
    """A mail program that shows no HTML: each link stands whole on its own line, and says that it opens a page."""
    case = house.case()
    letter = house.letter(case["id"], "ann@reviewers.example")
    lines = letter.get_body(("plain",)).get_content().splitlines()
    for action in ("approve", "reject"):
        at = lines.index(f"{action.capitalize()} (opens a page to confirm):")
        assert lines[at + 1].startswith(f"{house.url}/review/lnk_")
        assert len(lines[at + 1]) < 120
    assert all(len(line) <= 998 for line in lines)
    link = lines[lines.index("Reject (opens a page to confirm):") + 1].removeprefix(house.url)
    assert 'name="viewport"' in page(house.nobody.get(link), 200)
    page(house.nobody.post(link, data={"reason_codes": ["IBAN_CHECKSUM_FAILED"]}), 200)
    assert house.rest(case["id"])["status"] == "rejected"
