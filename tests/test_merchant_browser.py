"""The merchant's pages in a real browser: without JavaScript, on a phone, by day and by night, and for every reader."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from harness.merchant_page import link_in
from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; `apt-get install chromium` brings one"),
]
HOSTILE = "Rook & <script>document.title='owned'</script> \u202eSons Ltd " + "x" * 600


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def fill(page: Page, house: Any, **changes: str) -> None:
    """Type a sound application."""
    app = house.application()
    person = app["persons"][0]
    for path in ("legal_name", "registration_number", "website", "business_description"):
        page.locator(f'[id="{path}"]').fill(changes.get(path, app[path]))
    typed = {
        "incorporation_date": "4 March 2015",
        "bank.iban": app["bank"]["iban"],
        "expected_annual_volume.amount": "420000.00",
        "avg_ticket.amount": "9.50",
        "contact.phone": app["contact"]["phone"],
        "persons[0].name": person["name"],
        "persons[0].dob": "11 June 1970",
        "persons[0].nationality": "British",
        "persons[0].ownership_pct": "100",
    } | {f"address.{name}": app["address"][name] for name in ("line1", "city", "postal_code")}
    for path, text in typed.items():
        page.locator(f'[id="{path}"]').fill(changes.get(path, text))


def begin(page: Page, house: Any) -> None:
    page.goto(f"{house.url}/apply")
    page.get_by_label("Country in which").select_option("GB")
    page.get_by_label("Legal form").select_option("private_company")
    page.get_by_label("Your e-mail address").fill("owner@shop.example")
    page.get_by_role("button", name="Go on").click()


def test_a_merchant_applies_answers_and_withdraws_without_javascript(house, chromium, tmp_path):
    page = chromium.new_context(java_script_enabled=False, locale="de-DE").new_page()
    begin(page, house)
    fill(page, house, website="")
    page.locator('[id="legal_name"]').press("Enter")
    assert "Saved" in page.get_by_role("status").inner_text(), "the enter key saves and sends nothing"
    page.get_by_role("button", name="Send the application").last.click()
    assert page.title().startswith("Error")
    page.get_by_role("link", name="Website").click()
    page.screenshot(path=tmp_path / "errors.png", full_page=True)
    page.locator('[id="website"]').fill("https://shop.example")
    page.get_by_label("owns a part of the business").first.check()
    page.get_by_label("director or manager").first.check()
    page.get_by_label("Add documents").set_input_files(
        {"name": "extract.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n%%EOF\n"}
    )
    page.get_by_role("button", name="Upload").click()
    assert page.get_by_text("extract.pdf").is_visible()
    page.get_by_role("button", name="Send the application").click()
    assert "We have received your application" in page.get_by_role("status").inner_text()
    page.screenshot(path=tmp_path / "sent.png", full_page=True)
    case = house.rest(page.content().split("Your reference: ")[1][:36])
    assert (case["status"], case["missing"]) == ("in_review", [])
    page.go_back()
    assert page.get_by_role("heading").inner_text() == "We have your application", "back does not lead to a second one"
    asked = [{"path": "website", "text": "Which is your shop page?"}]
    house.decide("ann", case, "request_information", request=asked)
    house.rest(case["id"], "awaiting_information")
    link = link_in(house.letter(case["id"], kind="information_request"))
    page.goto(house.url + link)
    page.screenshot(path=tmp_path / "asked.png", full_page=True)
    assert "Dezember" in page.content() or "Januar" in page.content(), "dates as the reader writes them"
    page.get_by_label("Website").fill("https://other.example.com")
    page.get_by_role("button", name="Send the answer").click()
    assert "Thank you" in page.get_by_role("status").inner_text()
    assert house.rest(case["id"])["application_version"] == 2
    page.get_by_role("link", name="Withdraw the application").click()
    page.screenshot(path=tmp_path / "withdraw.png", full_page=True)
    page.get_by_role("button", name="Withdraw it").click()
    assert page.get_by_role("heading").inner_text() == "You have withdrawn your application"
    assert house.rest(case["id"])["status"] == "withdrawn"


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_every_page_is_for_everybody_on_a_phone_by_day_and_by_night(house, chromium, tmp_path, scheme):
    phone = chromium.new_context(viewport={"width": 375, "height": 720}, color_scheme=scheme, has_touch=True)
    page = phone.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    problems: list[str] = []

    def seen(name: str) -> None:
        page.screenshot(path=Path(tmp_path) / f"{name}-{scheme}.png", full_page=True)
        sideways = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        problems.extend([f"{name}: sticks out to the side"] if sideways else [])
        for found in Axe().run(page).response["violations"]:
            where = [node["html"][:120] for node in found["nodes"][:2]]
            problems.append(f"{name}: {found['impact']} {found['id']} {where}")
        assert page.title() != "owned"

    page.goto(f"{house.url}/apply")
    seen("start")
    page.get_by_role("button", name="Go on").click()
    seen("start-errors")
    page.goto(f"{house.url}/apply/resume")
    seen("resume")
    begin(page, house)
    seen("form")
    fill(page, house, legal_name=HOSTILE, business_description=HOSTILE, **{"bank.iban": "GB33BUKB20201555555556"})
    page.get_by_role("button", name="Send the application").last.click()
    seen("form-errors")
    page.get_by_label("Send it as it is").check()
    page.get_by_role("button", name="Send the application").click()
    seen("status")
    case = house.rest(page.content().split("Your reference: ")[1][:36])
    items = [{"path": "website", "text": HOSTILE}, {"path": "persons[0].dob", "text": "When was this person born?"}]
    house.decide("ann", case, "request_information", request=items)
    house.rest(case["id"], "awaiting_information")
    page.goto(house.url + link_in(house.letter(case["id"], kind="information_request")))
    seen("asked")
    page.get_by_role("button", name="Send the answer").click()
    seen("asked-errors")
    page.get_by_role("link", name="Withdraw the application").click()
    seen("withdraw")
    page.goto(f"{house.url}/merchant/lnk_nothing")
    seen("unknown")
    assert problems == []
    assert [line for line in said if "status of 4" not in line] == []
