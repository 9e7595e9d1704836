"""Pages that say what happened meanwhile, by the one script we ship: nothing typed is lost, no focus is taken."""

import hashlib
import html
import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from harness.browser import Browser
from playwright.sync_api import Page, expect, sync_playwright

from graph import signing

STATIC = Path(__file__).parent.parent / "api" / "static"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
POLL = re.compile(r'<div id="news" hx-get="([^"]+)" hx-trigger="every 5s" hx-swap="outerHTML">')


def polled(page: str) -> str:
    """Where the page asks for news."""
    return html.unescape(POLL.findall(page)[0])


def test_the_script_is_the_one_its_makers_released():
    """The file's hash as npm gave it out; whoever replaces it writes down from where."""
    script, note = (STATIC / "htmx.min.js").read_bytes(), (STATIC / "htmx.LICENSE.txt").read_text()
    assert hashlib.sha256(script).hexdigest() in note
    assert "Zero-Clause BSD" in note


def test_a_case_page_hears_of_every_decision_once_and_keeps_quiet_otherwise(house):
    case, ann = house.case(), Browser(house).sign_in("ann")
    house.idle(case["id"])
    address = polled(ann.get(case["links"]["console"]).text)
    assert ann.get(address).status_code == 204
    ann.post(f"/console/cases/{case['id']}/claim", {"csrf": ann.form("/console?status=all")["csrf"]})
    first = ann.get(address).text
    assert "taken by ann" in first
    assert ann.get(polled(first)).status_code == 204, "it is said once"
    house.decide("sue", case, "reject")
    house.rest(case["id"])
    second = ann.get(polled(first)).text
    assert "taken by ann" in second
    assert "<bdi>sue</bdi>: decided: reject (api)" in second
    assert "<script" not in second
    assert "hx-get" not in ann.get(case["links"]["console"]).text, "a closed case has no news"


def test_the_queue_hears_that_its_counts_changed_and_only_then(open_product_house):
    with open_product_house() as own:
        own.case()
        ann = Browser(own).sign_in("ann")
        page = ann.get("/console?status=waiting&q=&country=GB").text
        address = polled(page)
        own.clock.by += timedelta(seconds=11)
        first = ann.get(address).text
        assert "changed" not in first, "the page's own counts may be older than its rows"
        address = polled(first)
        assert ann.get(address).status_code == 204
        own.case()
        own.clock.by += timedelta(seconds=11)
        news = ann.get(address).text
        assert re.findall(r'<b id="count-waiting" hx-swap-oob="true">(\d+)</b>', news) == ["2"]
        assert "The queue has changed" in news
        assert 'href="/console?status=waiting&amp;country=GB&amp;order=due"' in news or "country=GB" in news
        assert set(re.findall(r'id="(count-[a-z_]+)" hx-swap-oob', news)) == set(
            re.findall(r'id="(count-[a-z_]+)"', page)
        ), "every number of the page, and no other"
        own.clock.by += timedelta(seconds=11)
        assert ann.get(polled(news)).status_code == 204


def test_news_are_for_who_may_look_and_an_ended_session_is_told_in_place(house):
    case, ann = house.case(), Browser(house).sign_in("ann")
    for address in (f"/console/cases/{case['id']}/news?since=0&seen=0", "/console/counts?since=1&seen=1&back=x"):
        assert house.nobody.get(address).status_code == 303
        told = house.nobody.get(address, headers={"HX-Request": "true"})
        assert (told.status_code, "Your session has ended" in told.text, "hx-" in told.text) == (200, True, False)
        assert ann.get(address).status_code == 200
    assert ann.get("/console/cases/unknown/news?since=0&seen=0").status_code == 404
    for odd in ("since=-1&seen=0", "since=x&seen=0", "since=0", f"since={2**40}&seen=0"):
        assert ann.get(f"/console/cases/{case['id']}/news?{odd}").status_code == 422
    back = urlencode({"since": '"><script>', "seen": "y", "back": 'javascript:alert(1)"><script>'})
    answer = ann.get(f"/console/counts?{back}").text
    assert "<script" not in answer
    assert "javascript:" not in answer


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no Chromium here; `apt-get install chromium` brings one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(house: Any, chromium: Any, name: str) -> tuple[Page, list[str]]:
    said: list[str] = []
    page = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(house.write(lambda tx: signing.local_link(tx, name, house.url)))
    page.get_by_role("button", name="Sign in").click()
    return page, said


@pytest.mark.slow
def test_in_a_browser_news_arrive_under_the_strict_policy_and_take_neither_focus_nor_words(house, chromium, tmp_path):
    case = house.case()
    page, said = signed_in(house, chromium, "ann")
    page.goto(house.url + case["links"]["console"])
    comment = page.get_by_label("Comment for the record")
    comment.fill("half a thou")
    where = page.get_by_role("button", name="Reject").bounding_box()
    house.decide("rob", case, "approve")
    page.locator("#news-link").wait_for(timeout=15_000)
    comment.press_sequentially("ght")
    assert comment.input_value() == "half a thought"
    assert page.evaluate("document.activeElement.id") == "comment"
    assert page.get_by_role("button", name="Reject").bounding_box() == where, "nothing moves under the finger"
    assert "rob" in page.locator("#news").inner_text()
    page.screenshot(path=tmp_path / "case.png")
    page.get_by_role("button", name="Reject").click()
    assert "rob decided this review already" in page.get_by_role("alert").inner_text()
    page.goto(f"{house.url}/console?status=waiting")
    search = page.get_by_role("searchbox")
    search.fill("some wor")
    page.locator("#news:not([hx-get*='since=&'])").wait_for(state="attached", timeout=20_000)
    house.case()
    page.locator("#news-link").wait_for(timeout=20_000)
    search.press_sequentially("ds")
    assert (search.input_value(), page.evaluate("document.activeElement.id")) == ("some words", "q")
    waiting = house.rows("SELECT count(*) FROM cases WHERE queue_due IS NOT NULL")[0][0]
    expect(page.locator("#count-waiting")).to_have_text(str(waiting), timeout=20_000)
    assert page.locator("#news").count() == 1
    page.screenshot(path=tmp_path / "queue.png")
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "Bakery" not in kept, "no page is kept in the browser"
    assert len(kept) < 200
    assert [text for text in said if "409" not in text] == []
