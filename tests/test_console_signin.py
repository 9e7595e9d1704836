"""Signing in to the console: a personal link, once, and a session that ends when it should."""

import asyncio
import email.policy
import re
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from harness.answers import Tags
from harness.browser import Browser

from checkpoints import access, sessions
from graph import signing
from onboarding.errors import Forbidden
from onboarding.settings import Settings

HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


@pytest.fixture
def browser(house):
    return Browser(house)


def letters(house: Any, name: str) -> list[str]:
    """The sign-in links in the letters that were left for this person, oldest first."""
    found = []
    ends = time.monotonic() + 10
    while not found and time.monotonic() < ends:
        for path in sorted((house.data_dir / "outbox").glob("*.eml"), key=lambda path: path.stat().st_mtime):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if name in message["To"] and "sign in" in message["Subject"]:
                text = message.get_body(("plain",)).get_content()
                found += re.findall(r"http://\S+(/console/sign-in/\S+)", text)
        time.sleep(0.02)
    return found


def test_a_link_comes_by_letter_signs_in_once_and_leads_back(house, browser):
    gone = browser.get("/console/cases/no-such-case")
    assert (gone.status_code, gone.headers["location"]) == (303, "/console/sign-in?to=/console/cases/no-such-case")
    form = browser.form(gone.headers["location"])
    asked = browser.post("/console/sign-in", {"address": "ANN@reviewers.example", "to": form["to"]})
    assert asked.status_code == 200
    (link,) = letters(house, "ann@reviewers.example")
    for _ in range(3):
        assert "Sign in as" in browser.get(link).text
    assert house.nobody.head(link).status_code == 200
    begun = browser.post(link)
    assert (begun.status_code, begun.headers["location"]) == (303, "/console/cases/no-such-case")
    cookie = begun.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie, "this house is plain http on the loopback"
    assert browser.get("/console").status_code == 200
    assert Browser(house).post(link).status_code == 410, "a link works once"
    assert Browser(house).get(link).status_code == 410


def test_the_shell_prints_a_link_beside_the_running_service(house, browser):
    settings = Settings(data_dir=house.data_dir, public_url=house.url)
    link = asyncio.run(signing.sign_in_link(settings, "root")).removeprefix(house.url)
    assert browser.post(link).status_code == 303
    assert "admin" in browser.get("/console").text
    with pytest.raises(Forbidden, match="no live token"):
        asyncio.run(signing.sign_in_link(settings, "stranger"))


def test_the_answer_is_the_same_for_everybody_and_only_ours_get_letters(house, browser):
    before = house.rows("SELECT count(*) FROM sign_in_links")[0][0]
    known = browser.post("/console/sign-in", {"address": "sue@reviewers.example"})
    unknown = browser.post("/console/sign-in", {"address": "mallory@elsewhere.example"})
    broken = browser.post("/console/sign-in", {"address": "a\r\nBcc: x@y.example"})
    assert known.text == unknown.text == broken.text
    assert known.status_code == unknown.status_code == broken.status_code == 200
    assert letters(house, "sue@reviewers.example")
    assert house.rows("SELECT count(*) FROM sign_in_links")[0][0] == before + 1


def test_only_hashes_are_stored(house, browser):
    browser.post("/console/sign-in", {"address": "sue@reviewers.example"})
    link = letters(house, "sue@reviewers.example")[-1]
    browser.post(link)
    stored = house.dump()
    assert link.rpartition("/")[2] not in stored
    assert browser.http.cookies["onboard_session"] not in stored


def test_an_expired_link_and_an_unknown_one_sign_nobody_in(house, browser):
    link = house.write(lambda tx: signing.local_link(tx, "root", house.url)).removeprefix(house.url)
    past(house, "sign_in_links", link.rpartition("/")[2])
    assert browser.get(link).status_code == 410
    assert browser.post(link).status_code == 410
    for wrong in ("x", "lnk_" + "a" * 43, "a" * 5000, "%00", "a%2Fb"):
        assert browser.get(f"/console/sign-in/{wrong}").status_code in (303, 404)
        assert browser.post(f"/console/sign-in/{wrong}").status_code in (404, 405)
    assert not browser.http.cookies


