"""Shares stated for several people at once: "half each", "equally", "60/40", "60 % and 40 % respectively".

What a text says of several together is read only where it says what each holds: "A and B own 60 %" is nobody's share.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from onboarding.reading.amounts import read_share
from onboarding.reading.cues import Cue
from onboarding.reading.prose_events import FRACTIONS, SHARE_WORDS, Event
from onboarding.reading.prose_mentions import Mention
from onboarding.reading.prose_page import Page

_CONJUNCTION: Final = r"(?:and|und|sowie|et|en|e|y|i|oraz|och|&|と|및|와|과)"
_TIGHT: Final = re.compile(rf"[\s,]*(?:{_CONJUNCTION}(?![^\W\d_])(?:\s+[^\W\d_]+){{0,3}})?[\s,]*")
_BRACKET: Final = re.compile(r"\s?\([^()\n]{0,80}\)")
_JOINED: Final = re.compile(rf"(?:^|[\s,]){_CONJUNCTION}(?:[\s,]|$)")
_BESIDE: Final = ("title", "relative", "first_person")
"""What may stand between two names of one enumeration besides commas and "and": "Ada and her brother Bo"."""
_ASIDE: Final = (*_BESIDE, "director", "owner", "born", "nationality")
_PARTED: Final = ("holds_alone", "rest", *FRACTIONS)
"""What tells two names apart: a verb or a share between them."""
_MOST_WORDS: Final = 4
_RATIO: Final = re.compile(r"(?<![\d/.,:-])\d{1,2}(?: ?[/:-] ?\d{1,2}){1,3}(?![\d/:-]|[.,]\d)")
_PLURAL: Final = re.compile(r"(?<!\w)(?:are|were|sind|waren|sont|zijn|sao|son|sono|sa|ar)(?!\w)")
_CLOSE: Final = 12


class Told(NamedTuple):
    """``shares`` to whom they belong; ``settled`` the offsets of all statements that this explains."""

    shares: list[tuple[Event, Mention]]
    settled: set[int]


def stakes(page: Page, bounds: tuple[int, int], said: list[Event], people: list[Mention], owners: bool) -> Told:
    """The shares in one sentence that belong to several people each. ``owners``: a label says that owners follow."""
    stated = [event for event in said if event.field in ("ownership_pct", "together", "rest")]
    told = Told([], set())
    if len(people) < 2:
        told.settled.update(event.start for event in stated if event.field == "together")
        return told
    each = _each(page, bounds, stated)
    for index, event in enumerate(stated):
        around = _Around(page, stated, people, index, bounds)
        if event.field == "together":
            _equally(event, around, told)
        elif event in each:
            group = around.group()
            share = read_share(event.raw)
            if len(group) > 1 and share and share.pct * len(group) <= 100.01:
                _give(told, [event] * len(group), group)
    _in_turn(page, [event for event in stated if event.start not in told.settled], people, told)
    if not stated and (owners or page.cues_in(*bounds, *SHARE_WORDS)):
        _by_ratio(page, bounds, people, told)
    return told


class _Around:
    """A statement about shares with the people on both sides of it, up to the next such statement."""

    def __init__(
        self, page: Page, stated: list[Event], people: list[Mention], index: int, bounds: tuple[int, int]
    ) -> None:
        self.page, self.event, self.stated = page, stated[index], stated
        low = stated[index - 1].end if index else bounds[0]
        high = stated[index + 1].start if index + 1 < len(stated) else bounds[1]
        self.before = [m for m in people if low <= m.start and m.end <= self.event.start]
        self.after = [m for m in people if self.event.end <= m.start and m.end <= high]

    def group(self) -> list[Mention]:
        """Of whom the statement speaks, where these are several: those named right before it, else right after."""
        found = _run(self.page, self.before[::-1])[::-1]
        return found if len(found) > 1 else _run(self.page, self.after)

    def base(self) -> Event | None:
        """The percentage that is divided ("the remaining 40 % equally"): the one beside it, nobody named in between."""
        index = self.stated.index(self.event)
        beside = [*self.stated[max(index - 1, 0) : index][::-1], *self.stated[index + 1 : index + 2]]
        people = [*self.before, *self.after]
        return next((share for share in beside if not _between(people, share, self.event)), None)


def _between(people: list[Mention], one: Event, other: Event) -> bool:
    low, high = sorted((one.start, other.start))
    return high - low > 60 or any(low < mention.start < high for mention in people)


def _run(page: Page, people: list[Mention]) -> list[Mention]:
    """The people enumerated from the first on (in either direction), told apart by name."""
    tight = _linked(page, people, tight=True)
    return tight if len(tight) > 1 else _linked(page, people, tight=False)


def _linked(page: Page, people: list[Mention], *, tight: bool, past: bool = False) -> list[Mention]:
    run: list[Mention] = people[:1]
    for last, mention in pairwise(people):
        if not _adjoin(page, *sorted((last, mention)), tight=tight, past=past):
            break
        if mention.name != last.name:
            run.append(mention)
    return run


def _adjoin(page: Page, left: Mention, right: Mention, *, tight: bool, past: bool) -> bool:
    """Whether two names are parts of one enumeration; loosely with a birth date, an office, a few words between.

    ``past`` what stands in brackets: "Ada (60 %) and Bo (40 %)" are one enumeration of directors, not of holders.
    """
    bracket = _BRACKET.match(page.plain, left.end, right.start) if past else None
    start = bracket.end() if bracket else left.end
    rest = without_cues(page, start, right.start, *(_BESIDE if tight else _ASIDE))
    if tight:
        return _TIGHT.fullmatch(rest) is not None and not page.cues_in(start, right.start, *_PARTED)
    for span in page.spans_in(left.end, right.start, "date"):
        rest = rest.replace(page.low[span.start : span.end], " ")
    return len(rest.split()) <= _MOST_WORDS and not any(sign in rest for sign in ";:%")


def without_cues(page: Page, start: int, end: int, *concepts: str) -> str:
    """The letters of [start, end), flat, with blanks for the cues of ``concepts``."""
    kept = list(page.low[start:end])
    for cue in page.cues_in(start, end, *concepts):
        kept[cue.start - start : cue.end - start] = " " * (cue.end - cue.start)
    return "".join(kept)


def _each(page: Page, bounds: tuple[int, int], stated: list[Event]) -> list[Event]:
    """The statements that "each" belongs to: one right before the word, else the next after it."""
    found = []
    shares = [event for event in stated if event.field == "ownership_pct"]
    for cue in page.cues_in(*bounds, "each"):
        inside = next((event for event in shares if event.start <= cue.start < event.end), None)
        behind = next((event for event in shares if event.start >= cue.end), None)
        ahead = next((e for e in reversed(shares) if e.end <= cue.start and cue.start - e.end < _CLOSE), None)
        event = inside or ahead or (behind if behind and not _is_french_i(page, cue, behind) else None)
        if event:
            found.append(event)
    return found


def _is_french_i(page: Page, cue: Cue, event: Event) -> bool:
    """ "je détiens 50 %" is no "je 50 %"."""
    return page.low[cue.start : cue.end] == "je" and page.low[cue.end : event.start].strip() != ""


def _equally(event: Event, around: _Around, told: Told) -> None:
    """ "Equally", "half each": the whole, or the percentage beside it, in as many parts as there are people."""
    group = around.group()
    everybody = [*around.before, *around.after]
    if len(group) < 2 and (event.label == "halves" or (around.before and around.after)):
        group = everybody if len({mention.name for mention in everybody}) == len(everybody) == 2 else group
        # "I own it fifty-fifty with my wife Ann"
    base = around.base()
    told.settled.update(e.start for e in (event, base) if e)
    share = read_share(base.raw) if base else None
    whole = share.pct if share else 100
    if len(group) < 2 or (event.label == "halves" and len(group) != 2) or (base and (share is None or share.rest)):
        return
    _give(told, [event._replace(field="ownership_pct", raw=f"{round(whole / len(group), 2):g} %")] * len(group), group)


def _in_turn(page: Page, stated: list[Event], people: list[Mention], told: Told) -> None:
    """ "A and B own 60 % and 40 %": as many shares in a row as there are people in a row, all before or all after."""
    shares = [event for event in stated if event.field == "ownership_pct"]
    if len(shares) < 2 or len(shares) != len(stated):
        return
    inside = [m for m in people if shares[0].start <= m.start < shares[-1].start]
    sides = (
        [m for m in people if m.end <= shares[0].start][::-1],
        [m for m in people if m.start >= shares[-1].end],
    )
    groups = [_run(page, sides[0])[::-1], _run(page, sides[1])]
    group = next((group for group in groups if len(group) > 1), [])
    if not inside and len(group) == len(shares):
        _give(told, shares, group)


def _by_ratio(page: Page, bounds: tuple[int, int], people: list[Mention], told: Told) -> None:
    """ "60/40 between A and B": parts that make a hundred, one for each of the people in a row."""
    match = ratio_in(page.plain, *bounds)
    if match is None:
        return
    parts = re.findall(r"\d+", match.group())
    group = _run(page, [m for m in people if m.end <= match.start()][::-1])[::-1]
    group = group if len(group) > 1 else _run(page, [m for m in people if m.start >= match.end()])
    if len(group) == len(parts):
        events = [Event("ownership_pct", f"{part} %", *match.span(), match.group()) for part in parts]
        _give(told, events, group)


def ratio_in(text: str, start: int = 0, end: int | None = None) -> re.Match[str] | None:
    """The first numbers with strokes between them that make a hundred: "60/40", "50:30:20"."""
    found = _RATIO.finditer(text, start, len(text) if end is None else end)
    return next((match for match in found if sum(map(int, re.findall(r"\d+", match.group()))) == 100), None)


def _give(told: Told, events: Sequence[Event], group: Sequence[Mention]) -> None:
    told.shares.extend(zip(events, group, strict=True))
    told.settled.update(event.start for event in events)


def together(page: Page, event: Event, target: Mention, here: list[Mention]) -> list[Mention]:
    """Everybody of the enumeration that a statement about ``target`` speaks of: ``target`` alone where it is none.

    "A and B own 60 %", "the directors are A and B"; but in "60 % is A's and B owns 40 %" each is told of alone.
    """
    side = [m for m in here if (m.end <= event.start) == (target.end <= event.start)]
    side = side[::-1] if target.end <= event.start else side
    side = side[side.index(target) :] if target in side else [target]
    run = sorted(_linked(page, side, tight=True, past=event.field not in ("ownership_pct", "rest")))
    if len(run) < 2 or not _JOINED.search(without_cues(page, run[-2].end, run[-1].start, *_BESIDE)):
        return [target]
    alone = page.cues_in(run[-1].end, run[-1].end + _CLOSE, "holds_alone")
    return [target] if alone and not page.low[run[-1].end : alone[0].start].strip() else run


def is_of_all(page: Page, event: Event, group: list[Mention]) -> bool:
    """Whether an office is said of several people: in its plural, or with "are" between it and them."""
    low, high = sorted((group[0].start, event.start))
    between = page.low[min(group[-1].end, event.end) : max(group[0].start, event.start)]
    return high > low and (event.raw.lower().endswith(("s", "x")) or _PLURAL.search(between) is not None)
