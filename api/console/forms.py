"""The decision form: prepared from the case, read back as typed, and made into a decision. Nothing typed is lost."""

import re
from typing import Any, Final, NamedTuple

from pydantic import ValidationError
from starlette.datastructures import FormData

from onboarding.case import CaseRecord, CaseView
from onboarding.decision import Decision
from onboarding.errors import InvalidDecision
from onboarding.letters.fields import LABELS, OF_A_PERSON
from onboarding.letters.reasons import Choice, choices, stated

Typed = dict[str, list[str]]
KEPT: Final = re.compile(r"comment|reason_codes|ask|(?:ask_path|ask_text|ask_own|fix_path|fix_value)_\d{1,3}")
MOST_KEPT: Final = 60_000
BLANK_ASKS: Final = 2
BLANK_FIXES: Final = 3
GROUPS: Final = frozenset(
    {"address", "contact", "bank", "persons", "ownership", "expected_annual_volume", "avg_ticket"}
    | {"persons.owners", "persons.control_person"}
)
"""Names of several fields together, or of no single one: nothing to correct by one value."""


class Ask(NamedTuple):
    """One thing to ask the merchant. ``own``: a line of the reviewer's own, asked as soon as it says something."""

    path: str
    text: str
    ticked: bool
    own: bool = False


BLANK: Final = Ask("", "", True, True)


class Filled(NamedTuple):
    """What stands in the form."""

    comment: str
    reasons: list[str]
    asks: list[Ask]
    fixes: list[tuple[str, str]]


def prepared(view: CaseView) -> Filled:
    """The form as the case suggests it: every requirement ready to be asked, the reasons of the advice ticked."""
    asks = [Ask(item.path, item.words, True) for item in view.requirements]
    ticked = [choice.code for choice in reasons(view) if choice.advised]
    return Filled("", ticked, asks + [BLANK] * BLANK_ASKS, [("", "")] * BLANK_FIXES)


def typed(form: FormData) -> Typed:
    """The fields worth keeping, line breaks as they were typed."""
    kept: Typed = {}
    left = MOST_KEPT
    for name, value in form.multi_items():
        text = str(value).replace("\r\n", "\n")
        if KEPT.fullmatch(name) and len(text) <= left:
            kept.setdefault(name, []).append(text)
            left -= len(text)
    return kept


def refilled(kept: Typed) -> Filled:
    """The form as somebody left it."""
    ticked = set(kept.get("ask", []))
    asks = [
        Ask(_one(kept, f"ask_path_{n}"), _one(kept, f"ask_text_{n}"), str(n) in ticked, f"ask_own_{n}" in kept)
        for n in _numbers(kept, "ask_path")
    ]
    fixes = [(_one(kept, f"fix_path_{n}"), _one(kept, f"fix_value_{n}")) for n in _numbers(kept, "fix_path")]
    return Filled(
        _one(kept, "comment"),
        kept.get("reason_codes", []),
        asks or [BLANK] * BLANK_ASKS,
        fixes or [("", "")] * BLANK_FIXES,
    )


def decision(kept: Typed, action: str) -> Decision:
    """What the pressed button makes of the form. Raises InvalidDecision, and then nothing was decided."""
    if any(
        "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)
        for texts in kept.values()
        for text in texts
    ):
        raise InvalidDecision("A text contains a character that cannot be kept.")
    filled = refilled(kept)
    fixes = {path: value.strip() for path, value in filled.fixes if path and value.strip()}
    body: dict[str, Any] = {"action": action, "comment": filled.comment.strip() or None}
    if action == "correct":
        if not fixes or any(bool(path) != bool(value.strip()) for path, value in filled.fixes):
            raise InvalidDecision("To correct a field, choose it and give its value.")
        body |= {"action": "approve", "corrections": fixes}
    elif any(value.strip() for _, value in filled.fixes):
        raise InvalidDecision("You typed a correction. Save it with its own button, or clear it first.")
    elif action == "reject":
        body["reason_codes"] = stated(filled.reasons)
    elif action == "request_information":
        body["request"] = _request(filled.asks)
    try:
        return Decision.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise InvalidDecision(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _request(asks: list[Ask]) -> list[dict[str, str]]:
    """What is asked: the ticked ones, and whatever was written into a line of one's own."""
    wanted = [ask for ask in asks if (ask.path or ask.text.strip() if ask.own else ask.ticked)]
    if not wanted:
        raise InvalidDecision("Tick at least one thing to ask the merchant.")
    if any(not ask.path or not ask.text.strip() for ask in wanted):
        raise InvalidDecision("Everything that is asked needs its field and its words.")
    return [{"path": ask.path, "text": ask.text.strip()} for ask in wanted]


def reasons(case: CaseView | CaseRecord) -> list[Choice]:
    """The reasons to choose from, each with the sentence the merchant reads: the case's own first."""
    advised = case.recommendation.reasons if case.recommendation else []
    return choices(advised, [*(item.code for item in case.findings), *(f"MISSING:{path}" for path in case.missing)])


def fields(view: CaseView) -> list[str]:
    """Paths that can be corrected or asked for: what was read, what is missing, and every other field."""
    people = range(len(view.application.persons) + 1)
    whole = [
        *view.application.flat(),
        *view.missing,
        *LABELS,
        *(f"persons[{n}].{f}" for n in people for f in OF_A_PERSON),
    ]
    return [path for path in dict.fromkeys(whole) if path not in GROUPS and path != "ownership"]


def _numbers(kept: Typed, name: str) -> list[int]:
    return sorted(int(key.rpartition("_")[2]) for key in kept if key.startswith(f"{name}_"))


def _one(kept: Typed, name: str) -> str:
    return kept.get(name, [""])[0]
