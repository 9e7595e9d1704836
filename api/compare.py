"""How an evaluation compares a result with what was expected (policy section 1)."""

import re
import unicodedata
from email import message_from_string
from email import policy as mail_policy
from typing import Any

Disagreement = tuple[str, ...]


def disagreements(expect: dict[str, Any], row: dict[str, Any], payload: Any) -> list[Disagreement]:
    """Every difference as ``(kind, what, expected, found)``; nothing when all agrees."""
    found: list[Disagreement] = []
    normalised = row["normalised"]
    for path, want in expect["normalised"].items():
        if not same(path, want, normalised.get(path), payload):
            found.append(("field", path, str(want), str(normalised.get(path))))
    for path in expect["missing"]:
        if normalised.get(path) not in (None, "", []) and path not in expect["normalised"]:
            found.append(("filled although missing", path, "", str(normalised[path])))
    for name in ("findings", "missing"):
        want, got = set(expect[name]), set(row[name])
        found += [(f"{name}: not raised", item) for item in sorted(want - got)]
        found += [(f"{name}: false", item) for item in sorted(got - want)]
    if row["recommendation"] != expect["recommendation"]:
        found.append(("recommendation", "", expect["recommendation"], row["recommendation"]))
    return found


def same(path: str, want: Any, got: Any, payload: Any) -> bool:
    """Equal after NFC; roles and ownership as sets; shares within 0.005; descriptions loosely."""
    if got in (None, "", []):
        return False
    if path == "business_description":
        return _from_payload(str(want), str(got), payload)
    if path.endswith(".roles"):
        return sorted(got) == sorted(want)
    if path.endswith(".ownership_pct"):
        return abs(float(got) - float(want)) <= 0.005
    if path == "ownership":
        return sorted(map(_link, got)) == sorted(map(_link, want))
    if path == "transactions_per_month":
        return float(got) == float(want)
    return unicodedata.normalize("NFC", str(got)) == unicodedata.normalize("NFC", str(want))


def _link(link: dict[str, Any]) -> tuple[str, str, str, float]:
    return link["owner"], link["owner_type"], link["owns"], round(float(link["pct"]), 2)


def _from_payload(want: str, got: str, payload: Any) -> bool:
    """Not invented: at least half of the content words come from the payload or what is expected."""
    words = _words(got)
    if not words:
        return _fold(want)[:6] in _fold(_text(payload))
    return len(words & (_words(_text(_decoded(payload))) | _words(want))) * 2 >= len(words)


def _fold(text: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(char))


def _words(text: str) -> set[str]:
    return {word[:5] for word in re.findall(r"[^\W\d_]{4,}", _fold(text))}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value)


def _decoded(payload: Any) -> Any:
    if isinstance(payload, str) and re.search(r"^Content-Transfer-Encoding:", payload, re.M | re.I):
        message = message_from_string(payload, policy=mail_policy.default)
        body = message.get_body(("plain", "html"))
        return body.get_content() if body else payload
    return payload
