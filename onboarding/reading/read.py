"""The one entry of preprocessing by rules: a submission → what it says in canonical form."""

import datetime
from collections.abc import Iterator

from pydantic import JsonValue

from onboarding.reading.assemble import assemble
from onboarding.reading.bounds import Cut, bounded, read_in_part, some_people
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Standing
from onboarding.reading.dates import proof
from onboarding.reading.documents import Pages, read_document
from onboarding.reading.overrides import Override, read_answers
from onboarding.reading.result import Reading
from onboarding.reading.structure import read_json
from onboarding.reading.table import read_table
from onboarding.reading.textual import read_text
from onboarding.submission import Part, Submission

_MOST_TEXT: int = 200_000
_MOST_STRINGS: int = 5_000
_SHORTEST_LETTER: int = 60
_LONGEST_LETTER: int = 20_000


def read(submission: Submission, *, as_of: datetime.date) -> Reading:
    """Read all parts in order; a later answer or correction overrides the same path. Never raises on any content.

    The findings are only reading's own (see ``Reading``); validation raises the others.
    """
    within = bounded(submission)
    cuts = list(within.cuts)
    found: list[Standing] = []
    overrides: list[Override] = []
    texts: list[str] = []
    level = 0
    for at, part in enumerate(within.submission.parts):
        if part.kind in {"answers", "corrections"} and part.format == "json":
            level += 1
            candidates, more = read_answers(part.content, source=part.source)
            overrides.extend(more)
        else:
            level += part.kind in {"answers", "corrections"}
            candidates = some_people(_candidates(part, within.pages.get(at), as_of), cuts)
        found.extend(
            Standing(candidate, level if part.kind in {"answers", "corrections"} else 0) for candidate in candidates
        )
        if part.format in {"json", "csv", "text"}:
            texts.extend(_strings(part.content))
        texts.extend(str(c.raw) for c in candidates if part.format in {"pdf", "image"} and isinstance(c.raw, str))
    cuts += [Cut(within.submission.parts[at].source, pages.cut) for at, pages in within.pages.items() if pages.cut]
    reading = assemble(found, as_of=as_of, order=proof(texts), overrides=overrides)
    return reading.model_copy(update={"findings": [*reading.findings, *read_in_part(cuts)]}) if cuts else reading


def _candidates(part: Part, pages: Pages | None, as_of: datetime.date) -> list[Candidate]:
    if part.format == "json":
        candidates = read_json(part.content, source=part.source)
        return [*candidates, *_letters_inside(candidates, part.source, as_of)]
    if part.format == "csv":
        return read_table(part.content, source=part.source) if isinstance(part.content, str) else []
    if part.format == "text":
        return read_text(part.content, source=part.source, as_of=as_of) if isinstance(part.content, str) else []
    return read_document(part, pages or Pages(), as_of=as_of)


def _letters_inside(candidates: list[Candidate], source: str, as_of: datetime.date) -> list[Candidate]:
    """What a message inside an object says ("body": "Dear …"), when the object itself names no applicant."""
    if any(candidate.path == "legal_name" for candidate in candidates):
        return []
    texts = [c for c in candidates if c.path == "extra" and isinstance(c.raw, str) and len(c.raw) >= _SHORTEST_LETTER]
    return [
        inner.model_copy(
            update={"where": f"{text.where}, {inner.where}" if inner.where else text.where, "confidence": 0.7}
        )
        for text in texts[:3]
        for inner in read_text(str(text.raw)[:_LONGEST_LETTER], source=source, as_of=as_of)
    ]


def _strings(content: JsonValue) -> Iterator[str]:
    """The texts of a JSON value, without recursion; long ones cut, enough for every date of an application."""
    waiting: list[JsonValue] = [content]
    left = _MOST_STRINGS
    while waiting and left:
        value = waiting.pop()
        left -= 1
        if isinstance(value, str):
            yield value[:_MOST_TEXT]
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
