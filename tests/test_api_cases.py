"""The contract's table, line by line: submit, list, read, withdraw, and who may."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.answers import refused

NEVER = "00000000-0000-4000-8000-000000000000"


# submitting


def test_a_submission_is_answered_202_with_the_case_and_where_it_is(house):
    answer = house.backend.post("/v1/cases", json=house.application())
    case = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/cases/{case['id']}" == case["links"]["self"]
    assert case["status"] in ("received", "processing")
    assert (case["application_version"], case["review"], case["decisions"], case["activations"]) == (1, None, [], [])
    assert house.rows("SELECT count(*) FROM submissions WHERE case_id = ?", case["id"])[0][0] == 1


def test_a_case_carries_every_field_of_the_contract(house):
    case = house.case()
    contract = (
        "id status submitted_at updated_at external_ref application_version application provenance findings missing "
        "recommendation risk summary model review decisions activations links"
    )
    assert set(contract.split()) <= set(case)
    assert set(case["review"]) >= {"id", "stage", "round", "allowed_actions", "due_at", "assignee"}
    assert set(case["model"]) >= {"name", "calls", "input_tokens", "output_tokens", "cost"}
    assert set(case["links"]) >= {"self", "events", "console"}
    assert case["review"]["allowed_actions"] == ["approve", "reject", "request_information"]


def test_a_case_that_waits_for_the_merchant_says_what_was_asked_and_until_when(house):
    case = house.case()
    assert case["request"] is None
    items = [{"path": "website", "text": "Which is your shop page?"}, {"path": "Bo Averell's pass", "text": "A copy?"}]
    assert house.decide("ann", case, "request_information", request=items).status_code == 200
    asked = house.rest(case["id"], "awaiting_information")
    assert asked["review"] is None
    assert asked["request"]["items"] == items
    assert (asked["request"]["round"], asked["request"]["id"]) == (1, asked["request"]["id"])
    assert asked["updated_at"] >= asked["request"]["opened_at"] < asked["request"]["due_at"]
    opened = next(item["data"] for item in house.events(case["id"]) if item["data"].get("stage") == "information")
    assert opened["asked"] == ["website", "other"], "fields only: no words of anybody's stand in the trail"
    answers = {"answers": {"website": "https://shop.example.com"}}
    assert house.backend.post(f"/v1/cases/{case['id']}/information", json=answers).status_code == 200
    assert house.rest(case["id"], "in_review")["request"] is None


def test_what_is_asked_by_itself_is_in_the_words_of_the_letter_and_no_finding_s(house):
    case = house.case(bank={"iban": "GB33BUKB20201555555556"})
    found = {finding["message"] for finding in case["findings"]}
    assert found
    assert house.decide("ann", case, "request_information").status_code == 200
    asked = house.rest(case["id"], "awaiting_information")["request"]
    letter = house.letter(case["id"], kind="information_request").get_body(("plain",)).get_content()
    words = " ".join(letter.split())
    assert asked["items"]
    for item in asked["items"]:
        assert item["text"] in words
        assert item["text"] not in found


@pytest.mark.parametrize(
    "kind, body",
    [
        ("application/json", b'{"legal_name": "Plain Ltd", "country": "GB"}'),
        ("application/json; charset=utf-8", b'{"legal_name": "Charset Ltd"}'),
        ("application/json", b'[{"question": "Company name", "answer": "Listed Ltd"}]'),
        ("text/plain", b"We are Text Ltd of Leeds."),
        ("text/plain; charset=windows-1252", "Gasthof M\u00fcller GmbH".encode("cp1252")),
        ("text/csv", b"legal_name,country\nCsv Ltd,GB\n"),
        ("message/rfc822", b"From: a@example.com\nSubject: hi\n\nWe are Mail Ltd."),
    ],
)
def test_every_kind_of_body_makes_a_case(house, kind, body):
    answer = house.backend.post("/v1/cases", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 202, answer.text
    assert house.rest(answer.json()["id"])["status"] == "in_review"


def test_a_form_carries_an_application_and_documents(house):
    files = [
        ("application", ("a.json", json.dumps(house.application()), "application/json")),
        ("documents", ("deed.txt", b"Deed of Form Ltd", "text/plain")),
        ("documents", ("scan.png", b"\x89PNG\r\n", "image/png")),
    ]
    answer = house.backend.post("/v1/cases", files=files)
    assert answer.status_code == 202, answer.text
    parts = house.events(answer.json()["id"])[0]["data"]["parts"]
    assert [part["source"].partition(":")[0] for part in parts] == ["input", "document", "document"]
    assert [part["format"] for part in parts] == ["json", "text", "image"]


def test_a_csv_of_several_rows_makes_a_case_a_row_and_names_the_broken_one(house):
    body = "legal_name,country\nOne Ltd,GB\nTwo Ltd,GB,extra\nThree Ltd,GB\n"
    answer = house.backend.post("/v1/cases", content=body, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 207
    items = answer.json()["items"]
    assert [(item["row"], item["status"], bool(item["case"])) for item in items] == [
        (1, 202, True),
        (2, 422, False),
        (3, 202, True),
    ]
    assert "row 2" in items[1]["problem"]["detail"]
    assert items[1]["problem"]["code"] == "bad_input"
    for item in (items[0], items[2]):
        assert house.rest(item["case"]["id"])["status"] == "in_review"


def test_rows_that_are_all_broken_are_each_named(house):
    answer = house.backend.post("/v1/cases", content="a,b\n1\n2\n", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 207, answer.text
    assert [item["status"] for item in answer.json()["items"]] == [422, 422]


def test_a_stray_quote_costs_its_own_row_only(house):
    body = 'legal_name,city\n"Open Ltd,Leeds\n"Bad"Ltd,Leeds\nFine Ltd,Leeds\n'
    items = house.backend.post("/v1/cases", content=body, headers={"Content-Type": "text/csv"}).json()["items"]
    assert [item["status"] for item in items] == [422, 422, 202]


def test_the_reference_of_the_backend_comes_back_and_finds_the_case(house):
    by_query = house.backend.post("/v1/cases", params={"external_ref": "ref-1"}, json=house.application()).json()
    by_body = house.backend.post("/v1/cases", json=house.application(external_ref="ref-2")).json()
    assert (by_query["external_ref"], by_body["external_ref"]) == ("ref-1", "ref-2")
    found = house.backend.get("/v1/cases", params={"q": "ref-2"}).json()["items"]
    assert [case["id"] for case in found] == [by_body["id"]]


# idempotency


def test_the_same_key_and_body_is_the_same_case_and_200(house):
    body, headers = house.application(), {"Idempotency-Key": "same"}
    first = house.backend.post("/v1/cases", json=body, headers=headers)
    again = house.backend.post("/v1/cases", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["location"] == first.headers["location"]


def test_the_same_key_with_another_body_or_type_is_refused(house):
    headers = {"Idempotency-Key": "other-body"}
    assert house.backend.post("/v1/cases", json={"legal_name": "A"}, headers=headers).status_code == 202
    refused(house.backend.post("/v1/cases", json={"legal_name": "B"}, headers=headers), 422, "idempotency_key_reused")
    as_text = headers | {"Content-Type": "text/plain"}
    again = house.backend.post("/v1/cases", content=b'{"legal_name":"A"}', headers=as_text)
    refused(again, 422, "idempotency_key_reused")


def test_keys_belong_to_their_client(house):
    headers, body = {"Idempotency-Key": "mine"}, house.application()
    ids = {who.post("/v1/cases", json=body, headers=headers).json()["id"] for who in (house.backend, house.other)}
    assert len(ids) == 2


def test_a_key_covers_every_row_of_a_csv(house):
    body = "legal_name,country\nRow One Ltd,GB\nRow Two Ltd,GB\n"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "rows"}
    answers = [house.backend.post("/v1/cases", content=body, headers=headers).json()["items"] for _ in range(2)]
    ids = [[item["case"]["id"] for item in items] for items in answers]
    assert ids[0] == ids[1]
    assert [[item["status"] for item in items] for items in answers] == [[202, 202], [200, 200]]


@pytest.mark.parametrize("at_once, key", [(20, "twenty"), (50, "fifty")])
def test_the_same_submission_many_times_at_once_is_one_case(house, at_once, key):
    body, headers = house.application(), {"Idempotency-Key": key}
    with ThreadPoolExecutor(at_once) as pool:
        send = [pool.submit(house.backend.post, "/v1/cases", json=body, headers=headers) for _ in range(at_once)]
        answers = [future.result() for future in send]
    assert sorted(answer.status_code for answer in answers) == [200] * (at_once - 1) + [202]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert house.rows("SELECT count(*) FROM idempotency WHERE key = ?", key)[0][0] == 1


@pytest.mark.parametrize("key", ["", "k" * 201, "tab\tkey", "soft\u00adhyphen"])
def test_a_key_nobody_could_mean_is_refused(house, key):
    headers = {"Idempotency-Key": key.encode("latin-1")}
    answer = house.backend.post("/v1/cases", json=house.application(), headers=headers)
    assert answer.status_code == 422, answer.text
    assert "Idempotency-Key".casefold() in answer.json()["errors"][0]["field"].casefold()


# reading


def test_an_unknown_case_is_404_everywhere(house):
    for call in ("", "/events", "/checkpoints"):
        refused(house.backend.get(f"/v1/cases/{NEVER}{call}"), 404, "case_not_found")
    refused(house.ann.post(f"/v1/cases/{NEVER}/decision", json={"action": "approve"}), 404, "case_not_found")
    refused(house.backend.post(f"/v1/cases/{NEVER}/information", json={"answers": {"a": 1}}), 404, "case_not_found")
    refused(house.backend.post(f"/v1/cases/{NEVER}/withdraw"), 404, "case_not_found")
    refused(house.root.post(f"/v1/cases/{NEVER}/release"), 404, "case_not_found")


@pytest.mark.parametrize("id_", ["x", "%00", "%ff", "a" * 5000, "..%2f..%2fetc", "'; DROP TABLE cases; --"])
def test_a_strange_id_is_only_unknown(house, id_):
    answer = house.backend.get(f"/v1/cases/{id_}")
    assert answer.status_code == 404, answer.text


def test_filters_find_what_they_name_and_nothing_else(house):
    case, other = house.case(), house.case()
    house.decide("ann", other, "reject")
    house.rest(other["id"], "rejected")

    def ids(**params: Any) -> set[str]:
        answer = house.backend.get("/v1/cases", params=params | {"limit": 200})
        assert answer.status_code == 200, answer.text
        return {item["id"] for item in answer.json()["items"]}

    assert case["id"] in ids(status="in_review")
    assert other["id"] not in ids(status="in_review")
    assert other["id"] in ids(status="rejected")
    assert case["id"] in ids(recommendation="approve")
    assert case["id"] not in ids(recommendation="reject")
    assert ids(assignee="nobody@nowhere") == set()
    assert ids(q=case["id"]) == {case["id"]}
    assert ids(q=case["application"]["legal_name"].split()[0].upper()) == {case["id"]}
    assert ids(q="no such words at all") == set()
    assert case["id"] in ids(status="", q="", recommendation="", assignee="", cursor="")  # as the contract writes it


def test_a_search_is_not_cut_off_before_it_is_paged(open_product_house):
    from checkpoints import cases, matches, submissions
    from onboarding.submission import Submission

    def many(tx, term):
        for number in range(520):
            submissions.accept(
                tx, f"many-{number}", Submission(version=1, parts=[]), client="t", external_ref=None, graph="1"
            )
            matches.index(tx, f"many-{number}", [term])
            cases.finish(tx, f"many-{number}", 1)

    with open_product_house() as own:
        own.write(lambda tx: many(tx, own.term("zanzibar")))
        seen: set[str] = set()
        cursor = ""
        while cursor is not None:
            page = own.root.get("/v1/cases", params={"q": "Zanzibar", "limit": 200, "cursor": cursor}).json()
            seen |= {item["id"] for item in page["items"]}
            cursor = page["next_cursor"]
    assert seen == {f"many-{number}" for number in range(520)}


@pytest.mark.parametrize(
    "params",
    [
        {"status": "nonsense"},
        {"recommendation": "maybe"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"cursor": "x"},
    ],
)
def test_a_filter_that_means_nothing_is_refused(house, params):
    answer = house.backend.get("/v1/cases", params=params)
    assert refused(answer, 422, "invalid_request")["errors"][0]["field"] == next(iter(params))


def test_paging_shows_every_case_once_while_new_ones_arrive(house):
    before = [house.backend.post("/v1/cases", json=house.application()).json()["id"] for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while len(seen) < 7:
        page = house.backend.get("/v1/cases", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        house.backend.post("/v1/cases", json=house.application())
    assert seen[:7] == before[::-1]


def test_the_last_page_says_so(house):
    page = house.backend.get("/v1/cases", params={"q": NEVER}).json()
    assert page == {"items": [], "next_cursor": None}


def test_a_record_that_was_tampered_with_hides_no_other_case(open_product_house):
    import sqlite3

    with open_product_house() as own:
        good, bad = own.case()["id"], own.case()["id"]
        with sqlite3.connect(own.data_dir / "onboard.db", timeout=10) as db:
            db.execute("UPDATE cases SET document = x'00112233' WHERE id = ?", (bad,))
        items = {item["id"]: item for item in own.backend.get("/v1/cases").json()["items"]}
        assert items[good]["problem"] is None
        assert items[bad]["problem"].startswith("tampered_record")
        refused(own.backend.get(f"/v1/cases/{bad}"), 500, "tampered_record")
