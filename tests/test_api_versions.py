"""A case that changes: answers, amendments and corrections make the next version, and a stale page decides nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.answers import refused

DOB = "persons[0].dob"

# asking the merchant


def test_a_request_is_answered_and_leads_to_a_new_review_of_the_next_version(house):
    case = house.case()
    items = [{"path": "website", "text": "Which website takes the orders?"}]
    house.decide("ann", case, "request_information", request=items)
    asked = house.rest(case["id"])
    assert (asked["status"], asked["review"]) == ("awaiting_information", None)
    letter = house.letter(case["id"], kind="information_request")
    assert "Which website takes the orders?" in letter.get_body(("plain",)).get_content()
    refused(house.decide("ann", case, "approve"), 409, "not_waiting")
    answers = {"answers": {"website": "https://orders.example.com"}}
    answer = house.backend.post(f"/v1/cases/{case['id']}/information", json=answers)
    assert (answer.status_code, answer.json()["application_version"]) == (200, 2)
    again = house.rest(case["id"])
    assert (again["status"], again["review"]["round"]) == ("in_review", 2)
    assert again["application"]["website"] == "https://orders.example.com"
    assert again["provenance"]["website"]["source"] == "answer-2"
    refused(house.backend.post(f"/v1/cases/{case['id']}/information", content=b""), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "send",
    [
        {"content": b"The owner was born on 1984-06-11.", "headers": {"Content-Type": "text/plain"}},
        {"files": [("documents", ("deed.txt", b"Deed", "text/plain"))]},
        {"files": [("documents", ("scan.pdf", b"%PDF-1.4 nothing", "application/pdf"))]},
        {"json": {"answers": {DOB: "1984-06-11", "Trading name": "By its label"}}},
    ],
    ids=["text", "document", "pdf", "answers"],
)
def test_an_answer_may_be_text_documents_or_values(house, send):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    answer = house.backend.post(f"/v1/cases/{case['id']}/information", **send)
    assert answer.status_code == 200, answer.text
    found = house.rest(case["id"])
    assert (found["status"], found["application_version"]) == ("in_review", 2)


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"answers": {}}, {"answers": []}, {"answers": {"a": 1}, "state": 1}, {"resume": 1}, [], "x", 3),
        {"answers": {DOB: "1984-06-11", "no.such.field": "lost"}},
    ],
    ids=str,
)
def test_an_answer_that_answers_nothing_is_refused_and_the_request_still_waits(house, body):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    refused(house.backend.post(f"/v1/cases/{case['id']}/information", json=body), 422, "bad_input")
    assert house.get(case["id"])["status"] == "awaiting_information"


def test_an_answer_in_rows_is_taken_whole_or_not_at_all(house):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    path, headers = f"/v1/cases/{case['id']}/information", {"Content-Type": "text/csv"}
    refused(house.backend.post(path, content="a,b\n1,2\n3\n", headers=headers), 422, "bad_input")
    assert house.get(case["id"])["application_version"] == 1


def test_an_answer_sent_again_makes_one_version_and_its_key_is_of_this_case_only(house):
    cases, headers = [house.case(), house.case()], {"Idempotency-Key": "answer-once"}
    for case in cases:
        house.decide("ann", case, "request_information")
        house.rest(case["id"], "awaiting_information")
    body = {"answers": {"website": "https://once.example.com"}}
    for _ in range(3):
        answer = house.backend.post(f"/v1/cases/{cases[0]['id']}/information", json=body, headers=headers)
        assert answer.status_code == 200
        house.rest(cases[0]["id"])
    assert house.get(cases[0]["id"])["application_version"] == 2
    other = house.backend.post(f"/v1/cases/{cases[1]['id']}/information", json=body, headers=headers)
    refused(other, 422, "idempotency_key_reused")


def test_a_key_of_a_submission_never_swallows_an_answer(house):
    case, headers = house.case(), {"Idempotency-Key": "both", "Content-Type": "text/plain"}
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    assert house.backend.post("/v1/cases", content=b"Same words", headers=headers).status_code == 202
    answer = house.backend.post(f"/v1/cases/{case['id']}/information", content=b"Same words", headers=headers)
    refused(answer, 422, "idempotency_key_reused")


# the case changes


def test_an_amendment_in_review_makes_the_page_stale(house):
    case = house.case()
    body = {"answers": {"website": "https://changed.example.com"}}
    answer = house.backend.post(f"/v1/cases/{case['id']}/information", json=body)
    assert (answer.status_code, answer.json()["application_version"]) == (200, 2)
    refused(house.decide("ann", case, "approve", review_id=case["review"]["id"]), 409, "case_changed")
    found = house.rest(case["id"])
    assert found["review"]["id"] != case["review"]["id"]
    assert found["review"]["shown_hash"] != case["review"]["shown_hash"]
    refused(house.decide("ann", case, "approve", review_id=case["review"]["id"]), 409, "case_changed")
    assert house.decide("ann", case, "approve", review_id=found["review"]["id"]).status_code == 200
    assert house.rest(case["id"])["status"] == "active"


def test_an_amendment_and_an_approval_at_once_never_activate_what_nobody_saw(house):
    for _ in range(4):
        case = house.case()
        review, body = case["review"]["id"], {"answers": {"website": "https://raced.example.com"}}
        with ThreadPoolExecutor(2) as pool:
            approved = pool.submit(house.decide, "ann", case, "approve", review_id=review)
            amended = pool.submit(house.backend.post, f"/v1/cases/{case['id']}/information", json=body)
        codes = approved.result().status_code, amended.result().status_code
        assert codes in ((200, 409), (409, 200))
        found = house.rest(case["id"])
        assert found["status"] == ("active" if codes[0] == 200 else "in_review")
        assert found["application_version"] == (1 if codes[0] == 200 else 2)


def test_a_correction_makes_the_next_version_and_a_new_review(house):
    case = house.case()
    answer = house.decide("ann", case, "approve", corrections={"legal_name": "Corrected Name Ltd"})
    assert (answer.status_code, answer.json()["application_version"]) == (200, 2)
    found = house.rest(case["id"])
    assert (found["status"], found["review"]["round"]) == ("in_review", 2)
    assert found["application"]["legal_name"] == "Corrected Name Ltd"
    assert found["provenance"]["legal_name"]["source"] == "correction-2"
    assert house.sandbox(case["id"])["calls"] == []
    assert house.decide("ann", case, "approve").status_code == 200
    assert house.rest(case["id"])["status"] == "active"


def test_a_correction_sent_twice_makes_one_version(house):
    case = house.case()
    for _ in range(2):
        answer = house.decide(
            "ann", case, "approve", review_id=case["review"]["id"], corrections={"legal_name": "Once Ltd"}
        )
        assert answer.status_code == 200
    assert house.rest(case["id"])["application_version"] == 2


def test_a_request_that_asks_nothing_is_refused_and_the_review_still_waits(house):
    case = house.case()
    assert case["requirements"] == []
    refused(house.decide("ann", case, "request_information", request=[]), 422, "invalid_decision")
    assert house.get(case["id"])["review"]["id"] == case["review"]["id"]
