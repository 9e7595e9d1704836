"""Boxes and arrows as plain SVG geometry, drawn by the server: no script, no style but the sheet's."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from api.console.words import visible
from graph.picture import END, START, Picture
from onboarding.ownership_chart import Chart

WIDTH: Final = 168
HEIGHT: Final = 46
ACROSS: Final = 20
DOWN: Final = 44
EDGE: Final = 56
"""Room at both sides, for arrows that lead back."""
LINE: Final = 20
"""Columns of text in a line of a box; a wide character takes two."""


class Box(NamedTuple):
    """A box with its upper left corner, its lines of text, and its full text for a pointer that rests on it."""

    x: int
    y: int
    kind: str
    lines: list[str]
    whole: str


class Arrow(NamedTuple):
    """A path, and the words in its middle."""

    path: str
    kind: str
    words: str
    x: int
    y: int


class Drawing(NamedTuple):
    """Everything an SVG needs, in its own units."""

    width: int
    height: int
    boxes: list[Box]
    arrows: list[Arrow]


def of_ownership(chart: Chart) -> Drawing:
    """The applicant on top, holders below, percent on the arrows."""
    places = _places([[holder.key for holder in row] for row in chart.rows])
    boxes = []
    for row in chart.rows:
        for holder in row:
            told = f"{holder.name}: {holder.share:g} % in all" if holder.share is not None else holder.name
            lines = _lines(holder.name, 1 if holder.share is not None else 2)
            more = [f"{holder.share:g} % in all"] if holder.share is not None else []
            boxes.append(Box(*places[holder.key], holder.kind, lines + more, visible(told, 300)))
    arrows = [
        _arrow(places, held.held, held.owner, "rest" if held.owner[:1] == "\x00" else "", held.cycle, f"{held.pct:g} %")
        for held in chart.holdings
    ]
    return _drawing(places, boxes, arrows)


def of_flow(picture: Picture) -> Drawing:
    """Every step from start to end; those the case went through, and the one it stands at, say so."""
    places = _places([[step.name for step in row] for row in picture.rows])
    boxes = []
    for row in picture.rows:
        for step in row:
            name = step_words(step.name)
            told = "the case is here" if step.here else ("1 time" if step.runs == 1 else f"{step.runs} times")
            kind = "here" if step.here else "been" if step.runs else "open"
            lines = [name, told] if step.here or (step.runs and step.name not in (START, END)) else [name]
            boxes.append(
                Box(*places[step.name], kind, lines, f"{name}: {told if step.runs or step.here else 'not run'}")
            )
    arrows = [_arrow(places, start, end, "", (start, end) in picture.back, "") for start, end in picture.edges]
    return _drawing(places, boxes, arrows)


def step_words(name: str) -> str:
    return {START: "start", END: "end"}.get(name, name.replace("_", " "))


Places = Mapping[str, tuple[int, int]]


def _places(rows: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    """The upper left corner of each box, every row in the middle."""
    widest = max(_width(len(row)) for row in rows)
    found = {}
    for down, row in enumerate(rows):
        left = EDGE + (widest - _width(len(row))) // 2
        for at, key in enumerate(row):
            found[key] = (left + at * (WIDTH + ACROSS), 4 + down * (HEIGHT + DOWN))
    return found


def _width(boxes: int) -> int:
    return boxes * WIDTH + max(boxes - 1, 0) * ACROSS


def _arrow(places: Places, upper: str, lower: str, kind: str, back: bool, words: str) -> Arrow:
    (x1, y1), (x2, y2) = places[upper], places[lower]
    if back:
        x1, x2, y1, y2 = x1 + WIDTH, x2 + WIDTH, y1 + HEIGHT // 2, y2 + HEIGHT // 2
        out = max(x1, x2) + EDGE
        return Arrow(
            f"M{x1} {y1}C{out} {y1} {out} {y2} {x2} {y2}", f"back {kind}".strip(), words, out - 16, (y1 + y2) // 2
        )
    x1, x2, y1 = x1 + WIDTH // 2, x2 + WIDTH // 2, y1 + HEIGHT
    bend = max(DOWN // 2, (y2 - y1) // 3)
    path = f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    if y2 - y1 > DOWN:  # a long way has its words near its upper end, clear of those of the rows between
        return Arrow(path, kind, words, (4 * x1 + x2) // 5, y1 + (y2 - y1) // 4)
    return Arrow(path, kind, words, (x1 + x2) // 2, (y1 + y2) // 2)


def _drawing(places: Places, boxes: list[Box], arrows: list[Arrow]) -> Drawing:
    width = max(x for x, _ in places.values()) + WIDTH + EDGE
    return Drawing(max(width, 2 * EDGE + WIDTH), max(y for _, y in places.values()) + HEIGHT + 4, boxes, arrows)


def _lines(text: str, most: int) -> list[str]:
    """The text in at most ``most`` lines, by words where there are any, cut with dots where it is too long."""
    lines, words = [""], visible(text, 200).split()
    for word in words:
        joined = f"{lines[-1]} {word}".strip()
        if _columns(joined) <= LINE or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    cut = [_fitting(line) for line in lines[:most]]
    return cut if len(lines) <= most else [*cut[:-1], _fitting(f"{lines[most - 1]} {lines[most]}", more=True)]


def _fitting(line: str, *, more: bool = False) -> str:
    if _columns(line) <= LINE and not more:
        return line
    kept = ""
    for char in line:
        if _columns(kept + char) > LINE - 1:
            break
        kept += char
    return f"{kept.rstrip()}…"


def _columns(chars: Iterable[str]) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in chars)
