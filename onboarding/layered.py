"""Nodes of a directed graph in layers, to be drawn: every arrow leads down, but for those that close a cycle."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

Edge = tuple[str, str]


class Layers(NamedTuple):
    """``rows`` from the top down, each from left to right; ``back``: edges that lead up again."""

    rows: list[list[str]]
    back: frozenset[Edge]


def layered(order: Sequence[str], edges: Sequence[Edge], *, ordered: bool = False) -> Layers:
    """Each node one layer below the lowest that leads to it; within a layer near the middle of those above it.

    ``order`` names every node, those to begin with first; edges to other nodes are left out. ``ordered``: it is also
    the order downwards, so an edge to what stands before leads back. Never raises; takes time in proportion to nodes
    and edges, whatever cycles there are.
    """
    following: dict[str, list[str]] = {node: [] for node in order}
    for start, end in dict.fromkeys(edges):
        if start in following and end in following:
            following[start].append(end)
    back, finished = _as_ordered(order, following) if ordered else _walk(order, following)
    depth = dict.fromkeys(order, 0)
    leading: dict[str, list[str]] = defaultdict(list)
    for node in reversed(finished):
        for other in following[node]:
            if (node, other) not in back:
                depth[other] = max(depth[other], depth[node] + 1)
                leading[other].append(node)
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in order:
        rows[depth[node]].append(node)
    return Layers(_untangled(rows, leading), frozenset(back))


def _as_ordered(order: Sequence[str], following: dict[str, list[str]]) -> tuple[set[Edge], list[str]]:
    place = {node: at for at, node in enumerate(order)}
    back = {(node, other) for node, others in following.items() for other in others if place[other] <= place[node]}
    return back, list(order)[::-1]


def _walk(order: Sequence[str], following: dict[str, list[str]]) -> tuple[set[Edge], list[str]]:
    """Depth first without recursion: the edges that close a cycle, and the nodes in the order they were left."""
    back: set[Edge] = set()
    finished: list[str] = []
    open_: dict[str, None] = {}
    done: set[str] = set()
    for first in order:
        waiting = [] if first in done else [(first, iter(following[first]))]
        open_.update(dict.fromkeys(node for node, _ in waiting))
        while waiting:
            node, rest = waiting[-1]
            for other in rest:
                if other in open_:
                    back.add((node, other))
                elif other not in done:
                    open_[other] = None
                    waiting.append((other, iter(following[other])))
                    break
            else:
                waiting.pop()
                del open_[node]
                done.add(node)
                finished.append(node)
    return back, finished


def _untangled(rows: list[list[str]], leading: dict[str, list[str]]) -> list[list[str]]:
    place: dict[str, float] = {}
    for row in rows:
        wanted = {
            node: sum(place[one] for one in leading[node]) / len(leading[node]) if leading[node] else at / len(row)
            for at, node in enumerate(row)
        }
        row.sort(key=lambda node: wanted[node])
        place.update((node, (at + 0.5) / len(row)) for at, node in enumerate(row))
    return rows
