"""The case page and its form: everything beside its source, one decision, and nothing typed is ever lost."""

import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness.browser import Browser

from checkpoints import access
from onboarding.letters.reasons import GENERAL, sentences

HOSTILE = "<script>alert(1)</script>{{7*7}}${{x}}{0.__class__}\u202egnp.exe <img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def people(house: Any) -> Any:
    """A signed-in browser for each person who is asked for."""
    seats: dict[str, Browser] = {}

    def seat(name: str) -> Browser:
        return seats.setdefault(name, Browser(house).sign_in(name))

    return seat


def at(case: dict[str, Any], more: str = "") -> str:
    return f"/console/cases/{case['id']}{more}"


def press(browser: Browser, case: dict[str, Any], action: str, **fields: Any) -> Any:
    """Press a button of the form as it is shown."""
    form = browser.form(at(case))
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": action} | fields
    return browser.post(at(case, "/decision"), sent)


def shown(text: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", text))


def test_every_field_stands_beside_what_it_was_read_from(house, people):
    case = house.case()
    page = people("ann").get(at(case)).text
    for path, origin in case["provenance"].items():
        assert html.escape(str(origin["raw"])) in page.replace("&#39;", "&#x27;"), path
    anchors = set(re.findall(r'href="#(at-\d+)"', page))
    assert len(anchors) >= len(case["provenance"]) - 2
    assert anchors <= set(re.findall(r'id="(at-\d+)"', page)), "every place that is named can be gone to"
    assert "<mark>" + case["application"]["legal_name"] in page
    assert "Nobody was screened" in page, "there is no list in this house"


def test_a_letter_is_shown_by_lines_with_the_passage_marked(house, people):
    text = "From: Jo <jo@brightfox.example.com>\n\nWe are Brightfox Joinery Ltd, number 09999123.\nPhone 0113 496 0999"
    answer = house.backend.post("/v1/cases", content=text.encode(), headers={"Content-Type": "text/plain"})
    case = house.rest(answer.json()["id"])
    page = people("ann").get(at(case)).text
    assert "<mark>Brightfox Joinery Ltd</mark>" in page
    assert "<mark>jo@brightfox.example.com</mark>" in page
    assert "input, line 3, column 8" in page
    csv = "legal_name,country,email\nOakfell Books Ltd,GB,shop@oakfell.example.com\n"
    answer = house.backend.post("/v1/cases", content=csv.encode(), headers={"Content-Type": "text/csv"})
    page = people("ann").get(at(house.rest(answer.json()["id"]))).text
    assert "<mark>Oakfell Books Ltd</mark>" in page
    assert "row 1, column legal_name" in page


def test_whatever_a_merchant_writes_is_text(house, people):
    case = house.case(
        legal_name=f"{HOSTILE} Ltd",
        business_description=HOSTILE * 3,
        website="javascript:alert(1)",
        odd={HOSTILE: HOSTILE},
    )
    for path in (at(case), f"/console?status=all&q={case['id']}"):
        page = people("ann").get(path).text
        assert page.count("<script") == 1, "our own"
        assert '<script src="/static/htmx.min.js" defer></script>' in page
        assert "<img" not in page
        assert "\u202e" not in page, "what cannot be seen is named"
        assert 'href="javascript' not in page
        assert "&lt;script&gt;" in page
        assert "{{7*7}}" in page


def test_hostile_words_in_every_field_at_once_are_text_and_ten_thousand_characters_are_cut(house, people):
    def spoilt(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoilt(item) for key, item in value.items()}
        if isinstance(value, list):
            return [spoilt(item) for item in value]
        return f"{value} {HOSTILE}" if isinstance(value, str) else value

    body = spoilt(house.application())
    body["country"], body["business_description"] = "GB", "w" * 10_000
    body["ownership"] = [{"owner": HOSTILE, "owner_type": "person", "owns": HOSTILE, "pct": 10}]
    answer = house.backend.post("/v1/cases", json=body, headers={"Idempotency-Key": "hostile"})
    case = house.rest(answer.json()["id"])
    page = people("ann").get(at(case)).text
    for mark in ("<script", "<img", "\u202e", "49$"):
        assert mark not in page.replace('<script src="/static/htmx.min.js" defer>', "")
    assert "(10000 characters)" in page or "w" * 2_001 not in page.split('<div class="raw"')[0]


def test_characters_that_cannot_be_seen_are_named(house, people):
    case = house.case(
        business_description="Bread\u202edaerb and\u200b cakes over the counter of our neighbourhood shop."
    )
    assert "Bread⟨U+202E⟩daerb and⟨U+200B⟩ cakes" in people("ann").get(at(case)).text


def test_findings_say_what_they_mean_and_what_to_ask(house, people):
    application = house.application()
    application["bank"]["iban"] = application["bank"]["iban"][:-1] + str(
        (int(application["bank"]["iban"][-1]) + 1) % 10
    )
    del application["persons"][0]["dob"]
    case = house.case(application)
    assert "IBAN_CHECKSUM_FAILED" in {item["code"] for item in case["findings"]}
    page = shown(people("ann").get(at(case)).text)
    assert "High (" in page
    assert "The IBAN has the wrong length, structure or check digits. Source: policy 2.1." in page
    assert "Full date of birth of person 1 missing" in page
    assert "Approving this case takes two people" in page


def test_approving_is_recorded_once_however_often_it_is_pressed(house, people):
    case = house.case()
    form = people("ann").form(at(case))
    sent = {
        "csrf": form["csrf"],
        "review_id": form["review_id"],
        "action": "approve",
        "comment": "Papers seen.\r\nAll well.",
    }
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: people("ann").post(at(case, "/decision"), sent), range(4)))
    assert [answer.status_code for answer in answers] == [303] * 4
    found = house.rest(case["id"])
    assert found["status"] == "active"
    (made,) = found["decisions"]
    assert (made["actor"], made["channel"], made["comment"]) == ("ann", "console", "Papers seen.\nAll well.")
    assert len(house.sandbox(case["id"])["effects"]) == 2
    page = people("ann").get(answers[0].headers["location"]).text
    assert "Your decision is recorded. Approve by ann" in shown(page)


