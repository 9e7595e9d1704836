"""Applying on our own page: it asks what this country and legal form require, loses nothing typed, and sends once."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from harness.merchant_page import ROLES, MerchantBrowser, as_typed, begun, filled, link_in
from harness.words import SUSPICION

from onboarding import form
from onboarding.application import EntityType
from onboarding.door import kind_of
from onboarding.policy import Policy

AS_OF = date(2026, 11, 25)
PDF = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
DRAFTS = "SELECT count(*) FROM merchant_drafts"


def typed(house: Any, **changes: str) -> dict[str, str]:
    """A sound application as a person would type it."""
    dates = {
        "incorporation_date": "4 March 2015",
        "persons[0].dob": "11 June 1970",
        "persons[0].nationality": "British",
    }
    return as_typed(house.application(), **dates | changes)


@pytest.fixture(scope="module")
def own(open_product_house: Any) -> Any:
    with open_product_house(reviewers="ann@reviewers.example") as found:
        yield found


@pytest.fixture
def browser(own: Any) -> Any:
    for throttle in vars(own.gate).values():
        throttle._tries.clear()  # every test is a merchant of its own, though all come from one address
    return MerchantBrowser(own)


def mailed(own: Any, email: str) -> list[str]:
    """The links in the letters to this address, oldest first."""
    import email as mails
    import email.policy as policies
    import time

    for _ in range(300):
        if not own.rows("SELECT 1 FROM letters WHERE kind = 'draft_link' AND status = 'queued'"):
            break
        time.sleep(0.02)
    rows = own.rows("SELECT message_id FROM letters WHERE kind = 'draft_link' ORDER BY created_at")
    paths = [own.data_dir / "outbox" / f"{row['message_id'].strip('<>')}.eml" for row in rows]
    found = [mails.message_from_bytes(path.read_bytes(), policy=policies.default) for path in paths]
    return [link_in(message) for message in found if email in message["To"]]


def test_from_the_first_choice_to_the_case_with_documents(own, browser):
    path = begun(browser)
    page = browser.open(path)
    assert "United Kingdom" in page
    files = [("documents", ("extract.bin", PDF, "")), ("documents", ("note.pdf", b"Hello there", "application/pdf"))]
    saved = browser.send(path, page, typed(own) | ROLES | {"do": "upload"}, files)
    assert saved.headers["location"] == f"{path}?done=saved"
    page = browser.open(path)
    assert "extract.bin" in page
    number = re.findall(r'value="(drop:\d+)" aria-label="Remove note.pdf"', page)[0]
    browser.send(path, page, filled(page) | {"do": number})
    page = browser.open(path)
    assert "note.pdf" not in page
    sent = browser.send(path, page, filled(page) | {"do": "send"})
    assert (sent.status_code, sent.headers["location"][:10]) == (303, "/merchant/"), sent.text
    status = browser.open(sent.headers["location"])
    assert "We have received your application" in status
    case = own.rest(re.findall(r"Your reference: ([0-9a-f-]{36})", status)[0])
    assert case["status"] == "in_review"
    assert case["missing"] == []
    assert case["application"]["persons"][0]["roles"][:2] == ["owner", "director"]
    assert case["application"]["persons"][0]["dob"] == "1970-06-11"
    first = own.events(case["id"])[0]
    assert (first["type"], first["actor"]) == ("case.submitted", "merchant")
    assert [part["format"] for part in first["data"]["parts"]] == ["json", "pdf"]
    letter = own.letter(case["id"], kind="application_received")
    assert letter["To"] == "owner@shop.example"
    assert case["application"]["legal_name"] not in letter.as_string(), "the address may not be the writer's own"
    assert f"Your reference: {case['id']}" in browser.open(link_in(letter))
    assert own.rows(DRAFTS)[0][0] == 0, "what was sent is kept once, in the case"


def test_what_is_missing_is_said_at_its_field_and_everything_typed_is_still_there(own, browser):
    path = begun(browser)
    values = typed(own, website="", **{"persons[0].dob": "", "bank.iban": "GB33BUKB20201555555556"})
    answer = browser.send(path, browser.open(path), values | {"do": "send"})
    assert answer.status_code == 422
    for place in ("website", "persons[0].dob", "bank.iban", "persons[0].roles"):
        assert f'id="{place}_wrong"' in answer.text, place
        assert f'href="#{place}"' in answer.text, place
    assert not SUSPICION.search(re.sub(r"<[^>]*>", " ", answer.text))
    assert filled(answer.text).items() >= {name: value for name, value in values.items() if value}.items()
    assert filled(browser.open(path)).items() >= {name: value for name, value in values.items() if value}.items()
    anyway = browser.send(path, answer.text, filled(answer.text) | {"do": "send", "anyway": "yes"})
    assert anyway.status_code == 303
    status = browser.open(anyway.headers["location"])
    case = own.rest(re.findall(r"Your reference: ([0-9a-f-]{36})", status)[0])
    assert {"website", "persons[0].dob"} <= set(case["missing"])


def test_twenty_clicks_on_send_are_one_case(own, browser):
    path = begun(browser)
    page, before = browser.open(path), own.rows("SELECT count(*) FROM cases")[0][0]
    form_ = typed(own) | ROLES | {"do": "send"}
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: browser.send(path, page, form_), range(20)))
    assert {answer.status_code for answer in sent} == {303}
    assert len({browser.open(answer.headers["location"]).split("Your reference: ")[1][:36] for answer in sent}) == 1
    assert own.rows("SELECT count(*) FROM cases")[0][0] == before + 1
    case_id = browser.open(sent[0].headers["location"]).split("Your reference: ")[1][:36]
    letters = "SELECT count(*) FROM letters WHERE kind = 'application_received' AND case_id = ?"
    assert own.rows(letters, case_id)[0][0] == 1
    assert "/merchant/" in browser.http.get(path).headers["location"], (
        "the form's own link leads to the case from now on"
    )


def test_another_tab_after_sending_is_told_that_it_came_too_late_and_keeps_its_words(own, browser):
    path = begun(browser)
    page, form_ = browser.open(path), typed(own) | ROLES
    status = browser.send(path, page, form_ | {"do": "send"}).headers["location"]
    assert browser.send(path, page, form_ | {"do": "save"}).headers["location"] == status, "it holds nothing more"
    for more, files in (
        ({"website": "https://other.example"}, []),
        ({"persons[0].roles": ["control_person"]}, []),
        ({}, [("documents", ("extract.pdf", PDF, ""))]),
    ):
        late = browser.send(path, page, form_ | more | {"do": "send"}, files)
        assert late.status_code == 409
        assert "was sent before" in late.text
        assert all(
            str(word) in late.text
            for value in more.values()
            for word in [value[0] if isinstance(value, list) else value]
        )
    case = own.rest(re.findall(r"Your reference: ([0-9a-f-]{36})", browser.open(status))[0])
    assert (case["application_version"], case["application"]["website"]) == (1, form_["website"])


def test_a_tab_that_was_opened_before_another_saved_empties_nothing_of_what_that_one_wrote(own, browser):
    path = begun(browser)
    stale = browser.open(path)
    first = browser.send(path, browser.open(path), filled(stale) | {"legal_name": "Of Tab A Ltd", "do": "save"})
    assert first.status_code == 303
    second = browser.send(path, stale, filled(stale) | {"trading_name": "Of Tab B", "do": "save"})
    assert second.status_code == 303
    kept = filled(browser.open(path))
    assert (kept["legal_name"], kept["trading_name"]) == ("Of Tab A Ltd", "Of Tab B")
    emptied = browser.send(path, browser.open(path), kept | {"legal_name": "", "do": "save"})
    assert emptied.status_code == 303
    assert filled(browser.open(path))["legal_name"] == "", "a form that shows it may empty it"


def test_a_file_that_is_too_large_loses_nothing_that_was_typed(own, browser):
    path = begun(browser)
    page, values = browser.open(path), typed(own, legal_name="Typed Beside A Big File Ltd")
    for files, said in (
        ([("documents", ("big.txt", b"x" * 6_000_000, ""))], "larger than"),
        ([("documents", (f"{n}.txt", b"a", "")) for n in range(30)], "number of files"),
    ):
        back = browser.send(path, page, values | {"do": "upload"}, files)
        assert back.status_code in (413, 422)
        assert said in back.text
        assert "Nothing was saved" in back.text
        assert filled(back.text).items() >= values.items()


def test_the_link_in_the_letter_takes_it_up_again_and_ends_the_others(own, browser):
    """Whoever typed somebody else's address into the first page does not read along."""
    path = begun(browser, "mine@shop.example")
    browser.send(path, browser.open(path), typed(own, legal_name="Written First Ltd") | {"do": "save"})
    link = mailed(own, "mine@shop.example")[0]
    page = browser.open(link)
    assert filled(page)["legal_name"] == "Written First Ltd"
    assert browser.open(path), "looking ended nothing"
    browser.send(link, page, filled(page) | {"legal_name": "Written Second Ltd", "do": "save"})
    assert "does not work" in browser.open(path, 404)
    lost = browser.send(path, page_of(browser, own, path), {"legal_name": "Typed in the old tab", "do": "save"})
    assert lost.status_code == 404
    assert "Typed in the old tab" in lost.text
    assert filled(browser.open(link))["legal_name"] == "Written Second Ltd"
    token = link.rpartition("/")[2]
    assert token not in own.dump()
    assert path.rpartition("/")[2] not in own.dump()


