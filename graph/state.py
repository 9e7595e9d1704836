"""The state of a case on its way: plain JSON, parsed into domain types at a node's edge. No class is ever stored."""

from typing import Annotated, Any, Final, NotRequired, TypedDict

GRAPH_VERSION: Final = "1"
"""Stamped into every state. It changes when a waiting case could not go on under the new graph as it stands."""


def newer(version: str) -> bool:
    """Whether a case of this graph version is for newer code than this."""
    return version.isdecimal() and int(version) > int(GRAPH_VERSION)


def merged(old: dict[str, str] | None, new: dict[str, str]) -> dict[str, str]:
    """Both services report at once: keep what each said."""
    return {**(old or {}), **new}


class Started(TypedDict):
    """What every case begins with."""

    case_id: str
    graph_version: str
    version: int


class CaseState(Started):
    """Everything the nodes hand on. ``version`` is the application version, ``attempt`` the round of activation."""

    as_of: NotRequired[str]
    reading: NotRequired[dict[str, Any]]
    validation: NotRequired[dict[str, Any]]
    basis: NotRequired[dict[str, Any]]
    assessment: NotRequired[dict[str, Any]]
    wait: NotRequired[dict[str, Any]]
    resolution: NotRequired[dict[str, Any]]
    attempt: NotRequired[int]
    activations: NotRequired[Annotated[dict[str, str], merged]]
    outcome: NotRequired[str]


# What each kind of node reads: the first parameter's type is the node's input.


class Read(Started):
    as_of: str
    reading: dict[str, Any]


class Checked(Read):
    validation: dict[str, Any]


class Judged(Checked):
    assessment: dict[str, Any]
    basis: NotRequired[dict[str, Any]]


class Waiting(Started):
    wait: dict[str, Any]


class Resolved(Started):
    resolution: dict[str, Any]


class Activating(Started):
    attempt: NotRequired[int]


class Settled(Activating):
    activations: dict[str, str]
    outcome: NotRequired[str]