def test_whoever_comes_second_is_told_who_decided_and_loses_nothing(house, people):
    case = house.case()
    form = people("rob").form(at(case))
    assert press(people("ann"), case, "reject", reason_codes=["OTHER"]).status_code == 303
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve", "comment": "My long comment"}
    late = people("rob").post(at(case, "/decision"), sent)
    assert late.status_code == 409
    assert "ann decided this review already: reject. Nothing of yours was recorded." in shown(late.text)
    assert "My long comment" in late.text, "and it is given back to be kept"
    assert house.rest(case["id"])["status"] == "rejected"
    assert house.rest(case["id"])["decisions"][0]["reason_codes"] == ["OTHER"]


def test_a_case_that_changed_meanwhile_is_shown_anew_with_what_was_typed(house, people):
    case = house.case()
    form = people("ann").form(at(case))
    answer = house.backend.post(f"/v1/cases/{case['id']}/information", json={"answers": {"address.city": "York"}})
    assert answer.status_code == 200
    house.rest(case["id"])
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve", "comment": "Typed before"}
    late = people("ann").post(at(case, "/decision"), sent)
    assert late.status_code == 409
    assert "changed since this review was shown" in late.text
    assert "Typed before</textarea>" in late.text
    assert "version 2" in late.text
    assert "City: Leeds → York" in shown(late.text)
    assert f'value="{form["review_id"]}"' not in late.text, "the form is bound to the newest review"
    assert house.get(case["id"])["status"] == "in_review"


def test_the_merchant_is_asked_in_the_words_of_the_form(house, people):
    application = house.application()
    del application["persons"][0]["dob"]
    case = house.case(application)
    page = people("ann").form(at(case))["page"]
    number = re.search(r'name="ask_path_(\d+)" value="persons\[0\]\.dob"', page)
    assert number, "what is missing is prepared"
    fields = {"ask": ["0", "1"], "ask_path_0": "persons[0].dob", "ask_text_0": "When was the owner born?"}
    empty = press(people("ann"), case, "request_information", ask_path_0="website", ask_text_0="not ticked")
    assert empty.status_code == 422
    assert "Tick at least one" in empty.text
    own = {"ask_own_1": "1", "ask_path_1": "website", "ask_text_1": "And where is your shop?"}
    assert press(people("ann"), case, "request_information", **fields, **own).status_code == 303
    assert house.rest(case["id"])["status"] == "awaiting_information"
    letter = house.letter(case["id"], kind="information_request").get_body(("plain",)).get_content()
    assert "When was the owner born?" in letter
    assert "And where is your shop?" in letter


