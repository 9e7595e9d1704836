"""What changed between two versions of an application, for the reviewer who looks again."""

from typing import Any

from onboarding.application import Application
from onboarding.letters.fields import capital, label


def changes(before: Application, after: Application) -> list[str]:
    """One line a changed field, such as ``Contact e-mail: a@x.example -> b@x.example``, in the order of the fields."""
    old, new = before.flat(), after.flat()
    paths = [*new, *(path for path in old if path not in new)]
    return [
        f"{capital(label(path))}: {_said(old.get(path))} → {_said(new.get(path))}"
        for path in paths
        if old.get(path) != new.get(path)
    ]


def _said(value: Any) -> str:
    if value is None:
        return "(nothing)"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)
