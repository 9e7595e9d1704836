"""The same public face on PostgreSQL: one case of twenty submissions, one decision of twenty, search, paging, links."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest


@pytest.fixture
def own(open_product_house: Any, ledger_url: str) -> Any:
    with open_product_house(database_url=ledger_url, reviewers="ann@reviewers.example") as house:
        yield house


def test_the_main_job_and_its_races_on_postgresql(own):
    body, headers = own.application(), {"Idempotency-Key": "twenty"}
    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(own.backend.post, "/v1/cases", json=body, headers=headers) for _ in range(20)]
        answers = [future.result() for future in sent]
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [202]
    case = own.rest(answers[0].json()["id"])
    review = case["review"]["id"]
    asked = [("ann", "approve"), ("rob", "reject")] * 10
    with ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda ask: own.decide(ask[0], case, ask[1], review_id=review).status_code, asked))
    assert set(codes) == {200, 409}
    made = own.get(case["id"])["decisions"]
    assert len(made) == 1
    ended = own.rest(case["id"])
    assert ended["status"] == {"approve": "active", "reject": "rejected"}[made[0]["action"]]
    assert len(own.sandbox(case["id"])["effects"]) == (2 if ended["status"] == "active" else 0)

    word = case["application"]["legal_name"].split()[0]
    found = own.backend.get("/v1/cases", params={"q": word.upper()}).json()["items"]
    assert [item["id"] for item in found] == [case["id"]]
    more = [own.case()["id"] for _ in range(3)]
    first = own.backend.get("/v1/cases", params={"limit": 2}).json()
    then = own.backend.get("/v1/cases", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + then["items"]] == [*more[::-1], case["id"]]

    assert own.other.get("/v1/cases").json()["items"] == []
    for call in (own.other.get, own.other.post):
        answer = call(f"/v1/cases/{case['id']}" + ("/withdraw" if call == own.other.post else ""))
        assert (answer.status_code, answer.json()["code"]) == (404, "case_not_found")


def test_four_eyes_and_withdrawal_hold_on_postgresql(own):
    body = own.application()
    own.case(body)
    case = own.case(body)
    assert case["review"]["second_required"]
    assert own.decide("sue", case, "approve").status_code == 200
    waiting = own.rest(case["id"])
    assert own.decide("sue", waiting, "approve").json()["code"] == "four_eyes"
    assert own.decide("rob", waiting, "approve").json()["code"] == "forbidden"
    with ThreadPoolExecutor(2) as pool:
        review = waiting["review"]["id"]
        approved = pool.submit(own.decide, "kim", waiting, "approve", review_id=review)
        withdrawn = pool.submit(own.backend.post, f"/v1/cases/{case['id']}/withdraw")
    codes = approved.result().status_code, withdrawn.result().status_code
    ended = own.rest(case["id"])["status"]
    assert (codes, ended) in (((200, 409), "active"), ((409, 200), "withdrawn"))


def test_an_address_with_a_nul_is_one_that_is_not_there(own):
    for tail in ("", "/events", "/checkpoints", "/bundle", "/file"):
        answer = own.root.get(f"/v1/cases/a%00b{tail}")
        assert (answer.status_code, answer.json()["code"]) == (404, "case_not_found")
        assert own.root.get(f"/console/cases/%00{tail}").status_code in (303, 404)
    assert own.root.get("/v1/cases", params={"q": "a\x00b"}).status_code == 422
