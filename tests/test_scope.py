"""A backend's token reaches the cases of its own client: every call tells it of another's what it tells of none."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from harness.answers import refused
from harness.browser import Browser
from sqlalchemy import event

from api.app import _routed
from checkpoints import access, cases, scope
from onboarding.catalogue import CATALOGUE

ALIKE = {"DUPLICATE_MERCHANT_SUSPECTED", "RELATED_MERCHANT_SHARED_BANK"}
NEVER = "00000000-0000-4000-8000-000000000000"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/cases/{case_id}/information": {"json": {"answers": {"website": "https://other.example.com"}}},
    "/v1/cases/{case_id}/decision": {"json": {"action": "approve"}},
}
WALKED = [
    (method, str(route.path))
    for route in iter_route_contexts(_routed().routes)
    for method in sorted(route.methods or ())
    if (method, route.path) != ("POST", "/v1/cases")  # it makes a case of one's own
]


@pytest.fixture(scope="module")
def theirs(house: Any) -> dict[str, Any]:
    """A case of the client ``backend`` that waits for information, so that nothing but its client refuses an answer."""
    case = house.case(external_ref="order-of-backend")
    house.decide("ann", case, "request_information", request=[{"path": "website", "text": "Which?"}])
    found: dict[str, Any] = house.rest(case["id"], "awaiting_information")
    return found


def secrets_of(case: dict[str, Any]) -> list[str]:
    application = case["application"]
    person = application["persons"][0]["name"]
    return [application["legal_name"], application["bank"]["iban"], application["contact"]["email"], person]


def filled(path: str, case_id: str) -> str:
    """The path with the case wherever anything may be named."""
    for name in ("case_id", "token:path", "rest:path", "token", "number"):
        path = path.replace(f"{{{name}}}", "1" if name == "number" else case_id)
    assert "{" not in path, f"{path}: say here what stands in it"
    return path


@pytest.mark.parametrize("method, path", WALKED)
def test_no_route_shows_or_moves_the_case_of_another_client(house, theirs, method, path):
    answers = [
        house.other.request(method, filled(path, case_id), **BODIES.get(path, {})) for case_id in (theirs["id"], NEVER)
    ]
    found, unknown = ((answer.status_code, answer.text.replace(NEVER, theirs["id"])) for answer in answers)
    assert not [secret for secret in secrets_of(theirs) if secret in found[1]]
    events = house.events(theirs["id"])
    assert "other" not in {told["actor"] for told in events}, "nor does asking write into it"
    assert house.get(theirs["id"])["status"] == "awaiting_information"
    if "{case_id}" in path:
        assert found == unknown
        assert found[0] in (403, 404) or path.startswith("/console/")
        assert found[0] == 404 or "backend" in found[1] or path.startswith("/console/"), "403 is for the role alone"


@pytest.mark.parametrize("path", [path for method, path in WALKED if method == "GET" and "/console" in path])
def test_nor_does_a_page_of_the_desk_to_whoever_sits_there_as_a_backend(house, theirs, path):
    seat = Browser(house).sign_in("other")
    for query in ("", "?status=all", "?since=0&seen=0&back=/console"):
        page = seat.get(filled(path, theirs["id"]) + query)
        assert not [secret for secret in secrets_of(theirs) if secret in page.text]
        assert page.status_code == 404 or "{case_id}" not in path or page.status_code == 422


def test_the_walk_walks_every_call_that_names_a_case():
    walked = {path for _, path in WALKED if path.startswith("/v1")}
    assert {f"/v1/cases/{{case_id}}{what}" for what in ("", "/events", "/bundle", "/file", "/checkpoints")} <= walked
    assert {f"/v1/cases/{{case_id}}{what}" for what in ("/information", "/withdraw", "/decision", "/erase")} <= walked


def test_neither_the_stream_nor_waiting_tells_that_there_is_a_case(house, theirs):
    stream = house.other.get(f"/v1/cases/{theirs['id']}/events", headers={"Accept": "text/event-stream"})
    refused(stream, 404, "case_not_found")
    body = house.application()
    moving = house.backend.post("/v1/cases", json=body).json()
    began = time.monotonic()
    refused(house.other.get(f"/v1/cases/{moving['id']}", params={"wait": 20}), 404, "case_not_found")
    assert time.monotonic() - began < 10


def test_its_own_client_and_the_people_reach_it(house, theirs):
    second = house.client(house.write(lambda tx: access.create_token(tx, "backend", "backend")))
    for who in (house.backend, second, house.ann, house.sue, house.root):
        assert who.get(f"/v1/cases/{theirs['id']}").json()["id"] == theirs["id"]
        assert who.get(f"/v1/cases/{theirs['id']}/events").json()["items"]
        assert who.get(f"/v1/cases/{theirs['id']}/checkpoints").json()["items"]


def test_lists_searches_and_pages_hold_ones_own_cases_alone(house, theirs):
    mine = [
        house.other.post("/v1/cases", json=house.application(external_ref="shared-ref")).json()["id"] for _ in range(3)
    ]
    between = house.case(external_ref="shared-ref")
    mine.append(house.other.post("/v1/cases", json=house.application()).json()["id"])
    for id_ in mine:
        house.rest(id_)

    def ids(who: Any, **params: Any) -> list[str]:
        found, cursor = [], ""
        while True:
            page = who.get("/v1/cases", params={"limit": 2, **params} | ({"cursor": cursor} if cursor else {})).json()
            found += [item["id"] for item in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                return found

    found = ids(house.other)
    assert found[: len(mine)] == mine[::-1]
    assert ids(house.other, q="shared-ref") == mine[2::-1]
    assert between["id"] in ids(house.root, q="shared-ref")
    assert set(ids(house.other, status="in_review")) <= set(found)
    assert not {between["id"], theirs["id"]} & set(found)
    word = theirs["application"]["legal_name"].split()[0]
    assert ids(house.root, q=word) == [theirs["id"]]
    for asked in (word, theirs["id"], "order-of-backend"):
        assert ids(house.other, q=asked) == []


def test_a_reference_that_many_cases_of_others_carry_still_finds_ones_own(house):
    one = house.other.post("/v1/cases", json=house.application(external_ref="crowded")).json()["id"]
    columns = "external_ref, status, submitted_at, updated_at, graph_version, work_asked"
    house.write(
        lambda tx: tx.conn.exec_driver_sql(
            f"INSERT INTO cases (id, client, {columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
            "WHERE i < 400) SELECT 'crowd-' || i, 'backend', 'crowded', 'withdrawn', '2020-01-01T00:00:00.000Z', "
            "'2020-01-01T00:00:00.000Z', '1', 0 FROM n"
        )
    )
    found = house.other.get("/v1/cases", params={"q": "crowded"}).json()["items"]
    assert [item["id"] for item in found] == [one]


def test_a_copy_from_another_installation_is_of_no_client_here(house):
    """A client of the same name submitted it there: another one, for all that is known."""
    case = house.case()
    house.write(lambda tx: tx.conn.exec_driver_sql("UPDATE cases SET copied_from = 'x' WHERE id = ?", (case["id"],)))
    refused(house.backend.get(f"/v1/cases/{case['id']}"), 404, "case_not_found")
    assert case["id"] not in house.backend.get("/v1/cases", params={"limit": 200}).text
    assert house.ann.get(f"/v1/cases/{case['id']}").status_code == 200


# what a case says of others


@pytest.fixture(scope="module")
def twins(house: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same merchant, submitted by one client and then by another."""
    body = house.application(external_ref=None)
    first = house.case(body)
    name = "Zweite Nennung Ltd"
    twin = body | {"legal_name": name, "bank": body["bank"] | {"holder": name}}
    second = house.other.post("/v1/cases", json=twin).json()
    house.rest(second["id"])
    return first, second


