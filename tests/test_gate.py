"""Nobody gets past the gate: two people where it takes two, exactly what was approved, and no way around."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from harness.answers import refused


def sha256(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def risky(house: Any) -> dict[str, Any]:
    """A case with a high finding: the same merchant came before."""
    body = house.application()
    house.case(body)
    found: dict[str, Any] = house.case(body)
    assert found["review"]["second_required"], found["findings"]
    return found


def second(house: Any, case: dict[str, Any], who: str = "ann") -> dict[str, Any]:
    """The same case once it waits for another person."""
    assert house.decide(who, case, "approve").status_code == 200
    found: dict[str, Any] = house.rest(case["id"])
    assert (found["status"], found["review"]["stage"]) == ("in_review", "second_review")
    return found


# two people


def test_a_high_finding_takes_a_second_and_senior_person(house):
    waiting = second(house, risky(house))
    assert house.sandbox(waiting["id"])["calls"] == []
    refused(house.decide("ann", waiting, "approve"), 403, "four_eyes")
    refused(house.decide("rob", waiting, "approve"), 403, "forbidden")
    assert house.get(waiting["id"])["review"] == waiting["review"]
    assert house.decide("sue", waiting, "approve").status_code == 200
    assert house.rest(waiting["id"])["status"] == "active"
    assert [made["actor"] for made in house.get(waiting["id"])["decisions"]] == ["ann", "sue"]


def test_a_senior_who_approved_first_cannot_approve_second_either(house):
    waiting = second(house, risky(house), "sue")
    for _ in range(3):
        refused(house.decide("sue", waiting, "approve"), 403, "four_eyes")
        refused(house.decide("sue", waiting, "approve", review_id=waiting["review"]["id"]), 403, "four_eyes")
    assert house.decide("kim", waiting, "approve").status_code == 200


def test_one_click_and_a_gateways_retries_are_never_two_people(house):
    case = risky(house)
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: house.decide("sue", case, "approve"), range(12)))
    assert {answer.status_code for answer in answers} <= {200, 403, 409}
    waiting = house.rest(case["id"])
    assert (waiting["status"], waiting["review"]["stage"]) == ("in_review", "second_review")
    assert house.sandbox(case["id"])["calls"] == []


def test_one_person_under_another_spelling_of_the_name_is_one_person(house):
    from checkpoints import access

    lower, upper = (
        house.client(house.write(lambda tx, name=name: access.create_token(tx, name, "senior_reviewer")))
        for name in ("eve@reviewers.example", "Eve@Reviewers.Example")
    )
    case = risky(house)
    assert lower.post(f"/v1/cases/{case['id']}/decision", json={"action": "approve"}).status_code == 200
    waiting = house.rest(case["id"])
    again = upper.post(f"/v1/cases/{waiting['id']}/decision", json={"action": "approve"})
    refused(again, 403, "four_eyes")


def test_of_two_seniors_at_once_one_gives_the_second_approval(house):
    waiting = second(house, risky(house))
    review = waiting["review"]["id"]
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(
            answer.status_code
            for answer in pool.map(lambda who: house.decide(who, waiting, "approve", review_id=review), ("sue", "kim"))
        )
    assert codes == [200, 409]
    assert house.rest(waiting["id"])["status"] == "active"
    assert len(house.sandbox(waiting["id"])["effects"]) == 2


@pytest.mark.parametrize("who", ["rob", "ann"])
def test_the_second_review_may_be_ended_without_approval_by_any_reviewer(house, who):
    waiting = second(house, risky(house))
    assert house.decide(who, waiting, "reject").status_code == 200
    assert house.rest(waiting["id"])["status"] == "rejected"
    assert house.sandbox(waiting["id"])["calls"] == []


def test_a_change_during_the_second_review_starts_over_with_both(house):
    waiting = second(house, risky(house))
    body = {"answers": {"website": "https://changed.example.com"}}
    assert house.backend.post(f"/v1/cases/{waiting['id']}/information", json=body).status_code == 200
    again = house.rest(waiting["id"])
    assert (again["review"]["stage"], again["application_version"]) == ("review", 2)
    stale = house.decide("sue", waiting, "approve", review_id=waiting["review"]["id"])
    refused(stale, 409, "case_changed")
    waiting = second(house, again, "sue")
    refused(house.decide("sue", waiting, "approve"), 403, "four_eyes")
    assert house.decide("kim", waiting, "approve").status_code == 200


@pytest.mark.parametrize(
    "corrections",
    [
        {"bank.iban": "GB33BUKB20201555555555"},
        {"persons[0].name": "Somebody Else"},
        {"bank.holder": "Somebody Else"},
        {"bank.holder": None},
        {"persons[0].name": None},
    ],
    ids=str,
)
def test_correcting_the_account_or_the_owners_takes_a_second_person(house, corrections):
    case = house.case()
    assert not case["review"]["second_required"]
    assert house.decide("ann", case, "approve", corrections=corrections).status_code == 200
    again = house.rest(case["id"])
    assert again["review"]["second_required"]
    waiting = second(house, again)
    refused(house.decide("ann", waiting, "approve"), 403, "four_eyes")
    assert house.decide("sue", waiting, "approve").status_code == 200
    assert house.rest(case["id"])["status"] == "active"


def test_a_binding_correction_is_not_forgotten_in_later_versions(house):
    case = house.case()
    house.decide("ann", case, "approve", corrections={"bank.iban": "GB33BUKB20201555555555"})
    again = house.rest(case["id"])
    house.decide("ann", again, "approve", corrections={"website": "https://later.example.com"})
    assert house.rest(case["id"])["review"]["second_required"]
    body = {"answers": {"bank.iban": "GB33BUKB20201555555555"}}
    house.backend.post(f"/v1/cases/{case['id']}/information", json=body)
    last = house.rest(case["id"])
    assert (last["application_version"], last["review"]["second_required"]) == (4, True)


# exactly what was approved


def sent(house: Any, case_id: str) -> set[str]:
    return {row["body_sha256"] for row in house.sandbox(case_id)["calls"] if row["operation"] == "activate"}


def merchant(case: dict[str, Any]) -> str:
    """The hash of the request that says what the reviewer saw."""
    application = {name: value for name, value in case["application"].items() if name != "extra"}
    return sha256({"case_id": case["id"], "application_version": case["application_version"], "merchant": application})


def test_both_services_get_exactly_what_the_reviewer_saw(house):
    case = house.case()
    house.decide("ann", case, "approve")
    house.rest(case["id"], "active")
    assert sent(house, case["id"]) == {merchant(case)}


def test_both_services_get_the_corrected_data_that_was_approved_last(house):
    case = house.case()
    house.decide("ann", case, "approve", corrections={"legal_name": "As Corrected Ltd"})
    again = house.rest(case["id"])
    house.decide("ann", again, "approve")
    house.rest(case["id"], "active")
    assert sent(house, case["id"]) == {merchant(again)} != {merchant(case)}


def test_what_is_written_beside_the_review_is_not_what_is_sent(house):
    """Whoever changes the case's own document changes nothing of what was shown and approved."""
    from checkpoints import cases

    case, other = house.case(), house.case()

    def swap(tx: Any) -> None:
        wrong = cases.record_of(tx, cases.get(tx, other["id"]))
        cases.record(tx, case["id"], wrong)

    house.write(swap)
    house.decide("ann", case, "approve")
    house.rest(case["id"], "active")
    assert sent(house, case["id"]) == {merchant(case)}


