"""What is given up in time: checkpoints of closed cases; and on request a merchant's data, never who decided what."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.browser import Browser

from checkpoints import audit, retention, reviews
from checkpoints.documents import digest
from graph.archive import case_file
from graph.difference import difference
from graph.replay import Player
from onboarding.errors import RecordingMissing
from onboarding.policy import Policy
from onboarding.screening import Watchlist
from onboarding.settings import Settings

WORDS = "Jane asked for it"


@pytest.fixture(scope="module")
def house(open_product_house):
    with open_product_house(reviewers="ann@reviewers.example") as found:
        yield found


def closed(house, *body, comment: str = "no") -> dict[str, Any]:
    case = house.case(*body)
    assert house.decide("ann", case, "reject", reason_codes=["OUT_OF_SCOPE"], comment=comment).status_code == 200
    return house.rest(case["id"], "rejected")


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def replayed(house, case_id: str):
    file = case_file(Settings(data_dir=house.data_dir), case_id)
    return difference(file, asyncio.run(Player(Settings(), Policy.default(), Watchlist.empty()).play(file)))


def checkpoints(house, case_id: str) -> int:
    return len(house.backend.get(f"/v1/cases/{case_id}/checkpoints").json()["items"])


def test_closed_cases_keep_their_last_checkpoint_only_once_the_time_has_come_and_still_replay(house):
    case, waiting = closed(house), house.case()
    wait_for(lambda: house.rows("SELECT count(*) FROM cases WHERE work_asked > work_done")[0][0] == 0)
    before = {one: checkpoints(house, one) for one in (case["id"], waiting["id"])}
    assert before[case["id"]] > 5
    house.clock.by += timedelta(days=89)
    time.sleep(0.5)
    assert checkpoints(house, case["id"]) == before[case["id"]]
    house.clock.by += timedelta(days=2)
    wait_for(lambda: checkpoints(house, case["id"]) == 1)
    wait_for(lambda: house.events(case["id"])[-1]["type"] == "case.pruned")
    assert checkpoints(house, waiting["id"]) == before[waiting["id"]]
    found = replayed(house, case["id"])
    assert found.findings["same_bytes"]
    assert found.status == {"recorded": "rejected", "replayed": "rejected"}
    assert house.get(case["id"])["status"] == "rejected"


def test_an_open_case_cannot_be_erased_and_only_an_administrator_erases(house):
    case = house.case()
    assert house.root.post(f"/v1/cases/{case['id']}/erase").json()["code"] == "conflict"
    assert house.ann.post(f"/v1/cases/{case['id']}/erase").status_code == 403
    assert house.root.post("/v1/cases/nothing/erase").status_code == 404


def test_an_erased_case_holds_nothing_of_anybody_and_its_decision_still_verifies(house):
    body = house.application()
    body["contact"]["name"] = "Hildegard Quxley"
    case = closed(house, body, comment=WORDS)
    values = personal(case)
    wait_for(
        lambda: all(row["status"] == "kept" for row in letters(house, case["id"])) and letters(house, case["id"]) != []
    )
    assert all(any(value in raw for raw in files(house.data_dir)) for value in ("Hildegard", WORDS))
    answer = house.root.post(f"/v1/cases/{case['id']}/erase")
    assert answer.status_code == 200, answer.text
    assert answer.json()["erased_at"]
    assert house.root.post(f"/v1/cases/{case['id']}/erase").json()["erased_at"] == answer.json()["erased_at"]
    for raw in files(house.data_dir):
        assert [value for value in values if value in raw] == []
    after = house.get(case["id"])
    assert after["application"]["legal_name"] is None
    assert (after["status"], after["decisions"][0]["action"], after["decisions"][0]["actor"]) == (
        "rejected",
        "reject",
        "ann",
    )
    assert after["decisions"][0]["reason_codes"] == ["OUT_OF_SCOPE"]
    assert after["decisions"][0]["comment"] is None

    def verified(tx: Any) -> list[Any]:
        decision = reviews.decisions_of(tx, case["id"])[0]
        told = next(event for event in audit.trail(tx, case["id"]) if event["type"] == "decision.recorded")
        shown = next(event for event in audit.trail(tx, case["id"]) if event["type"] == "wait.opened")
        hashes = {decision.shown_hash, told["data"]["shown_hash"], shown["data"]["shown_hash"]}
        return [len(hashes), list(audit.broken_links(tx)), list(retention.rewritten(tx))]

    assert house.write(verified) == [1, [], []]
    assert house.events(case["id"])[-1]["type"] == "case.erased"
    with pytest.raises(RecordingMissing, match="erased"):
        replayed(house, case["id"])
    assert house.backend.get("/v1/cases", params={"q": "Quxley"}).json()["items"] == []
    assert checkpoints(house, case["id"]) == 0
    assert "Hildegard" not in page(house, case["id"])


def test_an_erased_case_no_longer_counts_as_an_earlier_one(house):
    body = house.application()
    first = closed(house, body)
    assert house.root.post(f"/v1/cases/{first['id']}/erase").status_code == 200
    again = house.case(body)
    assert "DUPLICATE_MERCHANT_SUSPECTED" not in [item["code"] for item in again["findings"]]


def page(house, case_id: str) -> str:
    """The console's page of the case."""
    answer = Browser(house).sign_in("ann").get(f"/console/cases/{case_id}")
    assert answer.status_code == 200
    return answer.text


def letters(house, case_id: str) -> list[Any]:
    return house.rows("SELECT status FROM letters WHERE case_id = ? ORDER BY created_at", case_id)


def files(data_dir: Path) -> list[str]:
    """Everything on disk, the sandbox's own memory aside, letters decoded as far as they are plain."""
    found = [path for path in data_dir.rglob("*") if path.is_file() and "sandbox" not in path.name]
    return [path.read_bytes().decode("utf-8", "replace") for path in found]


def personal(case: dict[str, Any]) -> list[str]:
    app = case["application"]
    person = app["persons"][0]
    values = [
        app["legal_name"],
        app["bank"]["iban"],
        app["contact"]["email"],
        app["contact"]["name"],
        "Jane asked for it",
    ]
    return [*values, app["contact"]["phone"], app["address"]["postal_code"], person["name"], person["dob"]]


def test_what_was_shown_cannot_be_replaced_by_erasing(house):
    """The hash that the decision is bound to is not the tombstone's."""
    case = closed(house)
    house.root.post(f"/v1/cases/{case['id']}/erase")

    def hashes(tx: Any) -> bool:
        decision = reviews.decisions_of(tx, case["id"])[0]
        review = reviews.find(tx, decision.review_id)
        return digest(reviews.shown(tx, review)) == review.shown_hash

    assert house.write(hashes) is False
