"""The audit trail in words, for the timeline of a case on a page and in the terminal."""

from collections.abc import Callable
from typing import Any, Final

from onboarding.letters.fields import label
from onboarding.letters.words import one_line

Data = dict[str, Any]

HIDDEN: Final = frozenset({"shown_hash", "message_id", "key", "review_id", "parts"})
WORDS: Final[dict[str, Callable[[Data], str]]] = {
    "case.submitted": lambda data: f"submitted, application version {data.get('version')}",
    "case.status": lambda data: f"the case is now {data.get('status')}".replace("_", " "),
    "case.assigned": lambda data: f"taken by {data['assignee']}" if data.get("assignee") else "given back to the queue",
    "case.exported": lambda data: (
        "written as one HTML file"
        if data.get("form") == "file"
        else ("written as a bundle" + (", redacted" if data.get("redacted") else ""))
    ),
    "case.released": lambda data: "taken out of quarantine",
    "step.ended": lambda data: f"step {data.get('step')} ended after {data.get('ms')} ms",
    "wait.opened": lambda data: (
        f"waits for {data.get('stage')}, round {data.get('round')}".replace("_", " ")
        + (f", asked: {', '.join(map(label, data['asked']))}" if data.get("asked") else "")
    ),
    "decision.recorded": lambda data: f"decided: {data.get('action')} ({data.get('channel')})".replace("_", " "),
    "application.answer": lambda data: f"the answer came: application version {data.get('version')}",
    "answer.not_taken": lambda data: "the merchant sent an answer that came too late and was not taken",
    "decision.misdirected": lambda data: f"a decision ({data.get('action')}) named a review that is not of this case",
    "screening.cleared": lambda data: f"said of list entry {data.get('entry_id')}: not the same",
    "screening.withdrawn": lambda data: f"took back what was said of list entry {data.get('entry_id')}",
    "letter.queued": lambda data: f"letter written: {_kind(data)}",
    "letter.kept": lambda data: f"letter left as a file: {_kind(data)}",
    "letter.sent": lambda data: f"letter left: {_kind(data)}",
    "activation.intended": lambda data: f"{data.get('service')}: intent recorded before the call",
    "activation.attempt": lambda data: f"{data.get('service')}: call {data.get('attempt')}, {data.get('outcome')}",
    "activation.active": lambda data: f"{data.get('service')}: active as {data.get('reference')}",
}


def told(event: dict[str, Any]) -> str:
    """One event as a short line; of a kind without words its facts."""
    data, words = event["data"], WORDS.get(event["type"])
    if words is not None:
        return one_line(words(data), 200)
    facts = (f"{name} {value}" for name, value in data.items() if value not in (None, "", []) and name not in HIDDEN)
    return one_line(": ".join([event["type"], ", ".join(facts)]).rstrip(": "), 200)


def _kind(data: Data) -> str:
    """``approval_request:second_review`` as words."""
    return str(data.get("kind")).replace("_", " ").replace(":", " for ")
