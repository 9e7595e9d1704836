"""People and not names: one human with several tokens is one of the four eyes, and nobody approves their own work."""

from typing import Any

import pytest
from harness.browser import Browser
from harness.shell import failed, told
from sqlalchemy import select

from checkpoints import access, gate, reviews, submissions
from checkpoints.database import open_database
from checkpoints.migrate import migrate
from checkpoints.schema import tokens
from graph import administration, signing
from onboarding.application import Application
from onboarding.assessment import Recommendation, Risk
from onboarding.case import CaseRecord
from onboarding.door import make_part
from onboarding.errors import BadInput, Forbidden
from onboarding.settings import Settings
from onboarding.submission import Submission

RECORD = CaseRecord(
    version=1,
    application=Application(),
    recommendation=Recommendation(action="review"),
    risk=Risk(score=0, level="low"),
    summary="",
    policy_version="1",
).to_json()


@pytest.fixture(scope="module")
def own(open_product_house):
    with open_product_house(reviewers="mia@desk.example, Zoë@desk.example") as found:
        yield found


def token(own: Any, name: str, role: str, email: str | None = None) -> Any:
    return own.client(own.write(lambda tx: access.create_token(tx, name, role, email=email)))


def risky(own: Any, by: Any = None) -> dict[str, Any]:
    body = own.application()
    body["bank"]["iban"] = "GB33BUKB20201555555556"
    answer = (by or own.backend).post("/v1/cases", json=body)
    assert answer.status_code == 202, answer.text
    return own.rest(answer.json()["id"])


def decide(who: Any, case: dict[str, Any], action: str = "approve") -> tuple[int, str]:
    answer = who.post(f"/v1/cases/{case['id']}/decision", json={"action": action})
    return answer.status_code, answer.json().get("code", "")


def test_two_tokens_of_one_address_are_one_of_the_four_eyes(own):
    first = token(own, "mia", "reviewer", "Mia@desk.example")
    again = token(own, "m.senior", "senior_reviewer", "mia@DESK.example")
    case = risky(own)
    assert decide(first, case) == (200, "")
    assert own.rest(case["id"])["review"]["stage"] == "second_review"
    assert decide(again, case) == (403, "four_eyes")
    to = [
        row[0]
        for row in own.rows("SELECT count(*) FROM letters WHERE case_id = ? AND kind LIKE '%second%'", case["id"])
    ]
    assert to == [1], "the second approval is asked of Zoë alone: mia@desk.example is who approved first"
    assert decide(own.sue, case) == (200, "")
    assert own.rest(case["id"])["status"] == "active"


def test_letter_case_is_folded_in_every_alphabet(own):
    one, other = token(own, "ZOË", "senior_reviewer"), token(own, "zoë", "senior_reviewer")
    case = risky(own)
    assert decide(one, case) == (200, "")
    own.rest(case["id"])
    assert decide(other, case) == (403, "four_eyes")


async def test_the_gate_itself_counts_people(tmp_path):
    """Two names turn out to be one human's only after both approved: the gate asks again, and refuses."""
    url = f"sqlite:///{tmp_path}/gate.db"
    migrate(url)
    db = open_database(url)
    submission = Submission(version=1, parts=[make_part({"legal_name": "Gate Ltd"}, "json")])

    def both(tx: Any) -> str:
        submissions.accept(tx, "c1", submission, client="shop", external_ref=None, graph="1")
        for stage, actor in (("review", "p1"), ("second_review", "p2")):
            id_, _ = reviews.open_wait(tx, "c1", stage, version=1, shown=RECORD, second_required=True)
            reviews.decide(tx, reviews.find(tx, id_), "approve", actor=actor, channel="api", body={"action": "approve"})
        return "done"

    await db.write(both)
    assert await db.read(lambda tx: gate.approved_record(tx, "c1", 1)) is not None
    for name in ("p1", "p2"):
        await db.write(lambda tx, name=name: access.create_token(tx, name, "reviewer", email="p@desk.example"))
    assert await db.read(lambda tx: gate.approved_record(tx, "c1", 1)) is None
    await db.close()


def test_nobody_approves_what_they_submitted(own):
    shop = token(own, "shop", "backend", "eve@desk.example")
    eve = token(own, "eve", "reviewer", "eve@desk.example")
    case = own.rest(shop.post("/v1/cases", json=own.application()).json()["id"])
    assert decide(eve, case) == (403, "four_eyes")
    page = Browser(own).sign_in("eve").get(f"/console/cases/{case['id']}").text
    assert "You submitted this application" in page
    assert 'value="approve"' not in page
    assert decide(own.ann, case) == (200, "")
    turned = own.rest(shop.post("/v1/cases", json=own.application()).json()["id"])
    assert decide(eve, turned, "reject") == (200, ""), "turning down one's own is nobody's harm"


