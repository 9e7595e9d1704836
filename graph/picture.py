"""The flow as it is compiled, with one case's way through it: which steps ran, and where it stands."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from graph.waits import WAITS
from onboarding.case import CLOSED, CaseView
from onboarding.layered import Edge, layered

START, END = "__start__", "__end__"


class Step(NamedTuple):
    """One node. ``runs``: how often the trail says that it ran or waited; ``here``: the case stands at it."""

    name: str
    runs: int
    here: bool


class Picture(NamedTuple):
    """``rows`` from start to end; ``edges`` between names, ``back`` leads up; ``way`` names the steps as they ran."""

    rows: list[list[Step]]
    edges: list[Edge]
    back: frozenset[Edge]
    way: list[str]
    here: str | None


def picture(graph: Any, view: CaseView, waiting: str | None, events: Sequence[dict[str, Any]]) -> Picture:
    """``graph`` is compiled; ``waiting`` the stage the case waits at, a person or not; ``events`` its trail."""
    drawn = graph.get_graph()
    order = list(drawn.nodes)
    edges = [(edge.source, edge.target) for edge in drawn.edges]
    way = list(_way(events))
    here = WAITS[waiting].node if waiting in WAITS else END if view.status in CLOSED else _running(order, way)
    runs = Counter([START, *way, *([END] if here == END else [])])
    layers = layered([START, *(node for node in order if node != START)], edges, ordered=True)
    rows = [[Step(name, runs[name], name == here) for name in row] for row in layers.rows]
    return Picture(rows, edges, layers.back, way, here)


def _way(events: Sequence[dict[str, Any]]) -> list[str]:
    """The nodes in the order in which the trail names them; a wait stands where it was opened."""
    found = []
    for event in events:
        if event["type"] == "step.ended":
            found.append(str(event["data"].get("step")))
        elif event["type"] == "wait.opened" and event["data"].get("stage") in WAITS:
            found.append(WAITS[event["data"]["stage"]].node)
    return found


def _running(order: Sequence[str], way: Sequence[str]) -> str | None:
    """The last step that ended: what follows it runs now."""
    return next((name for name in reversed(way) if name in order), START)
