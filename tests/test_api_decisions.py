"""Decisions over the API: who, when, once; corrections, requests, amendments. The review waits until one stands."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.answers import refused


def made(house: Any, case_id: str) -> list[tuple[str, str]]:
    return [
        (row["stage"], row["action"])
        for row in house.rows("SELECT stage, action FROM decisions WHERE case_id = ? ORDER BY at", case_id)
    ]


def test_an_approval_leads_to_both_services_and_a_rejection_to_none(house):
    yes, no = house.case(), house.case()
    answer = house.decide("ann", yes, "approve", comment="Looks good")
    assert answer.status_code == 200
    assert answer.json()["decisions"][0] | {"at": None} == {
        "review_id": yes["review"]["id"], "stage": "review", "action": "approve", "actor": "ann", "channel": "api",
        "reason_codes": [], "told": [], "warnings": [], "comment": "Looks good", "corrections": {}, "at": None,
    }  # fmt: skip
    assert answer.json()["review"] is None
    active = house.rest(yes["id"])
    assert active["status"] == "active"
    assert {(row["service"], row["status"], row["attempts"]) for row in active["activations"]} == {
        ("svc1", "active", 1), ("svc2", "active", 1)
    }  # fmt: skip
    assert house.decide("ann", no, "reject", reason_codes=["IBAN_CHECKSUM_FAILED"]).status_code == 200
    assert house.rest(no["id"])["status"] == "rejected"
    assert house.sandbox(no["id"]) == {"calls": [], "effects": []}


def test_a_rejection_by_a_mistyped_code_says_so_and_one_by_a_backends_own_code_is_taken(house):
    case = house.case()
    codes = ["IBAN_CHEKSUM_FAILED", "ACME-17", "COUNTRY_NOT_SUPPORTED"]
    answer = house.decide("ann", case, "reject", reason_codes=codes)
    assert answer.status_code == 200
    made = answer.json()["decisions"][0]
    assert made["reason_codes"] == codes
    assert [words.split()[0] for words in made["warnings"]] == codes[:2]
    assert "did you mean IBAN_CHECKSUM_FAILED?" in made["warnings"][0]
    approved = house.case()
    house.decide("ann", approved, "approve", reason_codes=codes)
    assert house.get(approved["id"])["decisions"][0]["warnings"] == [], "no letter gives its reasons"


def test_an_answer_to_no_field_is_named_and_nothing_is_taken(house):
    case = house.case()
    request = [{"path": "register extract", "text": "Please tell us its date."}]
    house.decide("ann", case, "request_information", request=request)
    house.rest(case["id"], "awaiting_information")
    where = f"/v1/cases/{case['id']}/information"
    for path in ("incorporation_dat", "persons[0].shoe_size", "persons[40].name"):
        answers = {"website": "https://shop.example.com", path: "x"}
        body = refused(house.backend.post(where, json={"answers": answers}), 422, "bad_input")
        assert body["errors"][0]["field"] == f"answers.{path}"
        assert path in body["detail"]
    assert house.get(case["id"])["status"] == "awaiting_information"
    address = {"line1": "3 Dock Lane", "city": "Hull", "postal_code": "HU1 1AA"}
    answers = {"register extract": "1 May 2026", "Company name": "Dock Bakery Ltd", "address": address}
    assert house.backend.post(where, json={"answers": answers}).status_code == 200
    read = house.rest(case["id"], "in_review")["application"]
    assert (read["legal_name"], read["address"]["city"]) == ("Dock Bakery Ltd", "Hull")
    assert "1 May 2026" in str(read["extra"])


def test_the_same_decision_again_is_200_and_nothing_happens_twice(house):
    case = house.case()
    for _ in range(3):
        answer = house.decide("ann", case, "approve", review_id=case["review"]["id"])
        assert answer.status_code == 200
    house.rest(case["id"], "active")
    assert house.decide("ann", case, "approve", review_id=case["review"]["id"]).status_code == 200
    assert house.get(case["id"])["status"] == "active"
    assert made(house, case["id"]) == [("review", "approve")]
    assert len(house.sandbox(case["id"])["effects"]) == 2
    assert sum(event["type"] == "decision.recorded" for event in house.events(case["id"])) == 1


def test_a_body_full_of_answers_is_read_before_the_transaction(house):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    house.idle(case["id"])
    label = "company name"
    names = {"".join(c.upper() if number >> n & 1 else c for n, c in enumerate(label)) for number in range(4000)}
    answers = dict.fromkeys(sorted(names)[:2000], "Dock Bakery Ltd")
    before, started = house.write(lambda tx: time.thread_time()), time.process_time()
    where = f"/v1/cases/{case['id']}/information"
    assert house.backend.post(where, json={"answers": answers | {"nonsense": "x"}}).status_code == 422
    held, took = house.write(lambda tx: time.thread_time()) - before, time.process_time() - started
    assert held < took / 4, "whoever else writes waits for the one writer"


@pytest.mark.parametrize(
    "who, action, more",
    [("ann", "reject", {}), ("rob", "approve", {}), ("ann", "approve", {"comment": "second thoughts"})],
)
def test_a_different_decision_is_refused_and_told_what_stands(house, who, action, more):
    case = house.case()
    review = case["review"]["id"]
    assert house.decide("ann", case, "approve", review_id=review).status_code == 200
    body = refused(house.decide(who, case, action, review_id=review, **more), 409, "already_decided")
    assert (body["decision"]["action"], body["decision"]["actor"]) == ("approve", "ann")
    assert body["decision"]["at"]


def test_of_twenty_reviewers_at_once_one_decides(house):
    case = house.case()
    review = case["review"]["id"]
    asked = [("ann", "approve"), ("rob", "reject")] * 10
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda ask: (*ask, house.decide(*ask[:1], case, ask[1], review_id=review)), asked))
    stands = made(house, case["id"])
    assert len(stands) == 1
    for _, action, answer in answers:
        if action == stands[0][1]:
            assert answer.status_code == 200, answer.text
        else:
            assert refused(answer, 409, "already_decided")["decision"]["action"] == stands[0][1]
    house.rest(case["id"], "active", "rejected")
    assert len(house.sandbox(case["id"])["effects"]) == (2 if stands[0][1] == "approve" else 0)


def test_nothing_waits_before_the_first_review_and_after_the_last(house):
    case = house.case()
    house.decide("ann", case, "reject")
    house.rest(case["id"], "rejected")
    refused(house.decide("ann", case, "approve"), 409, "not_waiting")


def test_without_an_id_the_waiting_review_is_meant(house):
    case = house.case()
    assert house.decide("rob", case, "reject").status_code == 200


def test_the_same_decision_again_without_an_id_is_200_too(house):
    case = house.case()
    assert house.decide("ann", case, "approve").status_code == 200
    house.rest(case["id"], "active")
    assert house.decide("ann", case, "approve").status_code == 200
    refused(house.decide("rob", case, "approve"), 409, "not_waiting")
    refused(house.decide("ann", case, "reject"), 409, "not_waiting")
    assert made(house, case["id"]) == [("review", "approve")]


def test_a_review_of_another_case_is_not_found(house):
    one, other = house.case(), house.case()
    for wrong in (other["review"]["id"], "nonsense", "x" * 100):
        refused(house.decide("ann", one, "approve", review_id=wrong), 404, "case_not_found")
    assert made(house, one["id"]) == made(house, other["id"]) == []


BAD = [
    {}, [], "approve", 3, {"action": None}, {"action": "Approve"}, {"action": "goto"}, {"action": "retry"},
    {"action": "give_up"}, {"action": "approve", "goto": "welcome"}, {"action": "approve", "update": {"outcome": "x"}},
    {"action": "approve", "state": {}}, {"action": "approve", "resume": True}, {"action": "approve", "comment": 3},
    {"action": "approve", "comment": "x" * 5001}, {"action": "approve", "reason_codes": "X"},
    {"action": "approve", "reason_codes": ["x" * 10_000]}, {"action": "approve", "reason_codes": [""]},
    {"action": "reject", "reason_codes": ["born 1984 in Leeds"]},
    {"action": "approve", "corrections": []}, {"action": "reject", "corrections": {"legal_name": "X"}},
    {"action": "approve", "request": [{"path": "website", "text": "?"}]},
    {"action": "request_information", "request": [{"path": "", "text": "?"}]},
    {"action": "request_information", "request": [{"path": "website"}]},
    {"action": "approve", "review_id": 7}, {"action": "approve", "actor": "root"},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=lambda body: str(body)[:60])
def test_a_bad_body_is_422_and_the_review_still_waits(house, waiting, body):
    answer = house.ann.post(f"/v1/cases/{waiting['id']}/decision", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in ("invalid_request", "invalid_decision")
    assert answer.json()["errors"], "the field is named"
    assert house.get(waiting["id"])["review"] == waiting["review"]
    assert made(house, waiting["id"]) == []


RAW = [
    (b"{", 400, "malformed_input"), (b"", 422, "bad_input"), (b"\xff\xfe", 400, "malformed_input"),
    (b'{"action":"approve","action":"reject"}', 422, "bad_input"),
    (b'{"action":"approve","comment":"\\u0000"}', 422, "bad_input"),
    (b'{"action":"approve","comment":"\\ud800"}', 422, "bad_input"),
    (b'{"action":"approve","corrections":{"legal_name":"\\udfff"}}', 422, "bad_input"),
    (b'{"action":"approve","corrections":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, 400, "malformed_input"),
    (b"null", 422, "invalid_request"), (b'{"action":NaN}', 400, "malformed_input"),
]  # fmt: skip


@pytest.mark.parametrize("raw, status, code", RAW, ids=lambda value: str(value)[:40])
def test_a_body_that_cannot_be_read_decides_nothing(house, waiting, raw, status, code):
    path, headers = f"/v1/cases/{waiting['id']}/decision", {"Content-Type": "application/json"}
    refused(house.ann.post(path, content=raw, headers=headers), status, code)
    assert made(house, waiting["id"]) == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "*/*"])
def test_a_decision_must_say_that_it_is_json(house, waiting, kind):
    """A page of another origin can send these without being asked: attack 25."""
    path = f"/v1/cases/{waiting['id']}/decision"
    answer = house.ann.post(path, content=b'{"action":"approve"}', headers={"Content-Type": kind} if kind else {})
    refused(answer, 415, "unsupported_media_type")


@pytest.fixture(scope="module")
def waiting(house: Any) -> dict[str, Any]:
    found: dict[str, Any] = house.case()
    return found


# activation that fails


def test_only_a_person_says_what_comes_after_a_failed_activation(house):
    case = house.case(legal_name="Stubborn [svc2:fail] Ltd")
    house.decide("ann", case, "approve")
    failed = house.rest(case["id"], "in_review")
    assert (failed["review"]["stage"], failed["review"]["allowed_actions"]) == ("activation", ["retry", "give_up"])
    assert {row["service"]: row["status"] for row in failed["activations"]} == {"svc1": "cancelled", "svc2": "refused"}
    refused(house.decide("ann", case, "approve"), 422, "invalid_decision")
    refused(house.decide("ann", case, "approve", review_id=case["review"]["id"], comment="x"), 409, "already_decided")
    assert house.decide("ann", case, "give_up").status_code == 200
    assert house.rest(case["id"])["status"] == "activation_failed"