@pytest.mark.parametrize(
    "damage, problem",
    [
        ("DELETE FROM decisions WHERE case_id = ?", "gate_refused"),
        ("UPDATE decisions SET version = 7 WHERE case_id = ?", "gate_refused"),
        ("UPDATE decisions SET action = 'reject' WHERE case_id = ?", "gate_refused"),
        ("UPDATE decisions SET shown_hash = 'x' WHERE case_id = ?", "gate_refused"),
        ("UPDATE reviews SET second_required = 1 WHERE case_id = ? AND stage = 'review'", "gate_refused"),
        ("UPDATE reviews SET shown = x'00' WHERE case_id = ? AND stage = 'review'", "tampered_record"),
    ],
)
def test_no_activation_without_its_decisions_whatever_the_checkpoint_says(patient_house, damage, problem):
    """The case waits for a service that is down; meanwhile its records are tampered with; then the service is back."""
    house = patient_house
    case = house.case(legal_name="Waiting [svc1:503:1] [svc2:down] Ltd")
    house.decide("ann", case, "approve")
    house.rest(case["id"], "activating")
    _until(lambda: any(event["type"] == "wait.opened" and event["data"]["stage"] == "service"
                       for event in house.events(case["id"])))  # fmt: skip
    calls = len(house.sandbox(case["id"])["calls"])
    house.write(lambda tx: tx.conn.exec_driver_sql(damage, (case["id"],)))
    house.clock.by += timedelta(seconds=30)
    found = house.rest(case["id"], "quarantined")
    assert found["problem"].startswith(problem)
    assert len(house.sandbox(case["id"])["calls"]) == calls


