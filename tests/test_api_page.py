"""The confirmation page in a real browser: phone width, light and dark, without JavaScript, by keyboard."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no Chromium here: apt-get install chromium, or set CHROMIUM to one")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def risky(open_product_house: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A case with something to look at: a merchant we know already, a wrong account, hostile text, much text."""
    with open_product_house(reviewers="ann@reviewers.example") as own:
        body = own.application()
        own.case(body)
        body["bank"]["iban"] = "GB00BUKB20201555555555"
        body["legal_name"] = "W" * 60 + "<script>document.title='owned'</script> \u202eltd"
        body["persons"][0]["dob"] = None
        yield own, own.case(body)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("action", ["approve", "reject"])
def test_the_page_fits_a_phone_and_can_be_read(chromium, risky, tmp_path, action, scheme):
    own, case = risky
    page = chromium.new_page(viewport=PHONE, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(own.url + own.links(case["id"])[action])
    assert "owned" not in page.title()
    page.get_by_text("Findings and their evidence").click()
    assert "[U+202E]" in page.inner_text("main"), "what would turn the line around is shown instead"
    assert "\u202e" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    buttons = page.get_by_role("button").all()
    assert len(buttons) == {"approve": 1, "reject": 2}[action]  # a rejection can show its letter first
    for button in buttons:
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    for name in ("h1", ".summary", "button", ".small", "code", "label"):
        assert contrast(page, name) >= 4.5, (name, scheme)
    assert not [text for text in said if "Content Security Policy" in text or "Failed" in text], said
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page.screenshot(path=folder / f"confirm-{action}-{scheme}.png", full_page=True)
    page.close()


def contrast(page: Any, selector: str) -> float:
    """WCAG contrast of the first such element's text against what is painted behind it."""
    script = """selector => {
        const rgb = text => (text.match(/[\\d.]+/g) || []).map(Number);
        let element = document.querySelector(selector);
        if (!element) return [[0, 0, 0], [255, 255, 255], 1];
        const style = getComputedStyle(element);
        let behind = element, back = rgb(style.backgroundColor), seen = 1;
        for (let e = element; e; e = e.parentElement) seen *= Number(getComputedStyle(e).opacity);
        while (behind && (back.length === 4 && back[3] === 0)) {
            behind = behind.parentElement;
            back = behind ? rgb(getComputedStyle(behind).backgroundColor) : [255, 255, 255];
        }
        return [rgb(style.color), back, seen];
    }"""
    front, back, opacity = page.evaluate(script, selector)
    mixed = [opacity * ink + (1 - opacity) * paper for ink, paper in zip(front[:3], back[:3], strict=True)]
    dark, light = sorted((luminance(mixed), luminance(back[:3])))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [value / 255 for value in colour]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_scanner_that_runs_scripts_and_waits_decides_nothing_but_a_key_press_does(chromium, risky):
    own, _ = risky
    case = own.case()
    links = [own.url + link for link in own.links(case["id"]).values()]
    page = chromium.new_page(viewport=PHONE)
    for link in [*links, *links, links[0]]:
        page.goto(link, wait_until="networkidle")
        page.evaluate("window.dispatchEvent(new Event('load')); document.dispatchEvent(new Event('DOMContentLoaded'))")
    assert own.get(case["id"])["decisions"] == []
    page.get_by_label("Comment").fill("Checked on my phone")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Recorded"))).to_be_visible()
    assert own.rest(case["id"])["decisions"][0]["comment"] == "Checked on my phone"
    page.go_back()  # the page was not to be kept: it is asked for anew
    expect(page.locator("main")).to_contain_text("standing decision")
    assert page.get_by_role("button").count() == 0
    assert len(own.get(case["id"])["decisions"]) == 1
    page.close()


def test_the_page_works_without_javascript(chromium, risky):
    own, _ = risky
    case = own.case()
    context = chromium.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(own.url + own.links(case["id"])["reject"])
    assert page.get_by_role("checkbox", checked=True).count() == 0
    page.get_by_text("Other reasons").click()
    page.get_by_role("checkbox").first.check()
    page.locator("button:not(.plain)").click()
    expect(page.get_by_role("heading", name=re.compile("^Recorded"))).to_be_visible()
    assert own.rest(case["id"])["status"] == "rejected"
    assert len(own.get(case["id"])["decisions"][0]["reason_codes"]) == 1
    context.close()
