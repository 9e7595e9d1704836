"""A field that was read from a page of a document: the page is shown, with the very words marked."""

import asyncio
import io
import json
import re

from harness.browser import Browser
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from api.console.pages import Pages
from api.console.source import Passage, sources
from onboarding.door import document_part
from onboarding.reading.documents import documents_of, page_texts

FIRST = ["Register extract", "Nothing to see on this page but: Leeds"]
SECOND = ["Registered office: 14 Mill Lane", "Website: https://from-the-extract.example.com", "Mill House"]


def drawn(*pages: list[str]) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(60, 780 - 20 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def passage(number: int, where: str, raw: str) -> Passage:
    return Passage(f"at-{number}", "document:a.pdf", where, raw)


def test_only_the_pages_that_are_asked_for_are_read_and_they_read_as_before():
    data = drawn(FIRST, SECOND)
    part = document_part("a.pdf", data, "application/pdf")
    whole = documents_of([part])[0].texts
    assert page_texts(part, {2}) == {2: whole[1]}
    assert page_texts(part, {1, 7}) == {1: whole[0]}
    assert page_texts(document_part("b.pdf", b"%PDF-1.4 broken", "application/pdf"), {1, 2}) == {}


def test_the_words_are_marked_on_their_page_and_a_page_without_them_is_only_led_to():
    part = document_part("a.pdf", b"%PDF-", "application/pdf")
    wanted = {
        "city": passage(1, "page 1", "Leeds"),
        "line1": passage(2, "page 2", "Mill House"),
        "other": passage(3, "page 2", "not there"),
        "word": passage(4, "page 2", "Mill"),
        "gone": passage(5, "page 9", "Leeds"),
    }
    pages = {0: {1: "In Leedsburg\nIn Leeds", 2: "Top\nMill House"}}
    found = sources([part], wanted, pages)
    lines = {line.label: [(p.text, p.anchors, p.marked) for p in line.pieces] for line in found.parts[0].lines}
    assert lines["page 1, line 1"] == [("In Leedsburg", [], False)]
    assert lines["page 1, line 2"] == [("In ", [], False), ("Leeds", ["at-1"], True)]
    assert lines["page 2, line 1"] == [("Top", ["at-3"], False)]
    assert lines["page 2, line 2"][0] == ("Mill", ["at-2", "at-4"], True)
    assert set(found.places) == {"city", "line1", "other", "word"}


async def test_a_document_that_takes_long_holds_nobody_up_and_is_there_the_next_time():
    part = document_part("a.pdf", drawn(FIRST, SECOND), "application/pdf")
    pages, wanted = Pages(patience=0), [passage(1, "page 2", "Mill")]
    first, again = await asyncio.gather(pages.of([part], wanted), pages.of([part], wanted))
    assert first == again == {0: None}
    assert sources([part], {}, first).parts[0].pending
    async with asyncio.timeout(20):
        while (found := await pages.of([part], wanted)) == {0: None}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert list(found[0] or {}) == [2]
    assert await pages.of([part], [passage(1, "line 1, column 1", "Mill")]) == {}


def test_on_the_case_page_a_click_leads_from_the_value_to_the_words_on_the_page(house):
    application = {key: value for key, value in house.application().items() if key != "website"}
    files = {
        "application": ("a.json", json.dumps(application), "application/json"),
        "documents": ("a <b>.pdf", drawn(FIRST, SECOND), "application/pdf"),
    }
    case = house.rest(house.backend.post("/v1/cases", files=files).json()["id"])
    assert case["provenance"]["website"]["where"] == "page 2"
    ann = Browser(house).sign_in("ann")
    for _ in range(50):
        page = ann.get(case["links"]["console"]).text
        if "still being read" not in page:
            break
    row = page.split('title="website"')[1].split("</tr>")[0]
    anchor = re.findall(r'<a href="#(at-\d+)">document:a &lt;b&gt;.pdf, page 2</a>', row)[0]
    spot = page.split(f'<span id="{anchor}"')[1]
    assert spot.split("<mark>")[1].startswith("https://from-the-extract.example.com</mark>")
    assert "page 1, line" not in page, "pages that nothing was read from are not shown"
