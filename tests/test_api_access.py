"""Who may do what, withdrawing, and the edges of the address space."""

import logging

import pytest
from harness.answers import refused

NEVER = "00000000-0000-4000-8000-000000000000"

# withdrawing


def test_a_waiting_case_can_be_withdrawn_and_stays_so(house):
    case = house.case()
    assert house.backend.post(f"/v1/cases/{case['id']}/withdraw").status_code == 200
    assert house.rest(case["id"])["status"] == "withdrawn"
    assert house.backend.post(f"/v1/cases/{case['id']}/withdraw").status_code == 200
    refused(house.decide("ann", case, "approve"), 409, "not_waiting")
    assert house.sandbox(case["id"])["calls"] == []


def test_a_case_that_awaits_information_can_be_withdrawn(house):
    case = house.case()
    house.decide("ann", case, "request_information", request=[{"path": "website", "text": "Which?"}])
    house.rest(case["id"], "awaiting_information")
    assert house.backend.post(f"/v1/cases/{case['id']}/withdraw").status_code == 200
    assert house.rest(case["id"])["status"] == "withdrawn"


def test_a_case_just_received_is_withdrawn_at_its_next_wait(house):
    case = house.backend.post("/v1/cases", json=house.application()).json()
    assert house.backend.post(f"/v1/cases/{case['id']}/withdraw").status_code == 200
    assert house.rest(case["id"], "withdrawn")["activations"] == []


@pytest.mark.parametrize("action, ending", [("approve", "active"), ("reject", "rejected")])
def test_a_closed_case_cannot_be_withdrawn(house, action, ending):
    case = house.case()
    house.decide("ann", case, action)
    house.rest(case["id"], ending)
    refused(house.backend.post(f"/v1/cases/{case['id']}/withdraw"), 409, "conflict")


def test_a_withdrawal_that_is_acknowledged_is_never_followed_by_activation(house):
    """Right after the approval nothing waits any more: too late has to be said, not swallowed."""
    outcomes = set()
    for _ in range(10):
        case = house.case()
        assert house.decide("ann", case, "approve").status_code == 200
        answer = house.backend.post(f"/v1/cases/{case['id']}/withdraw")
        ended = house.rest(case["id"], "active", "withdrawn")["status"]
        outcomes.add((answer.status_code, ended))
    assert outcomes <= {(409, "active"), (200, "withdrawn")}


def test_only_a_quarantined_case_can_be_released(house):
    refused(house.root.post(f"/v1/cases/{house.case()['id']}/release"), 409, "conflict")


# roles

CALLS = {
    "submit": ("POST", "/v1/cases"),
    "list": ("GET", "/v1/cases"),
    "read": ("GET", "/v1/cases/{id}"),
    "events": ("GET", "/v1/cases/{id}/events"),
    "checkpoints": ("GET", "/v1/cases/{id}/checkpoints"),
    "decide": ("POST", "/v1/cases/{id}/decision"),
    "inform": ("POST", "/v1/cases/{id}/information"),
    "withdraw": ("POST", "/v1/cases/{id}/withdraw"),
    "release": ("POST", "/v1/cases/{id}/release"),
    "rebuild": ("POST", "/v1/cases/{id}/rebuild"),
    "erase": ("POST", "/v1/cases/{id}/erase"),
}
ALL = {"backend", "ann", "sue", "root"}
MAY = {
    "submit": {"backend", "root"},
    "inform": {"backend", "root"},
    "withdraw": {"backend", "root"},
    "decide": {"ann", "sue", "root"},
    "release": {"root"},
    "rebuild": {"root"},
    "erase": {"root"},
}


@pytest.mark.parametrize("what", CALLS)
def test_who_may_do_what(house, what):
    method, path = CALLS[what]
    path = path.format(id=NEVER)
    refused(house.nobody.request(method, path), 401, "unauthorized")
    for who in ALL:
        answer = getattr(house, who).request(method, path)
        if who in MAY.get(what, ALL):
            assert answer.status_code not in (401, 403), (who, answer.text)
        else:
            refused(answer, 403, "forbidden")


