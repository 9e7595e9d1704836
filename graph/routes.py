"""Every fork of the flow, as a pure function of the state. The Literal types draw the arrows."""

from collections.abc import Sequence
from typing import Literal

from graph.state import CaseState

Services = Literal["activate_svc1", "activate_svc2"]
BOTH: Sequence[Services] = ("activate_svc1", "activate_svc2")


def after_review(
    state: CaseState,
) -> Literal["authorise", "present_second", "preprocess", "request_information", "decline", "close"]:
    """Where a first review leads: changed data is checked anew; a second person is asked where it takes two."""
    match state["resolution"]["action"]:
        case "approve":
            return "present_second" if state["wait"].get("second_required") else "authorise"
        case "correct" | "amended":
            return "preprocess"
        case "request_information":
            return "request_information"
        case "reject":
            return "decline"
        case _:
            return "close"


def after_second_review(
    state: CaseState,
) -> Literal["authorise", "preprocess", "request_information", "decline", "close"]:
    """Where the second person's decision leads."""
    match state["resolution"]["action"]:
        case "approve":
            return "authorise"
        case "correct" | "amended":
            return "preprocess"
        case "request_information":
            return "request_information"
        case "reject":
            return "decline"
        case _:
            return "close"


def after_information(state: CaseState) -> Literal["preprocess", "close"]:
    """An answer makes the next application version; without one the case ends."""
    return "preprocess" if state["resolution"]["action"] == "answered" else "close"


def after_authorise(state: CaseState) -> Sequence[Services]:
    """Both services side by side."""
    return BOTH


def after_settle(state: CaseState) -> Literal["welcome", "compensate", "pause"]:
    """All active, or one refused for good, or one did not answer and is asked again later."""
    match state.get("outcome"):
        case "active":
            return "welcome"
        case "refused":
            return "compensate"
        case _:
            return "pause"


def after_compensate(state: CaseState) -> Literal["escalate", "pause"]:
    """A person decides what comes next, once what could be undone is undone."""
    return "pause" if state.get("outcome") == "unavailable" else "escalate"


def after_activation_review(state: CaseState) -> Literal["authorise", "close"]:
    """Try both services again in a new round, or give up."""
    return "authorise" if state["resolution"]["action"] == "retry" else "close"