def test_an_admin_alone_approves_their_own_only_where_one_person_suffices(own):
    case = own.rest(own.root.post("/v1/cases", json=own.application()).json()["id"])
    assert decide(own.root, case) == (200, "")
    case = risky(own, own.root)
    assert decide(own.root, case) == (403, "four_eyes")
    assert decide(own.ann, case) == (200, "")
    own.rest(case["id"])
    assert decide(own.root, case) == (403, "four_eyes")
    assert decide(own.kim, case) == (200, "")


def test_whoever_answered_in_the_merchants_place_does_not_approve_the_answer(own):
    case = own.case()
    answer = own.root.post(f"/v1/cases/{case['id']}/information", json={"answers": {"bank.holder": "Somebody Else"}})
    assert answer.status_code == 200
    found = own.rest(case["id"])
    wanted = 403 if found["review"]["second_required"] else 200
    assert decide(own.root, found)[0] == wanted
    assert own.write(lambda tx: gate.submitted_by(tx, case["id"], "ROOT"))


def test_an_address_leads_to_the_one_who_goes_by_another_name(own):
    own.write(lambda tx: access.create_token(tx, "kit", "reviewer", email="kit@desk.example"))
    assert own.write(lambda tx: access.named(tx, "KIT@desk.example")) == "kit"
    assert own.write(lambda tx: access.standing(tx, "kit@desk.example", listed=True)) == {"reviewer"}
    own.write(lambda tx: access.revoke(tx, "kit"))
    assert own.write(lambda tx: access.standing(tx, "kit@desk.example", listed=True)) == set()


def test_the_shell_takes_an_address_and_refuses_what_is_none(run):
    made = told(run("token", "create", "jo", "--role", "reviewer", "--email", "jo@desk.example", "--json"))
    assert made["email"] == "jo@desk.example"
    failed(run("token", "create", "jo", "--role", "reviewer", "--email", "no address"), "address")


@pytest.mark.parametrize(
    "twin", ["bob@desk.example ", " bob@desk.example", "Bob <bob@desk.example>", "ｂob@desk.example"]
)
async def test_a_name_that_looks_like_anothers_is_the_others(tmp_path, twin):
    settings = Settings(data_dir=tmp_path)
    for name in ("bob@desk.example", twin):
        await administration.create_token(settings, name, "senior_reviewer")
    async with administration.ledger(settings) as db:
        names = await db.read(lambda tx: {row.name for row in tx.conn.execute(select(tokens.c.name))})
    assert names == {"bob@desk.example"}


@pytest.mark.parametrize("twin", ["bob\u200b@desk.example", "b\u043eb@desk.example", "bob\u200b", "", " "])
async def test_a_name_that_only_looks_like_one_is_refused(tmp_path, twin):
    with pytest.raises(BadInput, match="name"):
        await administration.create_token(Settings(data_dir=tmp_path), twin, "senior_reviewer")


@pytest.mark.parametrize("typed", ["Bob <bob@DESK.example>", "ｂob@desk.example", " payments  gateway ", "kit"])
async def test_a_token_is_revoked_and_signed_in_with_as_it_was_typed_at_its_making(tmp_path, typed):
    settings = Settings(data_dir=tmp_path)
    for _ in range(2):
        await administration.create_token(settings, typed, "reviewer")
    assert "/console/sign-in/" in await signing.sign_in_link(settings, typed)
    assert await administration.revoke_tokens(settings, typed) == 2
    assert await administration.revoke_tokens(settings, typed) == 0
    with pytest.raises(Forbidden):
        await signing.sign_in_link(settings, typed)


async def test_a_token_that_an_older_release_stored_as_typed_can_still_be_revoked(tmp_path):
    settings, old = Settings(data_dir=tmp_path), ["Bob <bob@desk.example>", "bob\u200b"]
    async with administration.ledger(settings) as db:
        for name in old:
            await db.write(lambda tx, name=name: access.create_token(tx, name, "reviewer"))
    assert [await administration.revoke_tokens(settings, name) for name in old] == [1, 1]


@pytest.mark.parametrize("name", ["merchant", "Onboarding", " operator", "clock"])
async def test_no_token_has_a_name_of_the_products_own(tmp_path, name):
    """A backend called ``merchant`` would have every case of the merchants' own page."""
    with pytest.raises(BadInput, match="name"):
        await administration.create_token(Settings(data_dir=tmp_path), name, "backend")
