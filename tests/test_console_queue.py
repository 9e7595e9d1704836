"""The queue: what waits for a person, soonest due first, and who has it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from harness.browser import Browser

from api.console.source import Passage, sources
from api.console.throttle import Throttle
from api.console.words import age, fitting, visible
from checkpoints import cases as ledger
from onboarding.submission import Part


def listed(page: str) -> list[str]:
    return re.findall(r'<a href="/console/cases/([0-9a-f-]{36})"', page)


def test_the_queue_shows_what_waits_soonest_due_first_page_by_page(house):
    ids = [house.case(legal_name=f"Queuefox {word} Ltd")["id"] for word in ("Alder", "Birch", "Cedar", "Doum", "Elm")]
    house.decide("ann", ids[1], "reject")
    house.rest(ids[1])
    ann, seen = Browser(house).sign_in("ann"), []
    page = ann.get("/console?q=queuefox&limit=2").text
    for _ in range(4):
        seen += listed(page)
        following = re.search(r'href="(/console\?[^"]+)" rel="next"', page)
        if not following:
            break
        page = ann.get(following[1].replace("&amp;", "&")).text
    assert seen == [ids[0], ids[2], ids[3], ids[4]], "the closed one waits for nobody"
    assert listed(ann.get("/console?q=queuefox&status=all&limit=2").text) == [ids[4], ids[3]], "newest first"
    assert listed(ann.get("/console?q=queuefox&status=rejected").text) == [ids[1]]


def test_filters_and_search_find_by_words_country_risk_and_assignee(house):
    ann = Browser(house).sign_in("ann")
    case = house.case(legal_name="Quillon Saddlery Ltd", external_ref="ref-4711")

    def found(query: str) -> bool:
        page = ann.get(f"/console?{query}")
        assert page.status_code == 200
        return case["id"] in listed(page.text)

    assert found("q=quillon+saddlery")
    assert found("q=ref-4711")
    assert found(f"q={case['id']}&status=all")
    assert found("q=quillon&country=gb&risk=low")
    assert not found("q=quillon&country=DE")
    assert not found("q=quillon&risk=high")
    assert not found("q=quillon&status=active")
    assert not found("q=quillon&assignee=rob")
    for odd in (
        "q=%27%3B+DROP+TABLE+cases",
        "q=%3CHYPERLINK(1)",
        "cursor=nonsense",
        "cursor=a~b",
        "status=none&cursor=9" + "9" * 30,
    ):
        assert ann.get(f"/console?{odd}").status_code == 200
    assert ann.get("/console?q=%00").status_code == 422


def test_taking_and_giving_back_is_audited_and_nobody_takes_anothers_case(house):
    case = house.case()
    path = f"/console/cases/{case['id']}"
    ann, rob, sue = (Browser(house).sign_in(name) for name in ("ann", "rob", "sue"))

    def press(browser: Browser, what: str, **more: Any) -> Any:
        return browser.post(f"{path}/{what}", {"csrf": browser.form(path)["csrf"]} | more)

    assert press(ann, "claim", back="/console?q=x").headers["location"] == "/console?q=x"
    assert press(ann, "claim", back="https://evil.example").headers["location"] == path
    assert press(rob, "claim").status_code == 409
    assert press(rob, "let-go").status_code == 409
    assert house.get(case["id"])["review"]["assignee"] == "ann"
    assert press(sue, "claim").status_code == 303, "a senior person may take it over"
    assert press(sue, "let-go").status_code == 303
    told = [(e["actor"], e["data"]["assignee"]) for e in house.events(case["id"]) if e["type"] == "case.assigned"]
    assert told == [("ann", "ann"), ("sue", "sue"), ("sue", None)]


def test_only_an_admin_releases_from_quarantine(house):
    case = house.case()
    house.write(lambda tx: ledger.quarantine(tx, case["id"], "it crashed"))
    path = f"/console/cases/{case['id']}"
    ann, root = Browser(house).sign_in("ann"), Browser(house).sign_in("root")
    assert "An admin can release it" in ann.get(path).text
    assert ann.post(f"{path}/release", {"csrf": ann.form(path)["csrf"]}).status_code == 403
    quarantined = root.get(f"/console?status=quarantined&q={case['id']}").text
    assert listed(quarantined) == [case["id"]]
    assert "it crashed" in quarantined
    assert root.post(f"{path}/release", {"csrf": root.form(path)["csrf"]}).status_code == 303
    assert house.rest(case["id"])["status"] == "in_review"


def test_passages_are_marked_where_they_stand_even_when_they_overlap():
    part = Part(source="input", kind="application", format="text", content="one two three\ntwo")
    wanted = {
        "a": Passage("at-1", "input", "line 1, column 5", "two three"),
        "b": Passage("at-2", "input", "line 1, column 5", "two"),
        "c": Passage("at-3", "input", "line 9, column 1", "gone"),
        "d": Passage("at-4", "input", "line 2, column 1", "not there"),
    }
    found = sources([part], wanted)
    first, second = found.parts[0].lines
    assert [(piece.text, piece.anchors, piece.marked) for piece in first.pieces] == [
        ("one ", [], False),
        ("two", ["at-1", "at-2"], True),
        (" three", [], True),
    ]
    assert [(piece.text, piece.marked) for piece in second.pieces] == [("two", True)]
    assert found.places == {"a": "at-1", "b": "at-2", "d": "at-4"}


def test_a_json_value_is_shown_leaf_by_leaf_and_numbers_stay_numbers():
    content = {"a": {"b c": [1, True, None, 0.5]}, "form": [{"label": "Name", "value": "Oak Ltd"}], "none": {}}
    wanted = {"legal_name": Passage("at-1", "input", "$.form[0]", "Oak Ltd")}
    found = sources([Part(source="input", kind="application", format="json", content=content)], wanted)
    lines = {line.label: "".join(piece.text for piece in line.pieces) for line in found.parts[0].lines}
    assert lines == {
        "$.a['b c'][0]": "1",
        "$.a['b c'][1]": "true",
        "$.a['b c'][2]": "null",
        "$.a['b c'][3]": "0.5",
        "$.form[0].label": "Name",
        "$.form[0].value": "Oak Ltd",
        "$.none": "{}",
    }
    assert [line.label for line in found.parts[0].lines if any(piece.anchors for piece in line.pieces)] == [
        "$.form[0].value"
    ]


def test_words_of_a_page():
    from datetime import UTC, datetime

    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert age("2026-11-23T11:30:00.000Z", now) == "30 min"
    assert age("2026-11-23T10:59:00.000Z", now) == "1 h"
    assert age("2026-11-20T11:00:00.000Z", now) == "3 d"
    assert age("2026-11-23T17:00:00.000Z", now) == "-5 h"
    assert visible("a\u200b\u202eb") == "a⟨U+200B⟩⟨U+202E⟩b"
    assert fitting("2026-11-23T11:59:00.000Z", now) == "late"
    assert fitting("2026-11-23T15:00:00.000Z", now) == "soon"
    assert fitting("2026-11-24T15:00:00.000Z", now) == fitting(None, now) == ""
    assert visible("x" * 30, 10) == "xxxxxxxxxx… (30 characters)"
    moments = [now]
    throttle = Throttle(2, timedelta(minutes=1), lambda: moments[0])
    assert [throttle.allowed("a"), throttle.allowed("a"), throttle.allowed("a"), throttle.allowed("b")] == [
        True,
        True,
        False,
        True,
    ]
    moments[0] += timedelta(minutes=2)
    assert throttle.allowed("a")


@pytest.mark.slow
def test_the_desk_works_on_postgresql_too(open_product_house, postgres_url):
    with open_product_house(database_url=postgres_url) as own:
        case, ann = own.case(legal_name="Elbow Lane Books Ltd"), Browser(own).sign_in("ann")
        path = f"/console/cases/{case['id']}"
        assert listed(ann.get("/console?q=elbow&risk=low&limit=1").text) == [case["id"]]
        form = ann.form(path)
        assert ann.post(f"{path}/claim", {"csrf": form["csrf"]}).status_code == 303
        assert own.get(case["id"])["review"]["assignee"] == "ann"
        sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve"}
        assert ann.post(f"{path}/decision", sent).status_code == 303
        assert own.rest(case["id"])["status"] == "active"
        assert ann.post("/console/sign-out", {"csrf": form["csrf"]}).status_code == 200
        assert ann.get(path).status_code == 303