def test_a_rejection_shows_its_letter_before_it_is_sent_and_the_reasons_are_chosen(house, people):
    case, ann = house.case(bank={"iban": "GB33BUKB20201555555556"}), people("ann")

    def letter(page: str) -> str:
        return shown(page.partition('id="letter"')[2].partition("</blockquote>")[0].partition("<bdi>")[2])

    first = ann.get(at(case)).text
    ticked = re.findall(r'name="reason_codes" value="([^"]+)" checked', first)
    assert ticked == case["recommendation"]["reasons"]
    assert sentences(ticked)[0] in letter(first)
    looked = press(ann, case, "draft", reason_codes=["COUNTRY_NOT_SUPPORTED"], comment="<i>wait")
    assert looked.status_code == 200
    assert "incorporated in this country" in letter(looked.text)
    assert sentences(ticked)[0] not in letter(looked.text)
    assert "&lt;i&gt;wait" in looked.text
    assert house.get(case["id"])["review"]["id"] == case["review"]["id"], "nothing was decided"
    unticked = press(ann, case, "draft")
    assert GENERAL in letter(unticked.text)
    assert press(ann, case, "reject", reason_codes=["COUNTRY_NOT_SUPPORTED", "DATE_INVALID"]).status_code == 303
    house.rest(case["id"], "rejected")
    left = house.letter(case["id"], kind="rejection").get_body(("plain",)).get_content()
    told = house.get(case["id"])["decisions"][0]["told"]
    assert told == sentences(["COUNTRY_NOT_SUPPORTED", "DATE_INVALID"])
    for sentence in told:
        assert sentence in " ".join(left.split())
        assert sentence in shown(ann.get(at(case)).text)


def test_a_correction_makes_the_next_version_and_takes_a_second_person(house, people):
    case = house.case()
    both = press(people("ann"), case, "approve", fix_path_0="bank.holder", fix_value_0="Somebody Else")
    assert both.status_code == 422
    assert "You typed a correction" in both.text
    assert 'value="Somebody Else"' in both.text
    assert press(people("ann"), case, "correct").status_code == 422
    right = press(people("ann"), case, "correct", fix_path_0="bank.holder", fix_value_0="Right Holder Ltd")
    assert right.status_code == 303
    found = house.rest(case["id"])
    assert (found["application_version"], found["application"]["bank"]["holder"]) == (2, "Right Holder Ltd")
    page = shown(people("ann").get(at(case)).text)
    assert "Approving this case takes two people" in page
    assert "→ Right Holder Ltd" in page
    assert press(people("ann"), case, "approve").status_code == 303
    mine = people("ann").get(at(case)).text
    assert "must come from another person than the first" in mine
    assert 'value="approve"' not in mine
    assert press(people("ann"), case, "approve").status_code == 403
    assert "takes a senior reviewer" in people("rob").get(at(case)).text
    assert press(people("rob"), case, "approve").status_code == 403
    assert house.get(case["id"])["status"] == "in_review"
    assert press(people("sue"), case, "approve").status_code == 303
    assert house.rest(case["id"])["status"] == "active"