def page_of(browser: MerchantBrowser, own: Any, path: str) -> str:
    """The hidden fields that the page behind this link had."""
    from api.merchant.page import csrf_of

    return f'<input type="hidden" name="csrf" value="{csrf_of(own._product, path.rpartition("/")[2])}">'


def test_a_lost_link_is_sent_again_and_nobody_learns_who_began(own, browser):
    begun(browser, "known@shop.example")
    page = browser.open("/apply/resume")
    known = browser.send("/apply/resume", page, {"email": "KNOWN@shop.example "})
    unknown = browser.send("/apply/resume", page, {"email": "nobody@shop.example"})
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    for _ in range(200):
        links = mailed(own, "nown@shop.example") + mailed(own, "KNOWN@shop.example")
        if len(links) == 2:
            break
    assert len(set(links)) == 2
    for link in links:
        browser.open(link)
    assert mailed(own, "nobody@shop.example") == []


def test_letters_to_one_address_are_few_however_often_somebody_asks(own, browser):
    page = browser.open("/apply")
    data = {"country": "GB", "entity_type": "llp", "email": "victim@shop.example"}
    codes = [browser.send("/apply", page, data).status_code for _ in range(22)]
    assert codes == [303] * 20 + [429] * 2
    refused = browser.send("/apply", page, data)
    assert 'value="victim@shop.example"' in refused.text, "what was typed stays in the form"
    assert "Too many tries" in refused.text
    assert refused.headers["retry-after"]
    assert len(mailed(own, "victim@shop.example")) == 5


