"""The console in a real browser: signed in by the printed link, cases are decided by clicks, on desk and phone."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from graph import signing

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one"),
]
HOSTILE = "Rook & <script>document.title='owned'</script> \u202eSons Ltd"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def quiet(page: Page) -> list[str]:
    """What the browser complains of on this page: a blocked style, script or form shows here."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def within(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def risky(house: Any) -> dict[str, Any]:
    application = house.application(legal_name=HOSTILE)
    del application["persons"][0]["dob"]
    application["bank"]["iban"] = "GB33BUKB20201555555556"
    found: dict[str, Any] = house.case(application)
    return found


def test_a_person_signs_in_by_the_printed_link_finds_the_case_and_decides_it(house, chromium, tmp_path):
    case, clean = risky(house), house.case()
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    said = quiet(page)
    page.goto(house.url + case["links"]["console"])
    assert page.get_by_label("Your e-mail address").is_visible(), "without a session the page leads to signing in"
    page.goto(house.write(lambda tx: signing.local_link(tx, "ann", house.url)))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("searchbox").fill(case["id"])
    page.get_by_role("button", name="Show").click()
    page.screenshot(path=tmp_path / "queue.png", full_page=True)
    page.get_by_role("link", name="Rook &").click()
    assert page.title() != "owned"
    assert page.get_by_role("link", name="input, legal_name").is_visible(), "evidence that names a field leads to it"
    page.screenshot(path=tmp_path / "case.png", full_page=True)
    page.get_by_role("link", name="input, $.bank.iban").first.click()
    spot = page.url.partition("#")[2]
    assert page.locator(f"#{spot} + mark").inner_text() == "GB33BUKB20201555555556"
    page.screenshot(path=tmp_path / "passage.png")
    page.get_by_role("button", name="Show the letter").click()
    top = page.evaluate("document.querySelector('#letter').getBoundingClientRect().top / innerHeight")
    assert 0 <= top < 0.5, "the letter that was asked for is in sight"
    comment = page.get_by_label("Comment for the record")
    comment.fill("Rang them up.")
    page.get_by_text("Correct a field").click()
    page.get_by_label("Right value 1").press("Enter")
    assert house.get(case["id"])["decisions"] == [], "the enter key decides nothing"
    page.get_by_text("What to ask the merchant").click()
    page.screenshot(path=tmp_path / "form.png")
    page.get_by_role("button", name="Ask the merchant").click()
    assert "Your decision is recorded" in page.get_by_role("status").inner_text()
    assert house.rest(case["id"])["status"] == "awaiting_information"
    page.goto(house.url + clean["links"]["console"])
    page.get_by_role("button", name="Approve").dblclick()
    page.get_by_text("Your decision is recorded").wait_for()
    assert house.rest(clean["id"])["status"] == "active"
    assert len(house.get(clean["id"])["decisions"]) == 1
    page.go_back()
    page.get_by_role("button", name="Sign out").click()
    page.goto(house.url + "/console")
    assert page.get_by_label("Your e-mail address").is_visible()
    assert said == []


def test_two_browsers_at_once_one_decides_and_the_other_is_told(house, chromium, tmp_path):
    case = house.case()
    pages = []
    for name in ("ann", "rob"):
        page = chromium.new_context().new_page()
        page.goto(house.write(lambda tx, name=name: signing.local_link(tx, name, house.url)))
        page.get_by_role("button", name="Sign in").click()
        page.goto(house.url + case["links"]["console"])
        pages.append(page)
    first, second = pages
    second.get_by_label("Comment for the record").fill("I was about to say no")
    first.get_by_role("button", name="Approve").click()
    first.get_by_text("Your decision is recorded").wait_for()
    second.get_by_role("button", name="Reject").click()
    assert "ann decided this review already: approve" in second.get_by_role("alert").inner_text()
    second.screenshot(path=tmp_path / "late.png", full_page=True)
    assert house.rest(case["id"])["status"] == "active"


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_it_reads_on_a_phone_by_day_and_by_night(house, chromium, tmp_path, scheme):
    case = risky(house)
    phone = chromium.new_context(viewport={"width": 375, "height": 720}, color_scheme=scheme, has_touch=True)
    page = phone.new_page()
    page.goto(house.write(lambda tx: signing.local_link(tx, "sue", house.url)))
    page.get_by_role("button", name="Sign in").click()
    for name, path in (("queue", f"/console?q={case['id']}"), ("case", case["links"]["console"])):
        page.goto(house.url + path)
        page.screenshot(path=Path(tmp_path) / f"{name}-{scheme}.png", full_page=True)
        assert within(page), name
        fields = "[...document.querySelectorAll('input:not([type=hidden]),select,textarea')]"
        assert page.evaluate(f"{fields}.filter(e => !e.labels.length && !e.ariaLabel).length") == 0, "each is named"
    page.screenshot(path=Path(tmp_path) / f"top-{scheme}.png")
    page.get_by_role("link", name="Decide").click()
    page.screenshot(path=Path(tmp_path) / f"decide-{scheme}.png")
    short = page.evaluate("[...document.querySelectorAll('.buttons button')].filter(e => e.offsetHeight < 44).length")
    assert short == 0, "a thumb finds the buttons"
