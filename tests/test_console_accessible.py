"""Everybody can work here: axe finds nothing serious on any page, and the keyboard alone gets through."""

import json
import shutil
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from graph import signing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one"),
]
ENTRY = {"id": "W-1", "schema": "Person", "properties": {"name": ["Viktor Ashgrove"], "topics": ["sanction"]}}


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def own(open_product_house, tmp_path_factory):
    path = tmp_path_factory.mktemp("list") / "list.jsonl"
    path.write_text(json.dumps(ENTRY))
    with open_product_house(reviewers="lou@reviewers.example", watchlist=path) as found:
        yield found


@pytest.fixture(scope="module")
def pages(own) -> dict[str, str]:
    """The path of every kind of page."""
    body = own.application()
    body["persons"][0] |= {"name": "Viktor Ashgrove", "dob": None}
    body["ownership"] = [
        {"owner": "Hold BV", "owner_type": "entity", "owns": body["legal_name"], "pct": 60},
        {"owner": "Viktor Ashgrove", "owner_type": "person", "owns": "Hold BV", "pct": 50},
    ]
    risky, twin, done, failed = own.case(body), own.case(body), own.case(), own.case(trading_name="Shop [svc2:fail]")
    for case in (twin, done, failed):
        own.decide("ann", case, "approve")
        own.rest(case["id"])
    kinds = {"first review": risky, "second review": twin, "closed": done, "activation": failed}
    return {
        "queue": "/console?status=waiting",
        "nothing found": "/console?q=nothing-like-it",
        "all": "/console?status=all&refresh=on",
        "no such page": "/console/nowhere",
        "no such case": "/console/cases/unknown",
        **{kind: f"/console/cases/{case['id']}" for kind, case in kinds.items()},
    }


def serious(page: Page, *, but: str = "") -> list[str]:
    """What axe finds that keeps somebody out, ``but`` for one rule."""
    found = [rule for rule in Axe().run(page).response["violations"] if rule["id"] != but]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def signed_in(own: Any, context: Any, name: str = "sue") -> Page:
    page: Page = context.new_page()
    page.goto(own.write(lambda tx: signing.local_link(tx, name, own.url)))
    assert serious(page) == []
    page.get_by_role("button", name="Sign in").click()
    return page


@pytest.mark.parametrize("scheme, width", (("light", 1400), ("dark", 375)))
def test_axe_finds_nothing_serious_on_any_page(own, pages, chromium, scheme, width):
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    nobody = context.new_page()
    nobody.goto(f"{own.url}/console/sign-in")
    assert serious(nobody) == []
    nobody.get_by_label("Your e-mail address").fill("x@y.example")
    nobody.get_by_role("button").click()
    assert serious(nobody) == []
    page = signed_in(own, context)
    for name, path in pages.items():
        page.goto(own.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        # a page may renew itself for whoever asked for that and can stop it on the page (WCAG 2.2.1)
        assert serious(page, but="meta-refresh" if name == "all" else "") == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    with page.expect_download() as saved:
        page.goto(own.url + pages["second review"])
        page.get_by_role("link", name="Save as a file").click()
    alone = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True).new_page()
    said: list[str] = []
    alone.on("console", lambda message: said.append(message.text))
    path = saved.value.path()
    target = path.with_suffix(".html")
    shutil.copy(path, target)
    alone.goto(target.as_uri())
    assert alone.evaluate("getComputedStyle(document.querySelector('.notice')).borderLeftStyle") == "solid", (
        "it is styled"
    )
    assert serious(alone) == []
    assert said == []


def test_the_keyboard_alone_takes_a_case_and_asks_the_merchant(own, chromium):
    case = own.case()
    page = signed_in(own, chromium.new_context(viewport={"width": 1400, "height": 900}), "rob")
    page.goto(own.url + case["links"]["console"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.textContent.trim()")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", f"one sees where one is: {name}"
        seen.append(name)
        if name == "Take this case":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Give back to the queue")).to_be_visible()
    page.get_by_role("button", name="Reject").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status")).to_contain_text("Your decision is recorded")
    assert own.rest(case["id"])["status"] == "rejected"
