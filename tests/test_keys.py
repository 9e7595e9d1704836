"""The encryption key is read strictly: a key that would be lost silently is refused by its name."""

import base64

import pytest

from graph.folder import codec
from onboarding.settings import BadSettings

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (f"2026-key1:{ONE},2025-key1:{TWO}", "2026-key1"),
        (f"k001:{ONE},k001:{TWO}", "two keys have the id 'k001'"),
        (f"1:{ONE},01:{TWO}", "two keys have the id '01'"),
        (f":{ONE}", "the id ''"),
        ("k001:short", "k001: 32 bytes in standard base64"),
        ("k001:" + base64.urlsafe_b64encode(b"\xff" * 32).decode(), "k001: 32 bytes in standard base64"),
    ],
)
def test_a_key_that_cannot_be_kept_apart_or_read_is_named(keys, told):
    with pytest.raises(BadSettings, match="ONBOARD_ENCRYPTION_KEY") as refused:
        codec(keys)
    assert told in refused.value.detail
    assert ONE not in refused.value.detail


def test_the_first_key_seals_and_the_others_open():
    sealed = codec(f"k001:{ONE}").dump({"a": 1}, "row")
    both = codec(f"k002:{TWO},k001:{ONE}")
    assert both.load(sealed, "row") == {"a": 1}
    assert both.dump({"a": 1}, "row")[:20] != sealed[:20]
