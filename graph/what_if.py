"""What if: another value in the application, or in the state after a step."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from checkpoints.casefile import CaseFile
from graph.state import CaseState
from onboarding.answers import is_nobody, strangers
from onboarding.errors import BadInput, RecordingMissing

SOURCE = "what-if"


@dataclass(frozen=True)
class Fork:
    """Where a replay leaves the recording: the checkpoint it starts from, and the state it starts with."""

    row: dict[str, Any]
    state: dict[str, Any]


def assignments(texts: Iterable[str]) -> list[tuple[str, Any]]:
    """``path=value`` as path and value; a value that is JSON counts as such, else as text. Raises BadInput."""
    found = []
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise BadInput(f"{text}: write path=value.")
        try:
            found.append((path, json.loads(value)))
        except ValueError:
            found.append((path, value))
    return found


def fork(file: CaseFile, step: int, values: Sequence[tuple[str, Any]]) -> Fork:
    """The fork after the recorded step of this number, with these values of the state.

    Raises RecordingMissing when the checkpoint is not there (any more), BadInput for a path the state does not have.
    """
    row = next((row for row in file.checkpoints if row["step"] == step), None)
    if row is None:
        steps = ", ".join(str(row["step"]) for row in file.checkpoints) or "none: they were pruned"
        raise RecordingMissing(f"There is no checkpoint of step {step}; recorded are {steps}.")
    if not row["nodes"]:
        raise BadInput(f"Step {step} is the start: replay without --from.")
    state = deepcopy(row["state"])
    for path, value in values:
        if re.split(r"[.\[]", path)[0] not in CaseState.__annotations__:
            raise BadInput(f"{path}: with --from, name a value of the state: {', '.join(state)}.")
        _put(state, path, value)
    return Fork(row, state)


def _put(document: Any, path: str, value: Any) -> None:
    *steps, last = path.replace("[", ".").replace("]", "").split(".")
    try:
        for step in steps:
            document = document[int(step)] if isinstance(document, list) else document[step]
        if isinstance(document, list):
            document[int(last)] = value
        else:
            document[last] = value
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise BadInput(f"{path}: the state has no such place.") from error


def substituted(file: CaseFile, values: Sequence[tuple[str, Any]]) -> CaseFile:
    """The case as if these values had been corrected from the start. Raises BadInput for what is no field of ours."""
    if not values:
        return file
    people = max((len(_persons(row["state"])) for row in file.checkpoints), default=0)
    unknown = strangers(values)
    for path, value in values:
        if path in unknown or is_nobody(path, value, people):
            raise BadInput(
                f"{path}: no field of an application. `onboard show CASE` names them; the state needs --from."
            )
    part = {"source": SOURCE, "kind": "corrections", "format": "json", "content": dict(values)}
    return file.with_(submissions=[_with_part(row, part) for row in file.submissions])


def _persons(state: Mapping[str, Any]) -> list[Any]:
    persons: list[Any] = (state.get("reading") or {}).get("application", {}).get("persons", [])
    return persons


def _with_part(row: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "body": {**row["body"], "parts": [*row["body"]["parts"], part]}}
