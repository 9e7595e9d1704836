"""Who writes: the name behind "I", "me" and "my wife"."""

import re
from bisect import bisect_right
from typing import Final

from onboarding.reading.cues import Cue
from onboarding.reading.prose_mentions import Mention
from onboarding.reading.prose_names import companies
from onboarding.reading.prose_page import Page

_HE: Final = re.compile(
    r"(?<!\w)(he|she|er|sie|il|elle|hij|zij|han|hon|lui|lei|el|ella|ele|ela) "
    r"(?:was born|is|was|holds|owns|has|wurde|ist|halt|besitzt|est nee?|est|detient|werd|bezit|ar fodd|ager|"
    r"e nat[oa]|detiene|nacio|posee|nasceu|detem|possui)(?!\w)"
)
_RECENT: Final = 200
_NEAR: Final = 9
_I_AGAIN: Final = re.compile(r" (?:yo|io|eu|moi|ich|ik|ja|jag|me),? ")
""" "soy yo, Inés Bermejo": the pronoun once more before the name."""


def speaker_of(page: Page, named: list[Mention], sender: str | None) -> str | None:
    """The writer's name: as he introduces himself, as he signs, as his mail program calls him."""
    by_start = {mention.start: mention for mention in named}
    for cue in page.cues_in(0, len(page.text), "my_name"):
        after = next((by_start[at] for at in range(cue.end, cue.end + _NEAR) if at in by_start), None)
        between = page.plain[cue.end : after.start] if after else ""
        if after and not after.relative and (len(between) < 4 or _I_AGAIN.fullmatch(between)):
            return after.name
    for cue in reversed(page.cues_in(0, len(page.text), "signoff")):
        signed = next((by_start[at] for at in range(cue.end, cue.end + 61) if at in by_start), None)
        if signed and not page.plain[cue.end : signed.start].strip(" ,.!\n-"):
            return signed.name
    if sender and len(sender.split()) > 1 and not companies(Page(sender)) and not any(c.isdigit() for c in sender):
        return sender
    lines = [m for m in named if alone(page, m)]
    return lines[-1].name if lines and lines[-1].start > len(page.text) * 0.6 else None


def alone(page: Page, mention: Mention) -> bool:
    """Whether a name is all that stands on its line."""
    line = page.plain.rfind("\n", 0, mention.start) + 1
    stop = page.plain.find("\n", mention.end)
    return (
        page.plain[line : stop if stop >= 0 else len(page.plain)].strip(" ,.\r")
        == page.plain[mention.start : mention.end]
    )


def speakers(page: Page, named: list[Mention], speaker: str | None) -> list[Mention]:
    """The writer where he speaks of himself."""
    if speaker is None:
        return []
    taken = {m.start for m in named}
    return [
        Mention(cue.start, cue.end, speaker, speaker=True)
        for cue in page.cues_in(0, len(page.text), "first_person", "my_name")
        if _is_i(page, cue) and page.is_free(cue.start, cue.end) and taken.isdisjoint(range(cue.end, cue.end + 4))
    ]


def pronouns(page: Page, named: list[Mention]) -> list[Mention]:
    """ "He was born …": whoever was named last, not far before it."""
    found = []
    starts = [m.start for m in named]
    for match in _HE.finditer(page.low):
        last = bisect_right(starts, match.start()) - 1
        before = named[last] if last >= 0 and match.start() - named[last].end < _RECENT else None
        if before is not None and page.is_free(*match.span(1)):
            found.append(Mention(*match.span(1), before.name, before.relative))
    return found


def _is_i(page: Page, cue: Cue) -> bool:
    """Polish "i" is "and", Swedish "i" is "in": a small i counts only before an English verb."""
    word = page.plain[cue.start : cue.end]
    return (
        word != "i"
        or re.match(r" (?:own|am|have|was|hold|run|and my)\b", page.plain[cue.end : cue.end + 9]) is not None
    )