def alike(who: Any, case_id: str) -> dict[str, Any]:
    findings = who.get(f"/v1/cases/{case_id}").json()["findings"]
    return {item["code"]: item for item in findings if item["code"] in ALIKE}


def test_a_finding_says_that_two_are_alike_and_nothing_of_another_clients_case(house, twins):
    first, second = twins
    seen, told = alike(house.ann, second["id"]), alike(house.other, second["id"])
    assert set(seen) == set(told) == ALIKE
    assert seen["DUPLICATE_MERCHANT_SUSPECTED"]["evidence"][0]["quote"] == first["application"]["legal_name"]
    for code, item in told.items():
        assert item["evidence"] == []
        assert item["message"] == CATALOGUE[code].meaning
    whole = house.other.get(f"/v1/cases/{second['id']}").text
    assert first["id"] not in whole
    assert first["id"] in house.ann.get(f"/v1/cases/{second['id']}").text
    listed = house.other.get("/v1/cases", params={"limit": 200}).text
    assert second["id"] in listed
    assert first["application"]["legal_name"] not in listed
    again = house.case(first["application"] | {"external_ref": "again"})
    assert first["application"]["legal_name"] in str(alike(house.backend, again["id"])), "its own it may read"


@pytest.mark.parametrize("what", ["bundle", "file"])
def test_a_record_that_quotes_another_clients_merchant_is_not_taken_away(house, twins, what):
    first, second = twins
    for params in ({}, {"redact": "true"}):
        body = refused(house.other.get(f"/v1/cases/{second['id']}/{what}", params=params), 403, "forbidden")
        assert "reviewer" in body["detail"]
    assert ("case.exported", "other") not in {(told["type"], told["actor"]) for told in house.events(second["id"])}
    assert house.backend.get(f"/v1/cases/{first['id']}/{what}").status_code == 200
    assert house.ann.get(f"/v1/cases/{second['id']}/{what}").status_code == 200


def test_a_bundle_holds_no_application_of_another_client_that_was_only_compared(house, tmp_path: Path):
    """They share a phone number and nothing else: no finding, but both were laid side by side."""
    first = house.case()
    contact = house.application()["contact"] | {"phone": first["application"]["contact"]["phone"]}
    second = house.other.post("/v1/cases", json=house.application(contact=contact)).json()["id"]
    house.rest(second)

    def priors(who: Any) -> list[tuple[str, str]]:
        path = tmp_path / "case.db"
        path.write_bytes(who.get(f"/v1/cases/{second}/bundle").content)
        assert (first["application"]["bank"]["iban"].encode() in path.read_bytes()) == (who is house.ann)
        with sqlite3.connect(path) as db:
            return db.execute("SELECT case_id, application FROM priors").fetchall()

    assert first["application"]["legal_name"] in priors(house.ann)[0][1]
    assert priors(house.other) == [(first["id"], None)]


@pytest.mark.parametrize(
    "status, index",
    [(None, "cases_by_client (client=? AND "), ("in_review", "cases_by_client_and_status (client=? AND ")],
)
def test_the_list_of_a_client_is_read_along_an_index(house, status, index):
    """However many cases others have, and however rare the status is among a hundred thousand of its own."""

    def plan(tx: Any) -> list[str]:
        asked: list[tuple[str, Any]] = []
        event.listen(tx.conn, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        cases.listed(tx, filters={"status": status}, which=[scope.of("other")], before=10**6, limit=50)
        return [row[-1] for row in tx.conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1])]

    (found,) = house.write(plan)
    assert index in found
