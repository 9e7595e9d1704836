"""People's pages while the disk is full, the database locked or the server killed: nothing typed is lost, and trying

again does it once.
"""

import asyncio
import contextlib
import email
import email.policy
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from harness.browser import Browser
from harness.merchant_page import ROLES, MerchantBrowser, as_typed, begun, filled, link_in
from harness.merchants import merchant
from harness.world import FIRST, World, wait_for

from graph.signing import sign_in_link
from onboarding.settings import Settings

PLENTY = 1 << 40
BIG = [("documents", ("extract.txt", b"one line of the register\n" * 60_000, ""))]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("faults"), mail=False) as found:
        yield found


@contextmanager
def full_disk(world: World) -> Iterator[None]:
    assert world.app is not None
    world.app.limit_files(8192)
    yield
    world.app.limit_files(PLENTY)


@contextmanager
def locked(world: World) -> Iterator[None]:
    lock = sqlite3.connect(world.data / "onboard.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    yield
    lock.execute("ROLLBACK")
    lock.close()


TROUBLES = [full_disk, pytest.param(locked, marks=pytest.mark.slow)]


def answers(trouble: Callable[[World], Any], *sends: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """One after the other; but who is made to wait for a lock waits beside the others."""
    with ThreadPoolExecutor(len(sends) if trouble is locked else 1) as pool:
        return [sent.result() for sent in [pool.submit(send) for send in sends]]


def kept(back: httpx.Response, values: dict[str, Any]) -> None:
    """Refused by a page that says so and holds everything that was typed."""
    assert (back.status_code, back.headers["content-type"]) == (503, "text/html; charset=utf-8"), back.text
    assert int(back.headers["retry-after"]) > 0
    assert "try again" in back.text
    assert "We have received" not in back.text
    assert filled(back.text).items() >= values.items()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_cannot_be_stored_is_refused_with_all_that_was_typed_and_sent_again_it_is_one_case(
    world: World, trouble: Callable[[World], Any]
) -> None:
    browser, before = MerchantBrowser(world), world.count("cases")
    values = as_typed(merchant(trouble.__name__))
    first = {"country": "GB", "entity_type": "llp", "email": "kept@shop.example"}
    start, path = browser.open("/apply"), begun(browser)
    page = browser.open(path)
    with trouble(world):
        begin, *backs = answers(
            trouble,
            lambda: browser.send("/apply", start, first),
            lambda: browser.send(path, page, values | ROLES | {"do": "save"}),
            lambda: browser.send(path, page, values | ROLES | {"do": "upload"}, BIG),
            lambda: browser.send(path, page, values | ROLES | {"do": "send"}),
        )
        assert (begin.status_code, 'value="kept@shop.example"' in begin.text) == (503, True)
        assert '<option value="llp" selected>' in begin.text
        for back in backs:
            kept(back, values)
        assert filled(browser.open(path))["legal_name"] == "", "nothing was half-saved"
    sent = browser.send(path, back.text, filled(back.text) | {"do": "send"})
    assert sent.status_code == 303, sent.text
    again = browser.send(path, back.text, filled(back.text) | {"do": "send"})
    assert again.headers["location"] == sent.headers["location"]
    assert world.count("cases") == before + 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_answer_that_cannot_be_stored_is_refused_with_its_words_and_sent_again_it_is_taken_once(
    world: World, trouble: Callable[[World], Any]
) -> None:
    case_id = world.submit(merchant(f"answer-{trouble.__name__}")).json()["id"]
    request = [{"path": "website", "text": "Which is your shop page?"}]
    world.decide(world.until(case_id, "in_review"), "request_information", FIRST, request=request)
    world.until(case_id, "awaiting_information")
    world.rest()
    browser, path = MerchantBrowser(world), link_of(world, case_id)
    page, typed = browser.open(path), {"answer_0": "https://kept.example"}
    with trouble(world):
        back = browser.send(f"{path}/answer", page, typed, BIG)
        kept(back, typed)
    for _ in range(2):
        assert browser.send(f"{path}/answer", back.text, filled(back.text)).status_code == 303
    case = world.until(case_id, "in_review")
    assert (case["application_version"], case["application"]["website"]) == (2, "https://kept.example")


def link_of(world: World, case_id: str) -> str:
    return link_in(letter_of(world, case_id, "information_request"))


def letter_of(world: World, case_id: str, kind: str) -> Any:
    """A letter of this kind as it was kept; of several any."""
    with sqlite3.connect(world.data / "onboard.db") as db:
        query = "SELECT message_id FROM letters WHERE case_id = ? AND kind = ?"
        name = db.execute(query, (case_id, kind)).fetchone()[0].strip("<>")
    path = world.data / "outbox" / f"{name}.eml"
    wait_for(path.exists, 10, "the letter")
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_decision_that_cannot_be_stored_comes_back_with_its_words_on_the_desk_and_behind_a_letters_link(
    world: World, trouble: Callable[[World], Any]
) -> None:
    case_id = world.submit(merchant(f"decision-{trouble.__name__}")).json()["id"]
    world.until(case_id, "in_review")
    world.rest()
    text = letter_of(world, case_id, "approval_request:review").get_body(("plain",)).get_content()
    link = re.findall(r"https?://[^/\s]+(/review/\S+)", text)[0]
    settings = Settings(data_dir=world.data, public_url=world.url)
    seat, path = Browser(world), f"/console/cases/{case_id}"
    seat.post(asyncio.run(sign_in_link(settings, FIRST)).removeprefix(world.url))
    form = seat.form(path)
    sent = {name: form[name] for name in ("csrf", "review_id")} | {
        "action": "approve",
        "comment": "a <b>long</b> thought",
    }
    with trouble(world):
        backs = answers(
            trouble,
            lambda: seat.post(f"{path}/decision", sent),
            lambda: world.http.post(link, data={"comment": sent["comment"]}),
        )
    for back in backs:
        assert (back.status_code, back.headers["content-type"][:9]) == (503, "text/html")
        assert "a &lt;b&gt;long&lt;/b&gt; thought" in back.text
    assert seat.post(f"{path}/decision", sent).status_code == 303
    assert [made["comment"] for made in world.until(case_id, "active")["decisions"]] == [sent["comment"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", [f"commit.{side}:{n}" for n in (1, 2, 3) for side in ("before", "after")]
    + ["submit.before_commit:1", "submit.after_commit:1"],
)  # fmt: skip
def test_killed_while_a_draft_is_saved_or_sent_the_draft_is_there_and_trying_again_gives_one_case(
    world: World, point: str
) -> None:
    browser, before = MerchantBrowser(world), world.count("cases")
    values = as_typed(merchant(point)) | ROLES
    path = begun(browser)
    world.restart(point)
    deaths, sent = world.deaths, None
    for do in ("save", "save", "send", "send", "send"):
        world.revive()
        browser = MerchantBrowser(world)
        with contextlib.suppress(httpx.TransportError):
            form = browser.http.get(path)
            sent = browser.send(path, form.text, values | {"do": do}) if form.status_code == 200 else form
    world.revive()
    assert world.deaths == deaths + 1, f"{point} was never passed"
    assert sent is not None
    assert sent.status_code == 303
    world.rest()
    status = MerchantBrowser(world).open(sent.headers["location"])
    case = world.call("GET", f"/v1/cases/{status.split('Your reference: ')[1][:36]}", FIRST).json()
    assert case["application"]["legal_name"] == values["legal_name"]
    assert world.count("cases") == before + 1
    assert world.count("merchant_drafts") == 0
    assert world.count(f"letters WHERE kind = 'application_received' AND case_id = '{case['id']}'") == 1
