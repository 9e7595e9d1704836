"""Objects whose keys are paths (``owners[0].name``, ``address.city``) → the nested object they stand for."""

import re
from collections import Counter
from typing import Any, Final

from pydantic import JsonValue

_PATH: Final = re.compile(r"[^.\[\]]{1,60}(?:\[\d{1,3}\]|\.(?!\s)[^.\[\]]{1,60}){1,8}\.?")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def path_steps(key: str) -> tuple[str | int, ...] | None:
    """``owners[0].name`` → ("owners", 0, "name"); None for a key that is no path with a position in it."""
    if "[" not in key or not _PATH.fullmatch(key):
        return None
    return tuple(int(number) if number else name for number, name in _STEP.findall(key))


def unflattened(value: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
    """The nested object, when several keys are paths below the same word; None otherwise, or when they clash."""
    paths = [key for key in value if _PATH.fullmatch(key)]
    shared = Counter(re.split(r"[.\[]", key)[0] for key in paths)
    if not any("[" in key for key in paths) and max(shared.values(), default=0) < 2:
        return None
    known = frozenset(paths)
    nested: dict[str, Any] = {}
    for key, inner in value.items():
        steps: list[str | int] = [int(n) if n else name for n, name in _STEP.findall(key)] if key in known else [key]
        if not _put(nested, steps, inner):
            return None
    result: dict[str, JsonValue] = _listed(nested)
    return result


def _put(target: dict[Any, Any], steps: list[str | int], value: JsonValue) -> bool:
    for step in steps[:-1]:
        target = target.setdefault(step, {})
        if not isinstance(target, dict):
            return False
    if steps[-1] in target:
        return False
    target[steps[-1]] = value
    return True


def _listed(value: Any) -> Any:
    """Objects with positions for keys become lists, in order of position."""
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_listed(value[key]) for key in sorted(value)]
    return {str(key): _listed(inner) for key, inner in value.items()}
