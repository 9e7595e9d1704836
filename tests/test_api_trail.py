"""The story of a case: its audit trail at once and as a live stream, and its checkpoints."""

import json
import threading
import time
from typing import Any

import httpx
import pytest

STREAM = {"Accept": "text/event-stream"}


def follow(client: httpx.Client, case_id: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Every event of the stream until it ends."""
    found = []
    with client.stream("GET", f"/v1/cases/{case_id}/events", headers=STREAM | (headers or {})) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
    return found


def test_the_trail_tells_the_whole_story_in_order(house):
    case = house.case()
    house.decide("ann", case, "approve", reason_codes=["NEW_BUSINESS"])
    house.rest(case["id"], "active")
    items = house.events(case["id"])
    assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
    assert len({item["hash"] for item in items}) == len(items)
    types = [item["type"] for item in items]
    story = ["case.submitted", "wait.opened", "decision.recorded", "activation.intended", "activation.active"]
    places = [types.index(name) for name in story]
    assert places == sorted(places)
    decided = items[types.index("decision.recorded")]
    assert (decided["actor"], decided["data"]["action"]) == ("ann", "approve")
    assert decided["data"]["shown_hash"] == case["review"]["shown_hash"]
    steps = [item["data"]["step"] for item in items if item["type"] == "step.ended"]
    assert steps[:4] == ["preprocess", "validate", "postprocess", "present"]
    assert {item["data"]["attempt"] for item in items if item["type"] == "step.ended"} == {1}


def test_the_trail_names_no_person_and_no_account(house):
    case = house.case()
    house.decide("ann", case, "approve", comment="Spoke to Ms Averell")
    house.rest(case["id"], "active")
    text = json.dumps(house.events(case["id"]))
    person, application = case["application"]["persons"][0], case["application"]
    for secret in (
        person["name"],
        person["dob"],
        application["bank"]["iban"],
        application["contact"]["email"],
        "Averell",
    ):
        assert secret not in text


def test_the_stream_follows_live_and_ends_when_the_case_closes(house):
    case = house.case()
    heard: list[dict[str, Any]] = []
    listener = threading.Thread(target=lambda: heard.extend(follow(house.backend, case["id"])))
    listener.start()
    time.sleep(0.2)
    assert listener.is_alive(), "it waits while the case is open"
    house.decide("ann", case, "approve")
    listener.join(10)
    assert not listener.is_alive()
    told = house.events(case["id"])
    assert heard == told[: len(heard)]
    assert {"status": "active"} in [event["data"] for event in heard]


def test_a_stream_taken_up_again_goes_on_after_the_last_event_heard(house):
    case = house.case()
    house.decide("ann", case, "reject")
    house.rest(case["id"], "rejected")
    whole = follow(house.backend, case["id"])
    again = follow(house.backend, case["id"], {"Last-Event-ID": "3"})
    assert again[: len(whole) - 3] == whole[3:]  # a letter may have left since
    assert house.backend.get(f"/v1/cases/{case['id']}/events", params={"after": 3}).json()["items"][0] == whole[3]


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30, b"\xb2", "1e3", ""])
def test_a_strange_last_event_is_only_the_beginning(house, last):
    case = house.case()
    house.backend.post(f"/v1/cases/{case['id']}/withdraw")
    house.rest(case["id"], "withdrawn")
    assert follow(house.backend, case["id"], {"Last-Event-ID": last})[0]["seq"] == 1


def test_nothing_that_is_committed_while_a_listener_looks_is_missed(house):
    """A change between the look and the wait must wake the listener, not the heartbeat ten seconds later."""
    for _ in range(5):
        case = house.case()
        heard: list[dict[str, Any]] = []
        listener = threading.Thread(target=lambda: heard.extend(follow(house.backend, case["id"])))  # noqa: B023
        listener.start()
        house.decide("ann", case, "reject")
        listener.join(8)
        assert not listener.is_alive()


def test_waiting_for_a_case_answers_as_soon_as_it_rests(house):
    case = house.backend.post("/v1/cases", json=house.application()).json()
    started = time.monotonic()
    found = house.backend.get(f"/v1/cases/{case['id']}", params={"wait": 20}).json()
    assert found["status"] == "in_review"
    assert time.monotonic() - started < 10
    assert house.backend.get(f"/v1/cases/{case['id']}", params={"wait": 61}).status_code == 422


def test_checkpoints_are_listed_newest_first_without_what_they_hold(house):
    case = house.case()
    for _ in range(100):  # the last one is written just after the review opened
        items = house.backend.get(f"/v1/cases/{case['id']}/checkpoints").json()["items"]
        if items[0]["next"] == ["review"]:
            break
        time.sleep(0.02)
    assert len(items) >= 5
    assert items[0]["next"] == ["review"]
    assert [item["step"] for item in items] == sorted((item["step"] for item in items), reverse=True)
    assert items[0]["parent_id"] == items[1]["id"]
    assert case["application"]["legal_name"] not in json.dumps(items)