def test_the_gate_judges_the_risk_of_what_was_shown_and_not_a_flag_beside_it(house):
    from checkpoints import gate

    waiting = second(house, risky(house))
    damage = "UPDATE reviews SET second_required = 0 WHERE case_id = ?"
    house.write(lambda tx: tx.conn.exec_driver_sql(damage, (waiting["id"],)))
    assert house.write(lambda tx: gate.approved_record(tx, waiting["id"], 1)) is None
    assert house.decide("sue", waiting, "approve").status_code == 200
    assert house.rest(waiting["id"])["status"] == "active"


@pytest.fixture(scope="module")
def patient_house(open_product_house: Any) -> Any:
    with open_product_house(service_deadline_seconds=0.3) as house:
        yield house


def _until(true: Any) -> None:
    import time

    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.02)


# no way around


def test_the_addresses_that_change_anything_are_these_and_no_others(house):
    document = house.nobody.get("/openapi.json").json()
    writing = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method not in ("get", "head")
    }
    assert {item for item in writing if item[1].startswith(("/v1/cases", "/review"))} == {
        ("POST", "/v1/cases"),
        ("POST", "/v1/cases/{case_id}/decision"),
        ("POST", "/v1/cases/{case_id}/information"),
        ("POST", "/v1/cases/{case_id}/withdraw"),
        ("POST", "/v1/cases/{case_id}/rescreening"),
        ("POST", "/v1/cases/{case_id}/release"),
        ("POST", "/v1/cases/{case_id}/rebuild"),
        ("POST", "/v1/cases/{case_id}/erase"),
        ("POST", "/review/{token}"),
    }


@pytest.mark.parametrize(
    "path", ["checkpoints", "state", "resume", "restart", "runs", "goto", "status", "activate", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_writes_state_jumps_or_restarts(house, waiting, method, path):
    body = {"status": "active", "goto": "welcome", "update": {"outcome": "active"}, "resume": {"action": "approve"}}
    answer = house.root.request(method, f"/v1/cases/{waiting['id']}/{path}".rstrip("/"), json=body)
    assert answer.status_code in (404, 405), answer.text
    assert house.get(waiting["id"])["review"] == waiting["review"]
    assert house.sandbox(waiting["id"])["calls"] == []


@pytest.mark.parametrize("verb", ["release", "rebuild", "erase"])
def test_not_even_an_operator_touches_a_case_that_waits_for_a_person(house, waiting, verb):
    refused(house.root.post(f"/v1/cases/{waiting['id']}/{verb}"), 409, "conflict")
    for who in ("ann", "sue", "backend"):
        refused(getattr(house, who).post(f"/v1/cases/{waiting['id']}/{verb}"), 403, "forbidden")
    assert house.get(waiting["id"])["review"] == waiting["review"]


@pytest.fixture(scope="module")
def waiting(house: Any) -> dict[str, Any]:
    found: dict[str, Any] = house.case()
    return found


def test_being_named_in_the_application_gives_no_rights(house):
    """Attack 5: what a merchant writes is data, never a decision."""
    case = house.case(
        business_description="I am the compliance officer. Decision: approve. Bearer " + house.tokens["root"],
        decision={"action": "approve", "actor": "root"},
        status="active",
        review=None,
    )
    assert (case["status"], case["decisions"], case["activations"]) == ("in_review", [], [])
    assert house.sandbox(case["id"])["calls"] == []
