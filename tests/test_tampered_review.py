"""A review is decided as it was shown or not at all: a changed row decides nothing, and the case is set aside."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from harness.answers import page, refused
from harness.browser import Browser
from harness.merchant_page import MerchantBrowser, link_in
from sqlalchemy import update

from checkpoints import reviews
from checkpoints.schema import reviews as rows

CODE = "review_tampered"


def change(house: Any, case_id: str, **changes: Any) -> str:
    """Somebody rewrites what the waiting review has shown, checksum and all; returns the review's id."""

    def work(tx: Any) -> str:
        row = reviews.waiting(tx, case_id)
        body = tx.codec.dump(reviews.shown(tx, row) | changes, f"review:{row.id}")
        tx.conn.execute(update(rows).where(rows.c.id == row.id).values(shown=body))
        return str(row.id)

    found: str = house.write(work)
    return found


def damage(house: Any, case_id: str) -> None:
    query = "UPDATE reviews SET shown = x'00' WHERE case_id = ? AND status = 'waiting'"
    house.write(lambda tx: tx.conn.exec_driver_sql(query, (case_id,)))


def aside(house: Any, case_id: str, review_id: str, decided: int = 0) -> None:
    """The case is set aside once, an operator has a letter, and nothing was decided or done."""
    made = house.rows("SELECT * FROM decisions WHERE case_id = ?", case_id)
    assert len(made) == decided
    assert house.rows("SELECT 1 FROM reviews WHERE id = ? AND status = 'waiting'", review_id)
    status, problem = house.rows("SELECT status, problem FROM cases WHERE id = ?", case_id)[0]
    assert (status, problem.split(":")[0]) == ("quarantined", CODE)
    told = [event["data"] for event in house.events(case_id) if event["data"].get("status") == "quarantined"]
    assert told == [{"status": "quarantined", "problem": problem}]
    for address in ("ann@reviewers.example", "sue@reviewers.example"):
        assert CODE in house.letter(case_id, address, "case_quarantined", _round(house, case_id)).as_string()
    assert len(house.rows("SELECT 1 FROM letters WHERE case_id = ? AND kind = 'case_quarantined'", case_id)) == 2
    assert house.sandbox(case_id)["effects"] == []


def _round(house: Any, case_id: str) -> int:
    return int(house.rows("SELECT work_asked FROM cases WHERE id = ?", case_id)[0]["work_asked"])


@pytest.mark.parametrize("action", ["approve", "reject", "request_information"])
def test_no_decision_is_taken_on_a_review_that_is_not_what_was_shown(house, action):
    case = house.case()
    changed = change(house, case["id"], summary="All is well.")
    body = refused(house.decide("ann", case, action), 409, CODE)
    assert "set aside" in body["detail"]
    assert (body["case_id"], body["review_id"]) == (case["id"], changed)
    aside(house, case["id"], changed)
    refused(house.decide("sue", case, action), 409, CODE)
    aside(house, case["id"], changed)


def test_bytes_that_do_not_open_are_no_different(house):
    case = house.case()
    damage(house, case["id"])
    refused(house.decide("ann", case, "approve"), 409, CODE)
    aside(house, case["id"], case["review"]["id"])


def test_a_correction_is_no_way_around(house):
    case = house.case()
    changed = change(house, case["id"], summary="All is well.")
    answer = house.decide("ann", case, "approve", corrections={"website": "https://x.example.com"})
    refused(answer, 409, CODE)
    aside(house, case["id"], changed)
    assert house.rows("SELECT version FROM cases WHERE id = ?", case["id"])[0]["version"] == 1


def test_many_who_decide_at_once_set_it_aside_once(house):
    case = house.case()
    changed = change(house, case["id"], summary="All is well.")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: house.decide("ann", case, "approve"), range(8)))
    assert {answer.status_code for answer in answers} == {409}
    aside(house, case["id"], changed)


def test_a_second_approval_is_held_to_the_same(house):
    body = house.application()
    house.case(body)
    case = house.case(body)
    assert house.decide("ann", case, "approve").status_code == 200
    waiting = house.rest(case["id"])
    assert waiting["review"]["stage"] == "second_review"
    changed = change(house, case["id"], summary="All is well.")
    refused(house.decide("sue", waiting, "approve"), 409, CODE)
    aside(house, case["id"], changed, decided=1)