def past(house: Any, table: str, token: str) -> None:
    """Let its time be over."""
    query = f"UPDATE {table} SET expires_at = '2020-01-01T00:00:00.000Z' WHERE token_hash = '{access.hashed(token)}'"
    changed = house.write(lambda tx: tx.conn.exec_driver_sql(query).rowcount)
    assert changed == 1


def test_a_session_ends_by_itself_and_by_signing_out(house, browser):
    house.write(lambda tx: access.create_token(tx, "eve", "reviewer"))
    browser.sign_in("eve")
    token = browser.http.cookies["onboard_session"]
    csrf = browser.form("/console")["csrf"]
    assert browser.post("/console/sign-out", {"csrf": "x"}).status_code == 403
    assert browser.get("/console").status_code == 200
    assert browser.post("/console/sign-out", {"csrf": csrf}).status_code == 200
    browser.http.cookies.set("onboard_session", token)
    assert browser.get("/console").status_code == 303, "the session is ended in the ledger, not only in the browser"
    other = Browser(house).sign_in("eve")
    (row,) = house.rows(
        "SELECT * FROM sessions WHERE token_hash = ?", access.hashed(other.http.cookies["onboard_session"])
    )
    lasts = datetime.fromisoformat(row["expires_at"]) - datetime.fromisoformat(row["created_at"])
    assert lasts == timedelta(hours=12)
    past(house, "sessions", other.http.cookies["onboard_session"])
    assert other.get("/console").status_code == 303
    kinds = [row[0] for row in house.rows("SELECT type FROM audit WHERE case_id = 'person:eve' ORDER BY seq")]
    assert kinds == ["session.link_printed", "session.began", "session.ended", "session.link_printed", "session.began"]


def test_whoever_loses_the_role_is_out_at_once(house, browser):
    house.write(lambda tx: access.create_token(tx, "ned", "reviewer"))
    browser.sign_in("ned")
    link = house.write(lambda tx: signing.local_link(tx, "ned", ""))
    assert browser.get("/console").status_code == 200
    house.write(lambda tx: access.revoke(tx, "ned"))
    assert browser.get("/console").status_code == 303
    assert browser.get(link).status_code == 410, "and no link brings them back"


def test_an_address_the_operator_listed_is_trusted_until_it_has_a_token_of_its_own(house):
    def roles() -> set[str]:
        return house.write(lambda tx: access.standing(tx, "lou@reviewers.example", listed=True))

    assert roles() == {"senior_reviewer"}
    house.write(lambda tx: access.create_token(tx, "Lou@reviewers.example", "reviewer"))
    assert roles() == {"reviewer"}
    house.write(lambda tx: access.revoke(tx, "Lou@reviewers.example"))
    assert roles() == set(), "revoking takes everything away"
    assert house.write(lambda tx: access.standing(tx, "nobody@elsewhere.example", listed=False)) == set()


def test_every_page_carries_the_headers(house, browser):
    signed = Browser(house).sign_in("rob")
    answers = [
        browser.get("/console/sign-in"),
        browser.get("/console"),
        browser.get("/console/nowhere"),
        browser.post("/console/sign-in", {"address": "x"}),
        browser.get("/console/sign-in/unknown"),
        signed.get("/console"),
        signed.get("/console/nowhere"),
        signed.get("/console/cases/unknown"),
        signed.post("/console/cases/unknown/claim", {"csrf": "wrong"}),
    ]
    for answer in answers:
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        if answer is not answers[5]:
            assert "script-src" not in policy
            assert "<script" not in answer.text
    live = answers[5]
    assert live.headers["content-security-policy"].endswith("; script-src 'self'; connect-src 'self'")
    assert re.findall(r"<script[^>]*>", live.text) == ['<script src="/static/htmx.min.js" defer>']
    assert '"allowEval": false' in live.text
    seen = Tags()  # merchants' names are on this page, and may say anything
    seen.feed(live.text)
    assert not [name for name in seen.attributes if name.startswith(("on", "hx-on"))]
    assert not [link for link in seen.links if not link.startswith(("/", "#"))]
    assert [answer.status_code for answer in answers] == [200, 303, 303, 200, 404, 200, 404, 404, 403]


