"""Named points at which a test kills this process, to see that nothing is lost. Unarmed they do nothing.

``arm("svc1.after_call:2")`` sends SIGKILL to this process the second time that point is passed;
``arm("validate.before:1@CASE")`` every time that case passes it: a case that kills whoever touches it;
``arm("validate.before:1/TERM")`` asks politely, with SIGTERM.
"""

import os
import signal
from typing import Final

STEPS: Final = (
    "preprocess",
    "validate",
    "postprocess",
    "present",
    "present_second",
    "request_information",
    "authorise",
    "activate_svc1",
    "activate_svc2",
    "settle",
    "pause",
    "compensate",
    "escalate",
    "welcome",
    "decline",
    "close",
)
POINTS: Final = (
    "submit.before_commit",
    "submit.after_commit",
    "run.begun",
    "run.ended",
    "decision.after_commit",
    "resume.before",
    "svc1.before_call",
    "svc1.after_call",
    "svc2.before_call",
    "svc2.after_call",
    "cancel.before_call",
    "cancel.after_call",
    "letter.before_send",
    "letter.after_send",
    "commit.before",
    "commit.after",
    *(f"{step}.{side}" for step in STEPS for side in ("before", "after")),
)
_armed: dict[str, int] = {}
_only: dict[str, str] = {}
_how: dict[str, signal.Signals] = {}


def arm(plan: str | None) -> None:
    """``point:n[@case][/TERM]``: die at the n-th passing of ``point``. Raises ValueError if there is no such point."""
    if not plan:
        return
    plan, _, how = plan.partition("/")
    place, _, case_id = plan.partition("@")
    name, _, count = place.partition(":")
    if name not in POINTS:
        raise ValueError(f"no fault point {name!r}")
    _armed[name], _only[name], _how[name] = int(count or 1), case_id, signal.Signals[f"SIG{how or 'KILL'}"]


def point(name: str, case_id: str = "") -> None:
    """Here a test may kill the process."""
    if name in _armed and _only[name] in ("", case_id):
        _armed[name] -= 1
        if _armed[name] <= 0:
            os.kill(os.getpid(), _how[name])
