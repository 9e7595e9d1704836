"""What came in, as text a model can read and quotes can be looked up in: one source a part."""

from collections.abc import Iterator

from pydantic import JsonValue

from agents.grounding import Source
from onboarding.reading import mime
from onboarding.reading.bounds import bounded
from onboarding.reading.documents import Pages
from onboarding.submission import Part, Submission


def sources_of(submission: Submission) -> list[Source]:
    """One text for each part that says anything, in the order they came. Corrections by reviewers are left out."""
    within = bounded(submission)
    parts = [(part, within.pages.get(at, Pages())) for at, part in enumerate(within.submission.parts)]
    texts = [(part.source, _text(part, pages)) for part, pages in parts if part.kind != "corrections"]
    return [Source(name, text) for name, text in texts if text.strip()]


def is_free_text(submission: Submission) -> bool:
    """Whether any part is prose or a document, where rules may miss what a reader would see."""
    return any(part.format in ("text", "pdf", "image") for part in submission.parts)


def _text(part: Part, pages: Pages) -> str:
    match part.format:
        case "text" | "csv":
            return safe(mime.decode(str(part.content)))
        case "json":
            return safe("\n".join(_lines(part.content, "")))
        case "pdf" | "image":
            return safe("\n".join(pages.texts))


def _lines(value: JsonValue, path: str) -> Iterator[str]:
    """``path: value`` for every leaf, so that a quote meets no escapes and no braces."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _lines(inner, f"{path}[{index}]")
    elif value is not None:
        yield f"{path}: {value}"


def safe(text: str) -> str:
    """Without what no wire carries: halves of characters and NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
