"""Where something stands in a text: ``line N, column M``, both from 1."""

from bisect import bisect_right
from collections.abc import Sequence


class Places:
    """Turns offsets of a text into places people can look up.

    ``anchors`` (offset here, offset in ``original``), ascending, is given where the text was derived from another one
    (markup stripped): a place is then named in the original.
    """

    def __init__(self, text: str, *, original: str | None = None, anchors: Sequence[tuple[int, int]] = ()) -> None:
        shown = text if original is None else original
        self._lines = [0]
        at = shown.find("\n")
        while at >= 0:
            self._lines.append(at + 1)
            at = shown.find("\n", at + 1)
        self._anchors = list(anchors)
        self._length = len(shown)

    def where(self, offset: int) -> str:
        """The place of ``offset`` (0-based, characters) in words."""
        if self._anchors:
            index = max(bisect_right(self._anchors, (offset, self._length)) - 1, 0)
            here, there = self._anchors[index]
            offset = min(there + max(offset - here, 0), self._length)
        line = bisect_right(self._lines, offset) - 1
        return f"line {line + 1}, column {offset - self._lines[line] + 1}"