def test_a_session_that_ended_in_mid_form_loses_nothing(house):
    house.write(lambda tx: access.create_token(tx, "tess", "reviewer"))
    case = house.case()
    tess, typed = Browser(house).sign_in("tess"), "Half an hour of <careful> typing"
    form = tess.form(at(case))
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "reject", "comment": typed}
    sent |= {"reason_codes": ["OTHER"], "fix_path_0": "website", "fix_value_0": "x.example"}
    over = "UPDATE sessions SET expires_at = '2020-01-01T00:00:00.000Z' WHERE name = 'tess'"
    assert house.write(lambda tx: tx.conn.exec_driver_sql(over).rowcount) == 1
    gone = tess.post(at(case, "/decision"), sent)
    assert gone.status_code == 401
    assert "what you typed is kept" in gone.text
    assert house.get(case["id"])["status"] == "in_review"
    forged = tess.post(at(case, "/decision"), sent | {"csrf": "x", "comment": "forged"})
    assert forged.status_code == 401
    page = Browser(house).sign_in("tess").form(at(case))["page"]
    assert "Half an hour of &lt;careful&gt; typing</textarea>" in page
    assert 'value="OTHER" checked' in page
    assert 'value="x.example"' in page
    assert "careful" not in Browser(house).sign_in("rob").get(at(case)).text, "it is theirs alone"
    old_tab = tess.sign_in("tess").post(at(case, "/decision"), sent)
    assert old_tab.status_code == 403
    assert "opened in an earlier session" in old_tab.text
    assert "&lt;careful&gt;" in old_tab.text
    again = {"csrf": tess.form(at(case))["csrf"], "drafted": "1", "action": "reject", "comment": typed}
    assert tess.post(at(case, "/decision"), again | {"review_id": form["review_id"]}).status_code == 303
    assert house.rows("SELECT count(*) FROM drafts")[0][0] == 0
    nobody = Browser(house).post(at(case, "/decision"), sent)
    assert nobody.status_code == 401
    assert "&lt;careful&gt;" in nobody.text


def test_a_role_that_may_only_look_decides_nothing_even_in_mid_session(house):
    house.write(lambda tx: access.create_token(tx, "max", "reviewer"))
    case, seat = house.case(), Browser(house).sign_in("max")
    form = seat.form(at(case))
    house.write(lambda tx: access.revoke(tx, "max"))
    shop = house.client(house.write(lambda tx: access.create_token(tx, "max", "backend")))
    own = house.rest(shop.post("/v1/cases", json=house.application()).json()["id"])
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve"}
    assert seat.post(at(case, "/decision"), sent).status_code == 403
    assert seat.post(at(case, "/claim"), {"csrf": form["csrf"]}).status_code == 403
    assert seat.post(at(case, "/release"), {"csrf": form["csrf"]}).status_code == 403
    page = seat.get(at(own)).text
    assert "may look but not decide" in page
    assert 'value="approve"' not in page
    assert seat.get(at(case)).status_code == 404, "and of a backend's role only what is its own"
    for view in ("?status=waiting", "?status=in_review", "?status=in_review&q=Bakery"):
        queue = seat.get(f"/console{view}").text
        assert own["id"] in queue
        assert case["id"] not in queue
    assert house.get(case["id"])["decisions"] == []


def test_a_failed_activation_is_tried_again_or_given_up_from_the_page(house, people):
    case = house.case(trading_name="Shop [svc2:fail]")
    assert press(people("ann"), case, "approve").status_code == 303
    assert house.rest(case["id"])["review"]["stage"] == "activation"
    page = people("ann").get(at(case)).text
    assert "Activation failed: what now?" in page
    assert "svc2</strong>: refused" in page
    assert 'value="approve"' not in page
    assert press(people("ann"), case, "retry").status_code == 303
    assert house.rest(case["id"])["review"]["round"] == 2
    assert press(people("ann"), case, "give_up").status_code == 303
    assert house.rest(case["id"])["status"] == "activation_failed"
    assert "This case is activation failed." in people("ann").get(at(case)).text


def test_a_review_of_another_case_is_not_decided(house, people):
    mine, other = house.case(), house.case()
    form = people("ann").form(at(mine))
    sent = {"csrf": form["csrf"], "review_id": form["review_id"], "action": "approve"}
    assert people("ann").post(at(other, "/decision"), sent).status_code == 404
    told = [(event["actor"], event["type"]) for event in house.events(other["id"])]
    assert told[-1] == ("ann", "decision.misdirected"), "who tried stands in the trail"
    assert people("ann").post("/console/cases/unknown/decision", sent).status_code == 404
    assert people("ann").post(at(mine, "/decision"), sent | {"action": "retry"}).status_code == 422
    assert people("ann").post(at(mine, "/decision"), sent | {"action": ""}).status_code == 422
    nul = people("ann").post(at(mine, "/decision"), sent | {"comment": "a\x00b"})
    assert nul.status_code == 422
    assert house.get(mine["id"])["status"] == house.get(other["id"])["status"] == "in_review"


