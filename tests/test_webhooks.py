"""Callbacks are believed only when their very bytes are signed, fresh, and by a secret we hold."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.errors import BadInput, Unauthorized
from tools.webhooks import signed, verified

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
BODY = b'{"key": "case:svc1:1", "status": "active", "name": "\xe6\x97\xa5"}'


def now():
    return datetime.now(UTC)


def sign(body=BODY, secrets=(OLD,), at=None, message_id="msg-1"):
    return signed(body, message_id=message_id, secrets=secrets, at=at or now())


def refused(body, headers, secrets=(OLD,)):
    with pytest.raises(Unauthorized) as error:
        verified(body, headers, secrets=secrets)
    return error.value.detail


def test_a_genuine_callback_gives_its_id():
    assert verified(BODY, sign(), secrets=[OLD]) == "msg-1"
    upper = {key.title(): value for key, value in sign().items()}
    assert verified(BODY, upper, secrets=[OLD]) == "msg-1"


def test_the_specification_s_own_example_verifies_by_its_signature():
    headers = signed(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        at=datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_can_be_changed_without_losing_a_callback():
    assert verified(BODY, sign(secrets=[OLD]), secrets=[NEW, OLD])
    assert verified(BODY, sign(secrets=[OLD, NEW]), secrets=[NEW])
    assert refused(BODY, sign(secrets=[OLD, NEW]), secrets=[OTHER])


@pytest.mark.parametrize("minutes, fine", [(-4.9, True), (4.9, True), (-5.1, False), (5.1, False), (-600, False)])
def test_five_minutes_of_skew_and_no_more(minutes, fine):
    headers = sign(at=now() + timedelta(minutes=minutes))
    if fine:
        assert verified(BODY, headers, secrets=[OLD])
    else:
        assert refused(BODY, headers)


def test_a_time_in_another_zone_is_the_same_moment():
    assert verified(BODY, sign(at=datetime.now(timezone(timedelta(hours=9)))), secrets=[OLD])


def test_the_same_json_in_other_bytes_is_refused():
    assert refused(BODY.replace(b": ", b":"), sign())
    assert refused(BODY + b"\n", sign())
    assert refused(b"\xff" + BODY, sign())


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,???"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v2,abcd v1a,abcd"},
        {"webhook-signature": "v1,aaaa " * 100_000},
    ],
)
def test_whatever_is_wrong_the_answer_is_the_same(change):
    assert refused(BODY, sign() | change) == refused(BODY, {}) == refused(BODY, sign(secrets=[OTHER]))


def test_a_fraction_of_the_signed_time_is_another_text_and_refused():
    headers = sign()
    assert refused(BODY, headers | {"webhook-timestamp": headers["webhook-timestamp"] + ".5"})


def test_an_odd_signature_beside_a_good_one_does_no_harm():
    headers = sign()
    assert verified(
        BODY, headers | {"webhook-signature": f"v1 v9,x v1,??? {headers['webhook-signature']}"}, secrets=[OLD]
    )


@settings(max_examples=50)
@given(st.binary(), st.text(), st.text(), st.text())
def test_no_noise_is_ever_believed_or_raises_anything_else(body, one, two, three):
    refused(body, {"webhook-id": one, "webhook-timestamp": two, "webhook-signature": three})


@pytest.mark.parametrize("secrets", [[], ["whsec_"], ["whsec_c2hvcnQ="], ["whsec_!!!"], [""]])
def test_a_weak_or_missing_secret_is_refused_and_never_repeated(secrets):
    for use in (lambda: sign(secrets=secrets), lambda: verified(BODY, sign(), secrets=secrets)):
        with pytest.raises(BadInput) as error:
            use()
        assert not any(secret and secret in str(error.value.detail) for secret in secrets if len(secret) > 6)


@pytest.mark.parametrize("bad", ["", "a b", "a\nb", "x" * 201, "ü"])
def test_an_id_that_no_header_can_carry_is_refused(bad):
    with pytest.raises(BadInput):
        sign(message_id=bad)


def test_a_body_that_is_no_text_or_a_time_without_zone_is_not_signed():
    with pytest.raises(BadInput):
        sign(body=b"\xff")
    with pytest.raises(BadInput):
        sign(at=datetime(2026, 1, 1))  # noqa: DTZ001