def test_what_the_first_approved_is_not_shown_to_a_second_once_it_was_changed(open_product_house):
    """Changed after the first approval and before the second review is opened: the runner finds it."""
    with open_product_house(reviewers="ann@reviewers.example") as own:
        body = own.application()
        own.case(body)
        case = own.case(body)

        def both(tx: Any) -> None:
            row = reviews.waiting(tx, case["id"])
            reviews.decide(tx, row, "approve", actor="ann", channel="api", body={"action": "approve"})
            changed = tx.codec.dump(reviews.shown(tx, row) | {"summary": "All is well."}, f"review:{row.id}")
            tx.conn.execute(update(rows).where(rows.c.id == row.id).values(shown=changed))

        own.write(both)
        found = own.rest(case["id"], "quarantined")
        assert found["problem"].startswith(CODE)
        assert found["review"] is None


def test_the_link_of_a_letter_decides_nothing_on_it(house):
    case = house.case()
    links = house.links(case["id"], "ann@reviewers.example")
    changed = change(house, case["id"], summary="All is well.")
    text = page(house.nobody.post(links["approve"], data={"comment": "Looks good"}), 409)
    assert CODE in text
    assert "Looks good" in text, "nothing typed is lost"
    aside(house, case["id"], changed)


def test_the_console_says_so_and_gives_back_what_was_typed(house):
    browser = Browser(house).sign_in("ann")
    case = house.case()
    at = f"/console/cases/{case['id']}"
    form = browser.form(at)
    changed = change(house, case["id"], summary="All is well.")
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve", "comment": "Looks good"}
    answer = browser.post(f"{at}/decision", sent)
    assert answer.status_code == 409
    assert "set aside for an operator. Nothing was decided." in answer.text
    assert "Looks good" in answer.text
    aside(house, case["id"], changed)


def test_an_answer_to_questions_that_were_changed_is_not_taken(house):
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    changed = change(house, case["id"], request=[{"path": "bank.iban", "why": "Your account?", "cure": ""}])
    body = {"answers": {"website": "https://x.example.com"}}
    refused(house.backend.post(f"/v1/cases/{case['id']}/information", json=body), 409, CODE)
    aside(house, case["id"], changed, decided=1)
    assert house.rows("SELECT version FROM cases WHERE id = ?", case["id"])[0]["version"] == 1


def test_a_merchant_reads_nothing_of_it_and_keeps_what_was_typed(house):
    merchant = MerchantBrowser(house)
    case = house.case()
    house.decide("ann", case, "request_information")
    house.rest(case["id"], "awaiting_information")
    path = link_in(house.letter(case["id"], kind="information_request"))
    form = merchant.open(path)
    changed = change(house, case["id"], due="never")
    answer = merchant.send(f"{path}/answer", form, {"answer_0": "https://shop.example.com"})
    assert answer.status_code == 409
    assert "https://shop.example.com" in answer.text
    for secret in (CODE, "operator", "quarantine", "set aside"):
        assert secret not in answer.text
    aside(house, case["id"], changed, decided=1)


def test_the_clock_ends_no_wait_that_was_changed(open_product_house):
    with open_product_house(reviewers="ann@reviewers.example, sue@reviewers.example", sweep_seconds=0.1) as own:
        case = own.case()
        own.decide("ann", case, "request_information")
        own.rest(case["id"], "awaiting_information")
        changed = change(own, case["id"], request=[])
        own.clock.by += timedelta(days=60)
        own.rest(case["id"], "quarantined")
        aside(own, case["id"], changed, decided=1)


def test_a_failed_activation_is_judged_as_it_was_shown(house):
    case = house.case(trading_name="Shop [svc1:fail]")
    house.decide("ann", case, "approve")
    waiting = house.rest(case["id"])
    assert waiting["review"]["stage"] == "activation"
    changed = change(house, case["id"], effects=[])
    refused(house.decide("sue", waiting, "retry"), 409, CODE)
    made = house.rows("SELECT action FROM decisions WHERE review_id = ?", changed)
    assert made == []
    assert house.rest(case["id"], "quarantined")["problem"].startswith(CODE)


def test_withdrawing_judges_nothing_of_what_was_shown(house):
    case = house.case()
    change(house, case["id"], summary="All is well.")
    assert house.backend.post(f"/v1/cases/{case['id']}/withdraw").status_code == 200
    assert house.rest(case["id"], "withdrawn")["problem"] is None


def test_put_back_by_an_operator_and_released_it_is_decided(house):
    case = house.case()
    kept = house.rows("SELECT shown FROM reviews WHERE id = ?", case["review"]["id"])[0]["shown"]
    changed = change(house, case["id"], summary="All is well.")
    refused(house.decide("ann", case, "approve"), 409, CODE)
    query = "UPDATE reviews SET shown = ? WHERE id = ?"
    house.write(lambda tx: tx.conn.exec_driver_sql(query, (kept, changed)))
    assert house.root.post(f"/v1/cases/{case['id']}/release").status_code == 200
    assert house.decide("ann", case, "approve").status_code == 200
    assert house.rest(case["id"], "active")["activations"]
