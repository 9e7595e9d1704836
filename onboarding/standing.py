"""How it stands, in words for the merchant: what they may know and nothing of what we look at, find or think."""

from typing import Final, NamedTuple

from onboarding.case import Status


class Standing(NamedTuple):
    """A headline and a sentence. ``open`` while the merchant can still withdraw."""

    headline: str
    words: str
    open: bool = False


_WITH_US: Final = Standing(
    "We have your application", "You need to do nothing now. We will write to you as soon as there is news.", True
)
_CLOSED: Final = "You are welcome to apply again at any time."
STANDING: Final[dict[Status, Standing]] = {
    "received": _WITH_US,
    "processing": _WITH_US,
    "in_review": _WITH_US,
    "activating": _WITH_US,
    "quarantined": _WITH_US,
    "awaiting_information": Standing(
        "We need something from you", "Please answer below. Your application waits until then.", True
    ),
    "active": Standing("Your account is active", "You need to do nothing more."),
    "rejected": Standing("We could not accept your application", "We have written to you with the reasons. " + _CLOSED),
    "activation_failed": Standing("Your application is closed", "No account was opened. " + _CLOSED),
    "withdrawn": Standing("You have withdrawn your application", _CLOSED),
    "expired": Standing("Your application is closed", "It was not completed in time. " + _CLOSED),
}
"""Whatever happens inside reads the same from outside: only what the merchant must do or has been told differs."""