def test_forms_from_elsewhere_do_nothing(house, browser):
    signed = Browser(house).sign_in("rob")
    case = house.case()
    csrf = signed.form("/console")["csrf"]
    path = f"/console/cases/{case['id']}/claim"
    assert signed.post(path, {"csrf": csrf}, Origin="https://evil.example").status_code == 403
    assert signed.post(path, {"csrf": csrf}, Origin="null").status_code == 403
    assert signed.http.post(path, data={"csrf": csrf}).status_code == 403, "no word about where it comes from"
    assert signed.post(path, {"csrf": csrf}, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert signed.post(path, {}).status_code == 403
    other = Browser(house).sign_in("ann").form("/console")["csrf"]
    assert signed.post(path, {"csrf": other}).status_code == 403, "another person's token"
    assert browser.post("/console/sign-in", {"address": "x"}, Origin="https://evil.example").status_code == 403
    assert house.rows("SELECT assignee FROM cases WHERE id = ?", case["id"])[0][0] is None
    assert signed.post(path, {"csrf": csrf}).status_code == 303
    assert house.rows("SELECT assignee FROM cases WHERE id = ?", case["id"])[0][0] == "rob"


def test_a_form_of_another_site_does_not_decide_with_the_victims_cookie(house):
    signed, case = Browser(house).sign_in("rob"), house.case()
    form = signed.form(f"/console/cases/{case['id']}")
    sent = {"review_id": form["review_id"], "action": "approve"}
    for path in (f"/console/cases/{case['id']}/decision", "/console/assign", "/console/view", "/console/sign-out"):
        for data in (sent, sent | {"csrf": form["csrf"]}):
            for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
                assert signed.post(path, data, **headers).status_code == 403
    assert signed.post(f"/console/cases/{case['id']}/decision", sent).status_code == 403, "no token of ours in it"
    api = signed.http.post(f"/v1/cases/{case['id']}/decision", json=sent, headers={"Origin": house.url})
    assert api.status_code == 401, "the API takes no cookie"
    assert house.get(case["id"])["decisions"] == []
    assert signed.get("/console").status_code == 200, "nobody was signed out"


def test_a_link_in_a_letter_is_followed_from_our_own_page_so_that_the_strict_cookie_comes_along(browser):
    onward = browser.get("/console/cases/some-case", headers={"Sec-Fetch-Site": "cross-site"})
    assert onward.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/console/cases/some-case">' in onward.text
    assert browser.get("/console/cases/some-case", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_signing_in_leads_nowhere_else(house, browser):
    for wrong in ("https://evil.example", "//evil.example", "/console/../v1", "/console?x", "javascript:alert(1)"):
        assert browser.form(f"/console/sign-in?to={wrong}")["to"] == "/console"
    assert signing.inside("/console/cases/abc-1") == "/console/cases/abc-1"


def test_behind_https_the_cookie_is_bound_to_the_host_and_too_many_tries_are_refused(open_product_house):
    with open_product_house(public_url="https://desk.example", reviewers="lou@reviewers.example") as own:
        browser, origin = Browser(own), {"Origin": "https://desk.example"}
        link = own.write(lambda tx: signing.local_link(tx, "root", ""))
        answer = browser.post(link, **origin)
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].startswith("__Host-onboard=ses_")
        assert "Secure" in answer.headers["set-cookie"]
        for _ in range(8):
            assert browser.post("/console/sign-in", {"address": "lou@reviewers.example"}, **origin).status_code == 200
        own.write(lambda tx: None)
        assert own.rows("SELECT count(*) FROM sign_in_links WHERE name LIKE 'lou%'")[0][0] == 5
        answers = [browser.post("/console/sign-in", {"address": f"{n}@x.example"}, **origin) for n in range(60)]
        assert answers[-1].status_code == 429
        assert browser.post("/console/sign-in/unknown", **origin).status_code == 429
        own.clock.by = timedelta(minutes=16)
        assert browser.post("/console/sign-in", {"address": "lou@reviewers.example"}, **origin).status_code == 200
        own.write(lambda tx: None)
        assert own.rows("SELECT count(*) FROM sign_in_links WHERE name LIKE 'lou%'")[0][0] == 6


def test_the_trail_of_sessions_holds(house):
    from checkpoints.audit import broken_links

    assert house.write(lambda tx: list(broken_links(tx))) == []
    assert house.write(lambda tx: sessions.find(tx, "")) is None
