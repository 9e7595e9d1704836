"""Signing in at the company's own provider: it says who, the ledger says what; nothing that does not hold gets in."""

import subprocess
import sys
from typing import Any

import httpx
import pytest
from harness.browser import Browser
from harness.provider import CLIENT, SECRET, FakeProvider, provider
from joserfc.jwk import KeySet, OctKey, RSAKey

from checkpoints import access
from graph import elsewhere
from onboarding.settings import BadSettings, Settings
from tools import oidc


@pytest.fixture(scope="module")
def idp():
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def own(open_product_house, idp):
    knobs = {"oidc_issuer": idp.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with open_product_house(reviewers="sue@reviewers.example", **knobs) as found:
        found.write(lambda tx: access.create_token(tx, "ann.k", "reviewer", email="Ann@reviewers.example"))
        yield found


@pytest.fixture(autouse=True)
def honest(idp: FakeProvider):
    """Every test begins with a provider that does nothing wrong."""
    yield
    idp.claims, idp.email, idp.called, idp.algorithm = {}, "ann@reviewers.example", idp.url, "RS256"
    idp.key, idp.broken = idp.keys.keys[0], ""


def go(own: Any, browser: Browser, to: str = "/console") -> str:
    """As far as the provider sends the browser back: the address of the callback."""
    out = browser.get(f"/console/oidc?to={to}")
    assert out.status_code == 303, out.text
    back = httpx.get(out.headers["location"], trust_env=False)
    assert back.status_code == 303
    return back.headers["location"].removeprefix(own.url)


def test_a_person_signs_in_and_goes_where_they_wanted(own):
    browser = Browser(own)
    assert "Sign in with your company account" in browser.get("/console/sign-in").text
    page = browser.get(go(own, browser, "/console/cases/x-1"))
    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/console/cases/x-1">' in page.text
    cookies = page.headers.get_list("set-cookie")
    assert any("onboard_session" in one and "samesite=strict" in one.lower() for one in cookies)
    desk = browser.get("/console")
    assert "ann.k" in desk.text
    (row,) = own.rows("SELECT actor FROM audit WHERE case_id = 'person:ann.k'")
    assert row["actor"] == "ann.k"


def test_a_listed_address_is_trusted_and_a_stranger_has_no_role(own, idp):
    idp.email = "SUE@reviewers.example"
    browser = Browser(own)
    assert browser.get(go(own, browser)).status_code == 200
    assert "senior reviewer" in browser.get("/console").text
    idp.email = "mallory@elsewhere.example"
    browser = Browser(own)
    refused = browser.get(go(own, browser))
    assert refused.status_code == 403
    assert "nobody here gave you a role" in refused.text
    assert browser.get("/console").status_code == 303


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "somebody-else"}},
        {"claims": {"nonce": "of-another-try"}},
        {"claims": {"exp": 1_000_000_000}},
        {"claims": {"email_verified": False}},
        {"claims": {"email_verified": "true"}},
        {"claims": {"email": None}},
        {"key": RSAKey.generate_key(2048)},
        {"algorithm": "HS256", "key": OctKey.import_key(SECRET)},
    ],
    ids=[
        "issuer",
        "audience",
        "nonce",
        "expired",
        "unverified",
        "verified as text",
        "no address",
        "signature",
        "by secret",
    ],
)
def test_what_does_not_hold_signs_nobody_in(own, idp, wrong):
    for name, value in wrong.items():
        setattr(idp, name, value)
    browser = Browser(own)
    answer = browser.get(go(own, browser))
    assert answer.status_code == 403
    assert "onboard_session" not in browser.http.cookies
    assert SECRET not in answer.text


def test_a_state_works_once_and_only_in_its_browser(own):
    browser = Browser(own)
    back = go(own, browser)
    assert Browser(own).get(back).status_code == 403, "another browser"
    state = browser.http.cookies["onboard_state"]
    assert browser.get(back).status_code == 200
    browser.http.cookies.set("onboard_state", state, path="/console/oidc")
    assert browser.get(back).status_code == 403, "replayed"
    assert browser.get("/console/oidc/callback").status_code == 403
    assert browser.get("/console/oidc/callback?state=&code=x").status_code == 403
    fresh = Browser(own)
    code, made = "code=made-up", go(own, fresh).partition("&")[2]
    assert fresh.get(f"/console/oidc/callback?{code}&{made}").status_code == 403, "a code of nobody's"
    other = go(own, Browser(own)).partition("state=")[2]
    assert Browser(own).post(f"/console/sign-in/{other}").status_code == 404, "a state is no sign-in link"


def test_a_revoked_person_and_a_provider_that_is_away_get_a_page(own, idp, open_product_house):
    own.write(lambda tx: access.create_token(tx, "gone", "reviewer", email="gone@x.example"))
    own.write(lambda tx: access.revoke(tx, "gone"))
    idp.email = "gone@x.example"
    browser = Browser(own)
    assert browser.get(go(own, browser)).status_code == 403
    knobs = {"oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with open_product_house(oidc_issuer="http://127.0.0.1:9", **knobs) as away:
        answer = Browser(away).get("/console/oidc")
        assert answer.status_code == 502
        assert "cannot be reached" in answer.text
        assert Browser(away).get("/console/sign-in").status_code == 200


def test_an_issuer_that_calls_itself_otherwise_is_not_the_one(idp, open_product_house):
    idp.called = "https://evil.example"
    knobs = {"oidc_issuer": idp.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    with open_product_house(**knobs) as own:
        assert Browser(own).get("/console/oidc").status_code == 502


def test_half_a_configuration_is_refused_by_name_and_without_any_there_is_no_such_page(house):
    with pytest.raises(BadSettings, match="ONBOARD_OIDC_CLIENT_SECRET"):
        elsewhere.provider(Settings(oidc_issuer="https://idp.example", oidc_client_id="x"))
    with pytest.raises(BadSettings, match="https://"):
        elsewhere.provider(Settings(oidc_issuer="http://idp.example", oidc_client_id="x", oidc_client_secret="y"))
    assert Browser(house).get("/console/oidc").status_code == 404
    assert "company account" not in Browser(house).get("/console/sign-in").text


def test_without_authlib_everything_else_works_and_the_setting_says_what_it_needs():
    code = """
import sys
sys.modules["authlib"] = None
import api.app
from graph import elsewhere
from onboarding.settings import Settings
assert elsewhere.provider(Settings()) is None
try:
    elsewhere.provider(Settings(oidc_issuer="https://idp.example", oidc_client_id="x", oidc_client_secret="y"))
except Exception as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "extra `oidc`" in told


def test_a_provider_that_changes_its_keys_signs_people_in_at_once(own, idp):
    browser = Browser(own)
    assert browser.get(go(own, browser)).status_code == 200, "the keys are known now"
    idp.keys = KeySet([RSAKey.generate_key(2048, auto_kid=True)])
    idp.key = idp.keys.keys[0]
    browser = Browser(own)
    assert browser.get(go(own, browser)).status_code == 200


@pytest.mark.parametrize("broken", ["fails", "drips"])
def test_a_provider_that_gives_no_token_is_told_from_a_person_who_is_refused(own, idp, monkeypatch, broken):
    monkeypatch.setattr(oidc, "DEADLINE", 0.5)
    idp.broken = broken
    browser = Browser(own)
    answer = browser.get(go(own, browser))
    assert answer.status_code == 502
    assert "cannot be reached" in answer.text