def test_a_form_that_comes_too_often_is_given_back_with_all_that_was_typed(own, browser):
    path = begun(browser)
    page = browser.open(path)
    while own.gate.forms.allowed("127.0.0.1"):
        pass
    data = {"legal_name": "Typed <b>Long</b> Ltd", "persons[0].name": "Ada Price", "do": "save"}
    answer = browser.send(path, page, data)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "300")
    for kept in ("Legal name", "Typed &lt;b&gt;Long&lt;/b&gt; Ltd", "Ada Price", "Too many tries", f'href="{path}"'):
        assert kept in answer.text
    assert "Typed" not in browser.open(path), "it was not worked on"
    forged = browser.http.post(path, data={"legal_name": "Forged", "csrf": "x"}, headers={"Origin": own.url})
    assert (forged.status_code, "Forged" in forged.text) == (429, False)
    while own.gate.given_back.allowed("127.0.0.1"):
        pass
    assert "Ada Price" not in browser.send(path, page, data).text, "nobody makes us read without end"


@pytest.mark.parametrize("path", ["/apply", "/apply/resume"])
def test_an_address_that_came_too_often_is_given_back_as_what_it_is(own, browser, path):
    page = browser.open(path)
    while own.gate.forms.allowed("127.0.0.1"):
        pass
    answer = browser.send(path, page, {"email": "ada@shop.example"})
    assert answer.status_code == 429
    assert "ada@shop.example" in answer.text
    assert "Your e-mail address" in answer.text
    assert "Further details" not in answer.text


def test_everything_that_was_not_chosen_is_said_at_once(browser):
    answer = browser.send("/apply", browser.open("/apply"), {})
    assert re.findall(r'id="(\w+)_wrong"', answer.text) == ["country", "entity_type", "email"]


