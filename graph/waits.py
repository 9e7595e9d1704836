"""Where a case can be parked: for every stage the node that waits and the node before it that opened the wait."""

from typing import Final, NamedTuple

from onboarding.case import Stage


class Wait(NamedTuple):
    """``opened_by`` is the working node, ``node`` the interrupt that follows it."""

    opened_by: str
    node: str


WAITS: Final[dict[Stage, Wait]] = {
    "review": Wait("present", "review"),
    "second_review": Wait("present_second", "second_review"),
    "information": Wait("request_information", "await_information"),
    "service": Wait("pause", "await_service"),
    "activation": Wait("escalate", "review_activation"),
}
PARKED: Final = frozenset(wait.node for wait in WAITS.values())
