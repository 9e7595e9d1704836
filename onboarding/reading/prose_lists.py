"""Lists of owners in running text: what the heading above a line says about it."""

from collections.abc import Iterator
from typing import Final

from onboarding.reading.prose_names import company_in
from onboarding.reading.prose_page import BULLET, Page

_LONGEST: Final = 12
"""Lines that are looked at above an owner for the heading of his list."""
_LONGEST_HEADING: Final = 120


def is_listed_owner(page: Page, start: int) -> bool:
    """Whether the line of a list that starts at ``start`` stands under a heading that speaks of owners."""
    if not BULLET.match(page.plain, start):
        return False
    heading = next((line for line in _lines_above(page, start) if not BULLET.match(page.plain, line[0])), None)
    return heading is not None and bool(page.cues_in(*heading, "owner"))


def owned_above(page: Page, start: int) -> str:
    """The company that the heading of a list names ("Shareholders of X Ltd"); empty without such a heading."""
    for line, end in _lines_above(page, start):
        named = company_in(page, line, end)
        if named is None or page.plain[named.end : end].strip(" .:：-="):
            continue
        if page.cues_in(line, named.start, "owner", "owns"):
            return page.text[named.start : named.end]
    return ""


def _lines_above(page: Page, offset: int) -> Iterator[tuple[int, int]]:
    """The short lines above, nearest first, up to a blank one."""
    end = offset
    for _ in range(_LONGEST):
        end = page.plain.rfind("\n", 0, end)
        line = page.plain.rfind("\n", 0, max(end, 0)) + 1
        if end < 0 or end - line > _LONGEST_HEADING or not page.plain[line:end].strip():
            return
        yield line, end