@pytest.mark.parametrize(
    "data, place",
    [
        ({"country": "XX", "entity_type": "llc", "email": "a@b.example"}, "country"),
        ({"country": "GB", "entity_type": "<script>", "email": "a@b.example"}, "entity_type"),
        ({"country": "GB", "entity_type": "llc", "email": "a@b.example\r\nBcc: c@d.example"}, "email"),
        ({"country": "GB", "entity_type": "llc", "email": "nobody"}, "email"),
    ],
)
def test_a_choice_that_is_none_is_said_at_its_field(own, browser, data, place):
    before = own.rows(DRAFTS)[0][0]
    answer = browser.send("/apply", browser.open("/apply"), data)
    assert answer.status_code == 422
    assert f'id="{place}_wrong"' in answer.text
    assert "<script" not in answer.text
    assert own.rows(DRAFTS)[0][0] == before


HOSTILE = (
    "<script>document.title='owned'</script>", '" onfocus="alert(1)" autofocus x="', "{{7*7}}", "\u202egnp.exe",
    "</textarea><form action=//evil>", "y" * 10_001, "a\0b",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
def test_hostile_words_in_every_field_are_only_text(own, browser, text):
    path = begun(browser)
    values = dict.fromkeys(typed(own), text)
    files = [("documents", (f"{text[:60]}.pdf", PDF, ""))]
    back = browser.send(path, browser.open(path), values | {"do": "send"}, files)
    assert back.status_code == 422
    for page in (back.text, browser.open(path)):
        assert page.count("<form") == 1
        for mark in ("<script", 'onfocus="alert', "evil>", ">49<", '"49"'):
            assert mark not in page.replace("evil&gt;", "")
    if len(text) > 10_000:
        assert 'id="website_wrong"' in back.text
        assert text in back.text, "what was typed stays"


def test_card_numbers_are_masked_before_anything_is_kept(own, browser):
    path = begun(browser)
    card = "4111 1111 1111 1111"
    browser.send(path, browser.open(path), {"business_description": f"We sell. {card}", "do": "save"})
    files = [("documents", ("card.txt", f"card {card}".encode(), ""))]
    browser.send(path, browser.open(path), {"business_description": f"We sell. {card}", "do": "upload"}, files)
    assert card not in browser.open(path)
    assert card not in own.dump()
    assert card.encode().hex() not in own.dump().lower()


def test_files_have_limits_and_the_rest_is_saved_all_the_same(own, browser):
    path = begun(browser)
    page = browser.open(path)
    for number in range(3):
        files = [("documents", (f"{number}-{n}.txt", b"a text", "")) for n in range(4)]
        answer = browser.send(path, page, {"legal_name": f"Saved {number} Ltd", "do": "upload"}, files)
    assert answer.status_code == 422
    assert "At most 10 documents" in answer.text
    assert filled(browser.open(path))["legal_name"] == "Saved 2 Ltd"
    files = [("documents", ("big.txt", b"x" * 6_000_000, ""))]
    assert browser.send(path, page, {"do": "upload"}, files).status_code == 413
    many = [("documents", (f"{n}.txt", b"a", "")) for n in range(30)]
    assert browser.send(path, page, {"do": "upload"}, many).status_code == 422


def test_looking_changes_not_one_byte(open_product_house):
    with open_product_house(sweep_seconds=3600) as house:
        browser = MerchantBrowser(house)
        path = begun(browser)
        before = house.dump()
        for address in ("/apply", "/apply/resume", path):
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
                assert house.nobody.request(method, address).status_code in (200, 405)
        assert house.dump() == before


def test_a_form_from_elsewhere_saves_and_sends_nothing(own, browser):
    path = begun(browser)
    page = browser.open(path)
    data = browser.hidden(page) | typed(own) | ROLES | {"do": "send"}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": own.url, "Sec-Fetch-Site": "cross-site"}):
        assert browser.http.post(path, data=data, headers=headers).status_code == 403
    assert browser.send(path, browser.open("/apply"), {"legal_name": "Other form Ltd", "do": "save"}).status_code == 403
    assert filled(browser.open(path))["legal_name"] == ""


def test_a_draft_is_forgotten_in_time_with_its_files_and_links(open_product_house):
    with open_product_house(draft_days=3) as house:
        browser = MerchantBrowser(house)
        path = begun(browser)
        browser.send(path, browser.open(path), {"do": "upload"}, [("documents", ("a.txt", b"text", ""))])
        house.clock.by = timedelta(days=3, seconds=5)
        unknown = browser.open("/apply/lnk_nothing", 404)
        assert browser.open(path, 404) == unknown
        import time

        for _ in range(200):
            if not house.rows(DRAFTS)[0][0]:
                break
            time.sleep(0.05)
        for table in ("merchant_drafts", "merchant_files", "merchant_links"):
            assert house.rows(f"SELECT count(*) FROM {table}")[0][0] == 0


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_two_processes_that_save_and_send_at_once_make_one_case(request, tmp_path, own, dialect):
    from graph import applying
    from graph.wiring import open_product
    from onboarding.settings import Settings

    more = {"database_url": request.getfixturevalue("ledger_url")} if dialect == "postgresql" else {}
    settings = [
        Settings(data_dir=tmp_path / name, secret_key="one for both", rule_processes=0, **more)
        for name in ("one", "two")
    ]
    async with AsyncExitStack() as stack:
        opened = [open_product(each, self_url="http://127.0.0.1:9") for each in settings[: 1 + bool(more)]]
        products = [await stack.enter_async_context(product) for product in opened]
        ctx = products[0].context
        token = await applying.begin(ctx, "GB", "private_company", "owner@shop.example", mail=True)
        values = typed(own) | {"persons[0].roles": "owner,director"}
        files, problem = applying.uploaded([("extract.pdf", PDF), ("bad.exe", b"MZ\x00")])
        assert problem == "The file 'bad.exe' is no PDF, PNG or JPEG file and no plain text."
        await applying.save(ctx, token, values, files=files)
        assert await applying.problems(ctx, token) == {}
        saves = [applying.save(each.context, token, values | {"legal_name": f"{n} Ltd"}) for n, each in
                 enumerate(products * 3)]  # fmt: skip
        sends = [applying.send(each.service, token) for each in products * 4]
        done = await asyncio.gather(*saves, *sends)
        ids = {case_id for case_id in done if isinstance(case_id, str)}
        assert len(ids) == 1
        listed, _ = await products[0].service.listed(filters={}, q=None, before=None)
        assert [case.id for case in listed] == list(ids)
        assert await applying.look(ctx, token) == applying.Sent(*ids)
        await applying.resume(ctx, "Owner@Shop.example")
        tables = ("merchant_drafts", "merchant_files", "merchant_links")
        counts = [f"SELECT count(*) FROM {name}" for name in tables]
        left = await ctx.db.write(lambda tx: [tx.conn.exec_driver_sql(query).scalar() for query in counts])
        assert left == [0, 0, 4], "the page's link, the letter's, that of the letter asked for again, the receipt's"


# the questions


@pytest.mark.parametrize("country", ["GB", "DE", "US", "IE", "AE", "JP", "BR", "CH", "KW"])
@pytest.mark.parametrize("kind", get_args(EntityType))
def test_the_form_asks_for_everything_that_would_be_missing(country, kind):
    policy = Policy.default()
    asked = {field.path: field for part in form.sections(country, kind, policy, AS_OF) for field in part.fields}
    asked |= {field.path: field for field in form.person(0, policy)}
    for path in form.required(country, kind, policy, AS_OF):
        places = {"bank.account": {"bank.iban", "bank.account_number"}, "tax_id_or_vat": {"tax_id", "vat_number"}}
        people = {"persons.owners": {"persons[0].ownership_pct"}, "persons.control_person": {"persons[0].name"}}
        assert (places | people).get(path, {path}) & set(asked), path
    assert asked["legal_name"].required
    assert not asked["trading_name"].required
    assert ("bank.iban" in asked) == (country not in ("US", "JP"))


def test_what_a_country_wants_is_what_its_merchants_are_asked():
    policy = Policy.default()

    def needed(country: str, kind: EntityType) -> set[str]:
        return {f.path for part in form.sections(country, kind, policy, AS_OF) for f in part.fields if f.required}

    assert "registration_number" in needed("GB", "private_company")
    assert "registration_number" not in needed("GB", "sole_proprietorship")
    assert "tax_id" in needed("US", "llc")
    assert "tax_id" not in needed("GB", "private_company")
    assert "address.postal_code" in needed("GB", "private_company")
    assert "address.postal_code" not in needed("AE", "free_zone_establishment")


def test_a_document_is_what_its_content_says():
    kinds = {
        b"\x89PNG\r\n\x1a\n....": "image/png",
        b"\xff\xd8\xff\xe0": "image/jpeg",
        PDF: "application/pdf",
        "Grüße".encode(): "text/plain",
        b"<html><script>": "text/plain",
        b"MZ\x90\x00": None,
        b"PK\x03\x04\x14": None,
        b"GIF89a\x00": None,
        b"\xff\xfe\x00": None,
        b"  \n": None,
        b"": None,
    }
    assert {body: kind_of(body) for body in kinds} == kinds