def test_no_body_is_read_before_it_is_known_who_sends_it(house):
    for path in (f"/v1/cases/{NEVER}/decision", "/v1/cases"):
        answer = house.nobody.post(path, content=b"{not json", headers={"Content-Type": "application/json"})
        refused(answer, 401, "unauthorized")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic eDp4",
        "bearer",
        "Bearer " + "x" * 5000,
        b"Bearer \xff\xfe",
        "Token {t}",
    ],
)
def test_no_valid_token_is_401_and_says_how(house, header):
    if isinstance(header, str):
        header = header.format(t=house.tokens["root"])
    answer = house.nobody.get("/v1/cases", headers={"Authorization": header})
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["token", "access_token", "api_key", "key", "authorization", "Authorization"])
def test_a_token_in_the_query_string_opens_nothing_and_is_in_no_log_line(house, name, caplog):
    with caplog.at_level(logging.DEBUG):
        refused(house.nobody.get("/v1/cases", params={name: house.tokens["root"]}), 401, "unauthorized")
        house.nobody.get("/console", params={name: house.tokens["root"]})
    foreign = ("httpx", "httpcore", "uvicorn.access")  # that log is off; only pytest's own handler makes it speak
    ours = [record for record in caplog.records if not record.name.startswith(foreign)]
    assert [record.name for record in ours if house.tokens["root"] in record.getMessage() + repr(record.__dict__)] == []


def test_a_revoked_token_ends_at_once(house):
    from checkpoints import access

    leaver = house.client(house.write(lambda tx: access.create_token(tx, "leaver", "reviewer")))
    assert leaver.get("/v1/cases", params={"limit": 1}).status_code == 200
    assert house.write(lambda tx: access.revoke(tx, "leaver")) == 1
    refused(leaver.get("/v1/cases"), 401, "unauthorized")


# the edges of the address space


def test_what_does_not_exist_is_404_and_what_is_not_offered_405(house):
    refused(house.root.get("/v2/cases"), 404, "not_found")
    assert (answer := house.root.get("/")).status_code == 307
    assert answer.headers["location"] == "/console"
    case = house.case()["id"]
    for method in ("PUT", "PATCH", "DELETE"):
        answer = house.root.request(method, f"/v1/cases/{case}", json={"status": "active"})
        refused(answer, 405, "method_not_allowed")
        assert "GET" in answer.headers["allow"]


def test_machines_that_watch_us_need_no_token(house):
    assert house.nobody.get("/healthz").json() == {"status": "ok"}
    assert house.nobody.get("/readyz").json() == {"status": "ready"}
    assert house.nobody.head("/healthz").status_code == 200
    assert "/v1/cases" in house.nobody.get("/openapi.json").json()["paths"]
    page = house.nobody.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    for name in (
        "onboard_cases{",
        "onboard_step_seconds",
        "onboard_outbox_oldest_seconds",
        "onboard_review_oldest_seconds",
    ):
        assert name in page.text


def test_a_full_storage_refuses_with_503_and_takes_the_next(open_product_house):
    def limit(tx, pages):
        tx.conn.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar()

    with open_product_house(sweep_seconds=3600) as own:
        own.idle(own.case()["id"])  # a limit set while the engine still writes would hit its batch as well
        own.write(lambda tx: limit(tx, own.rows("PRAGMA page_count")[0][0]))
        answer = own.backend.post("/v1/cases", json=own.application(business_description="x" * 200_000))
        body = refused(answer, 503, "storage_unavailable")
        assert "try again" in body["detail"]
        assert answer.headers["retry-after"]
        own.write(lambda tx: limit(tx, 10_000_000))
        assert own.case()["status"] == "in_review"
