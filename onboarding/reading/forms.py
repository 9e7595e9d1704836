"""Lines of a form → pairs under their sections: headings, indentation, lists, label over value, continued values."""

import re
from typing import Final

from onboarding.reading.labelled import Key, Line, Mark, Pair, heading, lines_of
from onboarding.reading.labels import read_label
from onboarding.reading.placing import PERSON_SCOPES, place
from onboarding.reading.prose_page import Page
from onboarding.reading.tables import table_at

_LABEL_LIKE: Final = re.compile(r"[^\W\d_][\w ]{0,24}[:=] ")
_DOTTED: Final = re.compile(r"[^\s.\[\]]{1,40}(?:[.\[][^\s.\[\]]{1,40}\]?){1,6}")
_LONG_TEXTS: Final = frozenset(["address", "business_description", "address.line1", None])


def pairs(page: Page) -> list[Pair]:
    """All label/value pairs of a text, in order. Values are places in the text; nothing is decided about them here."""
    reader = _Reader(page, lines_of(page))
    reader.read()
    return reader.found


class _Reader:
    def __init__(self, page: Page, lines: list[Line]) -> None:
        self.page = page
        self.lines = lines
        self.found: list[Pair] = []
        self.sections: list[tuple[int, Key]] = []
        self.items: dict[tuple[Key, ...], int] = {}
        self.at = 0
        self.plain_until = 0
        """Lines with bars up to here were looked at and are no table."""

    def read(self) -> None:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.start == line.end:
                self.at += 1
                continue
            rows = table_at(self.page, self.lines, self.at) if self.at >= self.plain_until else None
            if rows and not rows.is_labelled():
                self.plain_until, rows = rows.after, None
            if rows:
                self.found += rows.pairs(self._path(line.indent))
                self.at = rows.after
            elif line.marks:
                self._labelled(line)
            else:
                self._bare(line)

    def _labelled(self, line: Line) -> None:
        """A line with labels: its pairs; or, with nothing behind its only label, a section or a value below."""
        self._enter(line)
        first = line.marks[0]
        if len(line.marks) == 1 and first.value >= line.end:
            self.at += 1
            self._open(line, self.page.text[first.start : first.end])
            return
        stops = [mark.start for mark in line.marks[1:]] + [line.end]
        for mark, stop in zip(line.marks, stops, strict=True):
            self._pair(line, mark, stop)
        self.at += 1
        self._continue(line)

    def _pair(self, line: Line, mark: Mark, stop: int) -> None:
        opening = self.page.plain[mark.start - 1 : mark.start] if mark.start > line.start else ""
        if opening and opening in "([":  # "(reading: …)": the value ends where its bracket does
            closing = self.page.plain.find(")" if opening == "(" else "]", mark.value, stop)
            stop = closing if closing > 0 else stop
        start, end = self._trimmed(mark.value, stop)
        if start < end:
            label = self.page.text[mark.start : mark.end].strip("\"' ")
            path = (*self._path(line.indent, label), *_keys(label))
            self.found.append(Pair(_compounded(path), start, end, stop == line.end))

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        text = self.page.plain
        while start < end and text[start] in " \t*_|.:…":
            start += 1
        while end > start and text[end - 1] in " \t*|;,・\r/":
            end -= 1
        if end - start > 1 and text[start] == text[end - 1] and text[start] in "\"'":
            start, end = start + 1, end - 1
        return start, end

    def _enter(self, line: Line) -> None:
        """Leave sections this line is not indented under; a dash starts the next item of a list."""
        while (
            self.sections
            and self.sections[-1][0] >= line.indent + (2 if line.item else 0)
            and self.sections[-1][0] >= 0
        ):
            self.sections.pop()
        if line.item and self.sections:
            base = tuple(key for _, key in self.sections if isinstance(key, str))
            self.sections = [s for s in self.sections if isinstance(s[1], str)]
            number = self.items.get(base, -1) + 1
            self.items[base] = number
            self.sections.append((line.indent, number))

    def _path(self, indent: int, label: str | None = None) -> tuple[Key, ...]:
        """The sections a label stands under; a heading that would make nonsense of the label is left."""
        keys = tuple(key for _, key in self.sections)
        if label is None or not keys or self.sections[-1][0] >= 0:
            return keys
        inside, alone = place((*[k for k in keys if isinstance(k, str)], label)), place((label,))
        if alone.path is not None and (inside.path is None or inside.confidence < alone.confidence):
            self.sections = []
            return ()
        return keys

    def _open(self, line: Line, label: str) -> None:
        """A label with nothing behind it: values below it, or a section."""
        values = self._values_below(line)
        if values:
            self._add_below(line, label, values)
            return
        deeper = self._next()
        nested = deeper is not None and (deeper.indent > line.indent or deeper.item)
        self.sections = [s for s in self.sections if s[0] >= 0 or nested]
        self.sections += [(line.indent if nested else -1, key) for key in _keys(label)]

    def _bare(self, line: Line) -> None:
        title = heading(self.page, line)
        loose = self._is_below_text()
        self.at += 1
        if title is None:
            return
        values = [] if loose else self._values_below(line)
        decorated = self.page.text[line.start] in "#[【■=" or read_label(title).has(*PERSON_SCOPES)
        if values and not (decorated and self._next_is_labelled()):
            self._enter(line)
            self._add_below(line, title, values)
        elif self._next_is_labelled():
            self.sections = [(-1, title)]

    def _is_below_text(self) -> bool:
        """Whether a bare line stands right above: then a word such as "Director" is a signature's, no heading."""
        above = self.lines[self.at - 1] if self.at else None
        consumed = above is not None and self.found and self.found[-1].end >= above.end
        return above is not None and above.end > above.start and not above.marks and not consumed and not above.listed

    def _values_below(self, line: Line) -> list[Line]:
        """The unlabelled lines right below a label, up to the next blank line, label or heading."""
        values: list[Line] = []
        ahead = self.lines[self.at : self.at + 12]
        if len(ahead) > 1 and ahead[0].start == ahead[0].end and ahead[1].listed and not ahead[1].marks:
            self.at += 1  # a list may stand one blank line below its heading
            ahead = ahead[1:]
        for below in ahead:
            if below.start == below.end:
                break
            if below.marks or (values and heading(self.page, below)) or below.end - below.start > 2000:
                break
            if not values and heading(self.page, below) and self._is_title(below):
                break
            if values and below.listed and below.indent < values[0].indent:
                break  # back in the list that the label stands in
            values.append(below)
        return values

    def _is_title(self, line: Line) -> bool:
        return place((self.page.text[line.start : line.end],)).path is not None and line.end - line.start < 30

    def _add_below(self, line: Line, label: str, values: list[Line]) -> None:
        path = (*self._path(line.indent, label), *_keys(label))
        spot = place(tuple(key for key in path if isinstance(key, str)))
        self.at += len(values)
        if spot.path in _LONG_TEXTS or not (values[0].listed or (spot.path or "").startswith("persons[]")):
            self.found.append(Pair(path, values[0].start, values[-1].end, True))
            return
        for number, value in enumerate(values):
            self.found.append(Pair((*path, number) if len(values) > 1 else path, value.start, value.end, True))

    def _continue(self, line: Line) -> None:
        """Lines below that belong to the value: deeper indented, or more of an address or description."""
        if not self.found or self.at >= len(self.lines):
            return
        last = self.found[-1]
        path = place(tuple(key for key in last.path if isinstance(key, str))).path
        end = last.end
        while self.at < len(self.lines):
            below = self.lines[self.at]
            blank = below.start == below.end
            if blank or below.marks or below.item or heading(self.page, below) or not last.alone:
                break
            deeper = below.indent > line.indent + 1
            if not deeper and _LABEL_LIKE.match(self.page.plain, below.start, below.end):
                break
            if not deeper and not (path == "business_description" and below.end - below.start > 20):
                break
            end = below.end
            self.at += 1
        if end != last.end:
            self.found[-1] = last._replace(end=end)

    def _next(self) -> Line | None:
        return next((line for line in self.lines[self.at : self.at + 3] if line.end > line.start), None)

    def _next_is_labelled(self) -> bool:
        line = self._next()
        return line is not None and (bool(line.marks) or line.item or "|" in self.page.plain[line.start : line.end])


def _compounded(path: tuple[Key, ...]) -> tuple[Key, ...]:
    """A label that only its section's name completes: "Number" under "Company"."""
    if len(path) < 2 or not isinstance(path[-2], str) or not isinstance(path[-1], str):
        return path
    joined = f"{path[-2]} {path[-1]}"
    plain = place(tuple(key for key in path if isinstance(key, str))).path
    return (joined,) if plain is None and place((joined,)).path is not None else path


def _keys(label: str) -> tuple[Key, ...]:
    """``owners[0].dob`` → ("owners", 0, "dob"); any other label is one key."""
    if not _DOTTED.fullmatch(label) or any(word.endswith(".") for word in label.split()):
        return (label,)

    parts = [part for part in re.split(r"[.\[\]]+", label) if part]
    if len(parts) < 2 or any(len(part) == 1 and part.isalpha() for part in parts):
        return (label,)
    apart = tuple(int(part) if part.isdecimal() and len(part) < 6 else part for part in parts)
    named = tuple(part for part in apart if isinstance(part, str))
    short = len(apart) == len(named) == 2 and len(named[0]) < 5  # "Reg.datum": a label of its own
    return (label,) if short and place((label,)).path not in (None, place(named).path) else apart