def test_what_came_in_can_be_saved_and_is_never_a_page(house, people):
    case = house.case(legal_name="<b>Bold</b> Ltd")
    saved = people("ann").get(at(case, "/parts/0"))
    assert saved.status_code == 200
    assert saved.headers["content-disposition"].startswith("attachment")
    assert saved.headers["content-type"] == "application/octet-stream"
    assert "<b>Bold</b> Ltd" in saved.text
    assert people("ann").get(at(case, "/parts/7")).status_code == 404
    assert people("ann").get(at(case, "/parts/x")).status_code == 422


def test_a_screening_hit_is_explained_and_what_was_said_of_it_is_remembered(open_product_house, tmp_path):
    entry = {"id": "W-1", "schema": "Person", "properties": {"name": ["Viktor Ashgrove"], "topics": ["sanction"]}}
    entry["properties"] |= {"birthDate": ["1971-05-06"], "country": ["ru"]}
    path = tmp_path / "list.jsonl"
    path.write_text(json.dumps(entry))
    with open_product_house(watchlist=path) as own:

        def apply(dob: str) -> dict[str, Any]:
            body = own.application()
            body["persons"][0] |= {"name": "Viktor Ashgrove", "dob": dob}
            return own.case(body)

        first, ann, max_ = apply("1961-06-11"), Browser(own).sign_in("ann"), Browser(own).sign_in("rob")
        page = shown(ann.get(at(first)).text)
        assert "Nobody was screened" not in page
        assert re.search(r"names agree\s*1\.00\s*birth year differs\s*-0\.40\s*country differs\s*-0\.1", page)
        sent = {"csrf": ann.form(at(first))["csrf"], "subject": "persons[0].name", "entry_id": "W-1", "said": "cleared"}
        assert ann.post(at(first, "/screening"), sent | {"reason": " "}).status_code == 422
        assert ann.post(at(first, "/screening"), sent | {"reason": "x", "entry_id": "W-2"}).status_code == 409
        reason = "Passport seen, <b>other</b> face"
        for _ in range(2):
            assert ann.post(at(first, "/screening"), sent | {"reason": reason}).status_code == 303
        second, stranger = apply("1961-06-11"), apply("1962-06-11")
        for case in (first, second):
            page = rob_page = max_.get(at(case)).text
            assert "Passport seen, &lt;b&gt;other&lt;/b&gt; face" in page
            assert "said not to be the same" in page
        assert "the same name and birth date" in rob_page
        assert "Passport seen" not in max_.get(at(stranger)).text, "another birth date is another person"
        codes = [[item["code"] for item in case["findings"]] for case in (first, second)]
        assert "SCREENING_HIT_DISCOUNTED" in codes[1], "a clearance removes no finding"
        assert first["recommendation"] == own.get(first["id"])["recommendation"]
        told = [
            (e["actor"], e["type"], e["data"]) for e in own.events(first["id"]) if e["type"].startswith("screening")
        ]
        assert [(actor, kind, data["entry_id"]) for actor, kind, data in told] == [("ann", "screening.cleared", "W-1")]
        assert "Passport" not in json.dumps(told), "no words of anybody's in the trail"
        back = sent | {
            "said": "withdrawn",
            "reason": "I looked at the wrong file",
            "csrf": max_.form(at(second))["csrf"],
        }
        assert max_.post(at(second, "/screening"), back).status_code == 303
        page = ann.get(at(first)).text
        assert "said not to be the same" not in page
        assert "I looked at the wrong file" in page
        gone = Browser(own).post(at(first, "/screening"), sent | {"reason": "typed in vain"})
        assert gone.status_code == 401
        assert "typed in vain" in gone.text
        assert f'name="to" value="{at(first)}"' in gone.text
        assert own.decide("ann", first, "reject").status_code == 200
        own.rest(first["id"])
        assert own.root.post(f"/v1/cases/{first['id']}/erase").status_code == 200
        assert "Passport seen" not in ann.get(at(second)).text, "what was said on an erased case goes with it"


def test_the_page_draws_the_owners_and_where_the_case_stands_and_names_related_merchants(house, people):
    body = house.application()
    case, twin = house.case(body), house.case(body)
    page = people("ann").get(at(case)).text
    assert page.count("<svg") == 2
    assert "100 % in all" in page
    assert "The case waits at: <strong>review</strong>." in page
    assert "the case is here" in page
    related = page[page.index("h-related") :][:2_000]
    assert f'/console/cases/{twin["id"]}"' in related, "a later case too"
    assert "both have the same registration number, payout account," in shown(related)
