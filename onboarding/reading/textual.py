"""Any text → candidates: recognises mails, markup, forms and prose, and lets each reader do its part.

Labelled values come first; prose adds what no label stated. Places count lines and columns of the decoded text.
"""

import json
import re
import unicodedata
from datetime import date
from typing import Any, Final

from onboarding.reading import markup, mime, threads
from onboarding.reading.candidate import ONE_ONLY, Candidate
from onboarding.reading.form_reader import FormReader
from onboarding.reading.places import Places
from onboarding.reading.prose import read_corrections, read_prose
from onboarding.reading.prose_page import Page
from onboarding.reading.prose_people import People, Person
from onboarding.reading.prose_values import Found
from onboarding.reading.shapes import flat
from onboarding.reading.structure import read_json
from onboarding.reading.xml_tree import read_xml

LONGEST: Final = 200_000
"""Characters that are read; no honest application has more, and what stands behind them is kept but not looked at."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MAIL: Final = re.compile(r"(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster)", re.I)
_PERSON: Final = re.compile(r"persons\[(\d+)\]\.(.+)")


def read_text(text: str, *, source: str, as_of: date) -> list[Candidate]:
    """All candidates of ``text``, in no particular order. Never raises; unreadable text has none."""
    view = mime.decode(_plain(text))
    data = _json(view)
    if data is not None:
        return read_json(data, source=source)
    places = Places(view)
    if markup.is_markup(view):
        tokens = markup.scan(view)
        if not markup.is_html(tokens):
            return read_xml(tokens, source=source, places=places)
        plain = markup.flatten(tokens)
        places = Places(plain.text, original=view, anchors=plain.anchors)
        view = plain.text
    return _Reader(view, source, places).read()


def _plain(text: str) -> str:
    """Without the byte-order mark and carriage returns; composed letters, so that words compare."""
    text = _SURROGATE.sub("\ufffd", text[:LONGEST]).removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def _json(text: str) -> Any:
    """The JSON that a text is, if it is nothing else."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict | list) else None


class _Reader:
    """One text: its form, then its prose, in one list of candidates."""

    def __init__(self, view: str, source: str, places: Places) -> None:
        self.thread = threads.own_words(view)
        self.page = Page(self.thread.text)
        self.places = places
        self.source = source
        self.candidates: list[Candidate] = []

    def read(self) -> list[Candidate]:
        form = FormReader(self.page, self.source, self.places.where)
        form.read(self.thread.answers)
        self.candidates = form.candidates
        found, people = read_prose(self.page, sender=self.thread.sender_name)
        stated = {candidate.path for candidate in self.candidates}
        for item in found:
            if not _is_stated(item.path, stated) or item.path in ONE_ONLY:
                self._add(item)
        self._correct()
        self._people(people)
        self._sender(stated | {item.path for item in found})
        return self.candidates

    def _correct(self) -> None:
        """What was taken back stays beside what is stated in its place, and counts less."""
        for item in read_corrections(self.page):
            others = [c for c in self.candidates if c.path == item.path and not _is_same(c.raw, item.raw)]
            if others:
                taken_back = {id(candidate) for candidate in others}
                self.candidates = [
                    c.model_copy(update={"confidence": max(c.confidence - 0.2, 0.1)}) if id(c) in taken_back else c
                    for c in self.candidates
                ]
                self._emit(item.path, item.raw, item.start, item.label, 1.0)

    def _add(self, item: Found) -> None:
        self._emit(item.path, item.raw, item.start, item.label, item.confidence)

    def _emit(self, path: str, raw: Any, at: int, label: str | None, confidence: float) -> None:
        where = self.places.where(at)
        self.candidates.append(
            Candidate(path=path, raw=raw, source=self.source, where=where, label=label, confidence=confidence)
        )

    def _people(self, people: People) -> None:
        """People of the prose join those of the form: the same name is the same person."""
        numbers = _numbers(self.candidates)
        held = {candidate.path for candidate in self.candidates}
        following = max(numbers.values(), default=-1) + 1
        for person in people.persons:
            key = _key(person.name)
            if key not in numbers:
                numbers[key] = following
                following += 1
            self._person(numbers[key], person, held)
        for number, link in enumerate(people.links):
            for field, raw in link.items():
                self._emit(f"ownership[{number}].{field}", raw, 0, None, 0.7)

    def _person(self, number: int, person: Person, held: set[str]) -> None:
        label = f"relative of {person.family}" if person.family else None
        rows = [("name", person.name, person.start, label), *person.details]
        for field, raw, at, why in rows:
            path = f"persons[{number}].{field}"
            if path not in held:
                self._emit(path, raw, at, why, 0.6 if person.family and field == "name" else 0.8)

    def _sender(self, stated: set[str]) -> None:
        """The sender's address, where the mail states none (policy 4.5)."""
        email = self.thread.sender_email
        if email and "contact.email" not in stated and not _MAIL.search(email):
            self._emit("contact.email", email, self.thread.sender_at, "From", 0.5)


def _is_same(one: Any, other: str) -> bool:
    bare = ["".join(filter(str.isalnum, str(raw))).upper() for raw in (one, other)]
    return bare[0] == bare[1]


def _is_stated(path: str, stated: set[str]) -> bool:
    """Whether a label already stated this, as a whole or in parts."""
    if path in stated:
        return True
    if path == "address":
        return any(other.startswith("address.") for other in stated)
    if path.startswith("bank."):
        return any(other.startswith("bank.") and other != "bank.holder" for other in stated)
    return False


def _numbers(candidates: list[Candidate]) -> dict[str, int]:
    found: dict[str, int] = {}
    for candidate in candidates:
        match = _PERSON.fullmatch(candidate.path)
        if match and match.group(2) == "name" and isinstance(candidate.raw, str):
            found.setdefault(_key(candidate.raw), int(match.group(1)))
        elif match:
            found.setdefault(f"#{match.group(1)}", int(match.group(1)))
    return found


def _key(name: str) -> str:
    bare = re.sub(r"[(（\[].*?[)）\]]", " ", name[:200])
    return " ".join(sorted(flat(bare).replace(",", " ").split())).replace(" ", "") if name else ""
