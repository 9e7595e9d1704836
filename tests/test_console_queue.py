"""The queue: what waits for a person, soonest due first, and who has it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from harness.browser import Browser
from sqlalchemy import delete, update

from api.console.source import Passage, sources
from api.console.throttle import Throttle
from api.console.words import age, fitting, locale_of, moment, money, visible
from checkpoints import cases as ledger
from checkpoints.schema import cases, match_keys
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


MAIL = (
    "From: Ada Price <ada@heron.example.com>\nMessage-ID: <1@heron.example.com>\nReceived: by mx.example.com\n"
    "Subject: =?utf-8?q?Caf=C3=A9?=\nContent-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: quoted-printable\n\nWe are Blue Heron Ltd, 12 High=\n Street, Bath BA1 5AA.\n"
)


def test_a_mail_is_shown_as_its_places_count_it_with_the_words_marked(house):
    headers = {"Content-Type": "message/rfc822"}
    case = house.rest(house.backend.post("/v1/cases", content=MAIL, headers=headers).json()["id"])
    page = Browser(house).sign_in("ann").get(f"/console/cases/{case['id']}").text
    lines = re.findall(r'<p><span class="label">(\d+)</span> <bdi>(.*)</bdi></p>', page)
    shown = [(number, re.sub(r"<[^>]+>", "", line)) for number, line in lines]
    where = case["provenance"]["legal_name"]["where"]
    assert shown[3] == ("4", "We are Blue Heron Ltd, 12 High Street, Bath BA1 5AA.")
    assert where.startswith("line 4, ")
    assert {"Blue Heron Ltd"} <= set(re.findall("<mark>(.*?)</mark>", lines[3][1]))
    assert [line for _, line in shown[1:3]] == ["Subject: Café", ""]
    assert ("2", "Message-ID: &lt;1@heron.example.com&gt;") in shown, "and as it came"


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


def names(page: str) -> list[str]:
    return re.findall(r"<bdi>(Orderly \w+ Ltd)</bdi>", page)


def test_the_queue_is_sorted_as_one_wants_and_pages_in_every_order(house):
    ann = Browser(house).sign_in("ann")
    risky = house.application(legal_name="Orderly Risky Ltd")
    risky["bank"]["iban"] = "GB33BUKB20201555555556"
    for body in (
        house.application(legal_name="Orderly First Ltd"),
        risky,
        house.application(legal_name="Orderly Last Ltd"),
    ):
        house.case(body)
    soonest = ["Orderly First Ltd", "Orderly Risky Ltd", "Orderly Last Ltd"]
    orders = {"due": soonest, "age": soonest, "risk": ["Orderly Risky Ltd", "Orderly First Ltd", "Orderly Last Ltd"]}
    for order, wanted in orders.items():
        path, seen = f"/console?q=orderly&limit=1&order={order}", []
        while path:
            page = ann.get(path).text
            seen += names(page)
            following = re.search(r'href="(/console\?[^"]+)" rel="next"', page)
            path = following[1].replace("&amp;", "&") if following else ""
        assert seen == wanted, order
    for odd in ("order=risk&cursor=x~y~z", "order=age&cursor=9" + "9" * 30, "order=none", "order=due&cursor=a~b~c"):
        assert ann.get(f"/console?{odd}").status_code == 200


def test_many_cases_are_taken_given_and_given_back_at_once(house):
    cases = [house.case(legal_name=f"Bulky {word} Ltd")["id"] for word in ("One", "Two", "Three")]
    ann, rob, sue = (Browser(house).sign_in(name) for name in ("ann", "rob", "sue"))

    def press(browser: Browser, what: str, ids: list[str], **more: Any) -> Any:
        csrf = browser.form("/console")["csrf"]
        return browser.post(
            "/console/assign", {"csrf": csrf, "what": what, "case": ids, "back": "/console?q=bulky"} | more
        )

    def held() -> list[str | None]:
        return [house.get(id_)["review"]["assignee"] for id_ in cases]

    answer = press(ann, "take", cases[:2])
    assert (answer.status_code, answer.headers["location"]) == (303, "/console?q=bulky&done=2&left=0")
    assert held() == ["ann", "ann", None]
    answer = press(rob, "take", [*cases, "no-such-case"])
    assert "done=1&left=3" in answer.headers["location"]
    assert held() == ["ann", "ann", "rob"], "nobody takes another's case"
    page = rob.get(answer.headers["location"]).text
    assert "1 changed hands" in page
    assert "3 did not" in page
    assert press(rob, "give", cases, to="ann").status_code == 403, "giving to others takes a senior person"
    assert press(sue, "give", cases, to="nobody").status_code == 422
    assert press(sue, "give", cases, to="backend").status_code == 422, "whoever may not decide gets no case"
    assert press(sue, "give", cases).status_code == 422
    assert press(sue, "take", []).status_code == 422
    assert press(sue, "give", cases, to="kim").status_code == 303
    assert held() == ["kim"] * 3
    assert press(sue, "back", cases).status_code == 303
    assert held() == [None] * 3
    assert sue.post("/console/assign", {"csrf": "x", "what": "take", "case": cases}).status_code == 403
    told = [(e["actor"], e["data"]["assignee"]) for e in house.events(cases[0]) if e["type"] == "case.assigned"]
    assert told == [("ann", "ann"), ("sue", "kim"), ("sue", None)]


def test_the_head_of_the_queue_counts_what_waits_and_what_is_late(open_product_house):
    with open_product_house() as own:
        ids = [own.case()["id"] for _ in range(3)]
        ann = Browser(own).sign_in("ann")

        def counted(browser: Browser) -> dict[str, str]:
            return dict(re.findall(r">(\w+) <b[^>]*>(\d+)</b>", browser.get("/console").text))

        ann.post(f"/console/cases/{ids[0]}/claim", {"csrf": ann.form("/console")["csrf"]})
        first = counted(ann)
        assert (first["Waiting"], first["Mine"], first["Late"]) == ("3", "1", "0")
        own.clock.by = timedelta(hours=49)
        own.decide("ann", ids[0], "reject")
        own.rest(ids[0])
        later = counted(Browser(own).sign_in("ann"))
        assert (later["Waiting"], later["Mine"], later["Late"]) == ("2", "0", "2")


def test_the_page_renews_itself_only_for_whoever_asked_for_that(house):
    ann = Browser(house).sign_in("ann")
    assert 'http-equiv="refresh"' not in ann.get("/console?status=waiting").text
    page = ann.get("/console?status=waiting&refresh=on").text
    assert '<meta http-equiv="refresh" content="30">' in page
    assert "stop renewing" in page


def test_a_view_is_kept_for_the_person_alone_without_what_was_searched_for(house):
    kim, rob = Browser(house).sign_in("kim"), Browser(house).sign_in("rob")
    csrf = kim.form("/console")["csrf"]
    wanted = "/console?status=waiting&order=risk&country=GB&q=Secretname&cursor=x&evil=1"
    assert kim.post("/console/view", {"csrf": csrf, "back": wanted}).status_code == 303
    assert kim.get("/console").headers["location"] == "/console?status=waiting&order=risk&country=GB"
    assert rob.get("/console").status_code == 200
    assert "Secretname" not in house.dump()
    assert kim.post("/console/view", {"csrf": csrf, "back": "https://evil.example?order=age"}).status_code == 303
    assert kim.get("/console").headers["location"] == "/console?status=waiting"
    kim.post("/console/view", {"csrf": csrf, "forget": "1"})
    assert kim.get("/console").status_code == 200


def test_every_way_out_of_the_queue_takes_the_case_off_it(house):
    case = house.case()

    def queued() -> tuple[Any, ...]:
        return tuple(house.rows("SELECT queue_due, queue_stage, queue_review FROM cases WHERE id = ?", case["id"])[0])

    review = house.get(case["id"])["review"]
    assert queued() == (review["due_at"], "review", review["id"])
    house.decide("ann", case, "request_information", request=[{"path": "website", "text": "Where?"}])
    house.rest(case["id"])
    assert queued() == (None, None, None), "the merchant is no person of ours"
    house.backend.post(f"/v1/cases/{case['id']}/information", json={"answers": {"website": "https://x.example.com"}})
    review = house.rest(case["id"])["review"]
    assert queued() == (review["due_at"], "review", review["id"])
    house.backend.post(f"/v1/cases/{case['id']}/withdraw")
    house.rest(case["id"])
    assert queued() == (None, None, None)


def test_times_and_amounts_are_written_as_the_reader_does_and_stay_utc():
    at = "2026-11-23T14:05:00.000Z"
    assert moment(at) == moment(at, locale_of("tlh, *;q=0.5, x;q=y")) == "23 Nov 2026, 14:05 UTC"
    assert moment(at, locale_of("de-CH,en;q=0.5")) == "23. Nov. 2026, 14:05 UTC"
    assert moment("2026-11-23T23:30:00-05:00", locale_of("en-US")) == "Nov 24, 2026, 04:30 UTC"
    assert moment(at, locale_of("en;q=0.1,ja;q=0.9")).startswith("2026年11月23日")
    assert moment("nonsense", locale_of("fr")) == "nonsense"
    assert money("1234567.50", "EUR", locale_of("de")) == "EUR\u00a01.234.567,50"
    assert money("1234567.50", "EUR", locale_of("en-GB")) == "EUR\u00a01,234,567.50"
    assert money("5000", "JPY", locale_of("en-GB")) == "JPY\u00a05,000"
    assert money("1e400", "EUR") == "1e400 EUR"
    assert money("many", None) == "many"
    assert money("12", "<b>") != ""


def test_the_page_speaks_the_readers_numbers(house):
    house.case(legal_name="Localised Loaf Ltd")
    page = Browser(house).sign_in("ann").get("/console?q=localised", headers={"Accept-Language": "de"}).text
    assert "GBP\u00a0420.000,00" in page


@pytest.mark.parametrize("few", (1, 300))
def test_a_search_finds_by_rare_and_by_common_words_alike(house, monkeypatch, few):
    from checkpoints import matches

    monkeypatch.setattr(matches, "COMMON", few)
    ann = Browser(house).sign_in("ann")
    mine = [house.case(legal_name=f"Searchable {word}{few} Ltd")["id"] for word in ("Kestrel", "Merlin")]
    person = house.application(legal_name=f"Plain{few} Ltd")
    person["persons"][0]["name"] = f"Ottoline Quarles{few}"
    third = house.case(person)["id"]
    assert set(mine) <= set(listed(ann.get("/console?q=searchable&limit=200").text))
    assert listed(ann.get(f"/console?q=searchable+KESTREL{few}").text) == mine[:1]
    assert listed(ann.get(f"/console?q=merlin{few}+kestrel{few}").text) == []
    assert listed(ann.get(f"/console?q=quarles{few}").text) == [third], "people are found by their names"
    assert listed(ann.get(f"/console?q={third}").text) == [third]


def test_who_types_the_beginning_of_a_name_finds_it(house):
    ann = Browser(house).sign_in("ann")
    person = house.application(legal_name="Überlingen Quartermaster Ltd", trading_name="Zymurgists")
    person["persons"][0]["name"] = "Xanthippe Yarborough"
    case = house.case(person)["id"]

    def found(*words: str) -> bool:
        return case in listed(ann.get("/console", params={"q": " ".join(words), "status": "all"}).text)

    for words in ("quart", "QUARTERM", "uber", "überl", "zym", "xan yarb", "quartermaster yar", "quartermast"):
        assert found(*words.split()), words
    for words in ("uarter", "qu", "quartet", "xan nobody", person["contact"]["email"][4:8]):
        assert not found(*words.split()), f"{words}: no beginning of a name"
    assert house.root.get("/v1/cases", params={"q": "quart"}).json()["items"][0]["id"] == case


def test_cases_of_an_earlier_release_are_found_by_all_words_once_they_are_indexed_anew(house, run):
    person = house.application(legal_name="Beforehand Ltd")
    person["persons"][0]["name"] = "Wilhelmina Oldfashioned"
    old, torn = house.case(person)["id"], house.case()["id"]
    words = [house.term(word) for word in ("wilhelmina", "oldfashioned", "oldfash")]
    house.write(lambda tx: tx.conn.execute(delete(match_keys).where(match_keys.c.key_hash.in_(words))))
    ann = Browser(house).sign_in("ann")
    assert listed(ann.get("/console?q=oldfashioned").text) == []
    said = run("reindex", ONBOARD_DATA_DIR=str(house.data_dir))
    assert (said.exit_code, "indexed anew" in said.stdout) == (0, True), said.output
    assert listed(ann.get("/console?q=wilhelmina+oldfashioned").text) == [old]
    assert listed(ann.get("/console?q=oldfash").text) == [old]
    rows = house.rows("SELECT count(*) FROM match_keys")[0][0]
    assert run("reindex", ONBOARD_DATA_DIR=str(house.data_dir)).exit_code == 0
    assert house.rows("SELECT count(*) FROM match_keys")[0][0] == rows, "twice is as good as once"
    document = house.rows("SELECT document FROM cases WHERE id = ?", torn)[0][0]
    spoil = update(cases).where(cases.c.id == torn)
    house.write(lambda tx: tx.conn.execute(spoil.values(document=b"\x00torn")))
    told = run("reindex", ONBOARD_DATA_DIR=str(house.data_dir))
    house.write(lambda tx: tx.conn.execute(spoil.values(document=document)))
    assert told.exit_code == 1
    assert torn in told.stderr


@pytest.mark.slow
def test_the_desk_works_on_postgresql_too(open_product_house, postgres_url):
    with open_product_house(database_url=postgres_url) as own:
        case, ann = own.case(legal_name="Elbow Lane Books Ltd"), Browser(own).sign_in("ann")
        path = f"/console/cases/{case['id']}"
        assert listed(ann.get("/console?q=elbow&risk=low&limit=1").text) == [case["id"]]
        form = ann.form(path)
        assert ann.post(f"{path}/claim", {"csrf": form["csrf"]}).status_code == 303
        for order in ("risk", "age", "due"):
            assert listed(ann.get(f"/console?order={order}").text) == [case["id"]]
        bulk = {"csrf": form["csrf"], "what": "take", "case": [case["id"]]}
        assert ann.post("/console/assign", bulk | {"case": ["a\x00b", case["id"]]}).status_code == 422
        assert "done=1" in ann.post("/console/assign", bulk).headers["location"]
        assert 'Waiting <b id="count-waiting">1</b>' in ann.get("/console").text
        assert own.get(case["id"])["review"]["assignee"] == "ann"
        sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve"}
        assert ann.post(f"{path}/decision", sent).status_code == 303
        assert own.rest(case["id"])["status"] == "active"
        assert ann.post("/console/sign-out", {"csrf": form["csrf"]}).status_code == 200
        assert ann.get(path).status_code == 303
