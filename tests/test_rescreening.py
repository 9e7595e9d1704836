"""The list changed: active merchants are screened again, once a version; a hit is told and moves nothing."""

import json
import time
from pathlib import Path

import pytest
from harness.house import application

from onboarding.screening import Watchlist

OTHER = {"id": "x-1", "schema": "Person", "caption": "Nobody Anywhere", "properties": {"name": ["Nobody Anywhere"]}}


def entry(number: int, name: str) -> dict:
    about = {"name": [name], "topics": ["sanction"]}
    return {"id": f"w-{number}", "schema": "Person", "caption": name, "properties": about}


def write(path: Path, *entries: dict) -> str:
    path.write_text("".join(json.dumps(one) + "\n" for one in (OTHER, *entries)))
    return Watchlist.load(path).version


@pytest.fixture
def house(open_product_house, tmp_path):
    write(tmp_path / "list.jsonl")
    with open_product_house(reviewers="ann@reviewers.example", watchlist=tmp_path / "list.jsonl") as found:
        yield found


def active(house, number: int) -> dict:
    case = house.case(application(number))
    house.decide("ann", case, "approve")
    return house.rest(case["id"], "active")


def told(house, case_id: str) -> list[dict]:
    return [event["data"] for event in house.events(case_id) if event["type"] == "screening.new_hits"]


def screened(house, version: str) -> bool:
    return bool(house.rows("SELECT 1 FROM rescreens WHERE list_version = ?", version))


def wait(look) -> None:
    ends = time.monotonic() + 20
    while not look():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_merchant_on_a_newer_list_is_told_once_and_stays_active(house, tmp_path):
    case = active(house, 70_001)
    name = case["application"]["persons"][0]["name"]
    assert (case["problem"], told(house, case["id"])) == (None, [])

    version = write(tmp_path / "list.jsonl", entry(1, name))
    wait(lambda: screened(house, version))
    after = house.get(case["id"])
    assert after["status"] == "active", "never moved by itself"
    assert "1 new screening hit" in after["problem"]
    (event,) = told(house, case["id"])
    assert (event["list"], event["hits"][0]["entry"]) == (version, "w-1")
    assert name not in json.dumps(event), "whose name it is stands in the case only"
    house.letter(case["id"], to="ann@reviewers.example", kind="new_screening_hit")

    path = f"/v1/cases/{case['id']}/rescreening"
    assert house.backend.post(path).status_code == 403
    looked = house.ann.post(path)
    assert (looked.status_code, looked.json()["problem"]) == (200, None)
    assert house.ann.post(path).status_code == 409, "there is no mark any more"
    event = house.events(case["id"])[-1]
    assert (event["type"], event["actor"], event["data"]["hits"]) == ("screening.looked_at", "ann", 1)

    again = write(tmp_path / "list.jsonl", entry(1, name), entry(2, "Somebody Else"))
    wait(lambda: screened(house, again))
    assert len(told(house, case["id"])) == 1, "the same hit on the next list is not told again"
    assert house.get(case["id"])["problem"] is None, "nor is the case marked again"


def test_who_was_known_to_be_on_the_list_at_the_decision_does_not_come_up(open_product_house, tmp_path):
    name = application(70_002)["persons"][0]["name"]
    write(tmp_path / "list.jsonl", entry(1, name))
    with open_product_house(reviewers="ann@reviewers.example", watchlist=tmp_path / "list.jsonl") as house:
        case = house.case(application(70_002))
        assert case["review"] is not None
        house.decide("ann", case, "approve")
        case = house.rest(case["id"], "active", "in_review")
        if case["status"] == "in_review":
            house.decide("sue", case, "approve")
            case = house.rest(case["id"], "active")
        version = write(tmp_path / "list.jsonl", entry(1, name), entry(2, "Somebody Else"))
        wait(lambda: screened(house, version))
        assert told(house, case["id"]) == []
        assert house.get(case["id"])["problem"] is None
