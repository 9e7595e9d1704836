"""A model's answer is believed to be JSON of one shape, or not at all: no default, no guess, no second key."""

import json
import re
import unicodedata
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

LONGEST_ANSWER: Final = 200_000
"""Characters. What is longer was never an answer to what we ask."""
_FENCE: Final = re.compile(r"\s*```(?:json|JSON)?[ \t]*\r?\n(.*)\n[ \t]*```\s*", re.DOTALL)
_UNKNOWN_TO_ENDPOINTS: Final = frozenset(
    {"title", "maxLength", "minLength", "maxItems", "minItems", "default", "pattern"}
)

A = TypeVar("A", bound="Answer")


class Answer(BaseModel):
    """What a model may say: exactly these fields, exactly these types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Malformed(ValueError):
    """The answer is not what was asked for. The text says what is wrong and quotes nothing."""


def parse(text: str, shape: type[A]) -> A:
    """The answer in ``text``. One code fence around the whole of it is taken off, nothing else is repaired.

    Raises Malformed: not JSON, cut off, a key twice, NaN, text around it, a field too many, a wrong type.
    """
    if len(text) > LONGEST_ANSWER:
        raise Malformed(f"longer than {LONGEST_ANSWER} characters")
    fence = _FENCE.fullmatch(text)
    try:
        document = json.loads(fence[1] if fence else text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise Malformed("nested too deep") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at character {error.pos}") from None
    except Malformed:
        raise
    except ValueError:
        raise Malformed("a number beyond all measure") from None
    try:
        json.dumps(document, ensure_ascii=False).encode("utf-8")
        return shape.model_validate(document)
    except UnicodeEncodeError:
        raise Malformed("half a character (a lone surrogate)") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step)[:40] for step in first["loc"]) or "the answer"
        raise Malformed(f"{where}: {first['msg'][:200]}") from None
    except RecursionError:
        raise Malformed("nested too deep") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Malformed("a key occurs twice in one object")
    return document


def _no_constant(name: str) -> None:
    raise Malformed(f"{name} is no JSON number")


@cache
def schema_of(shape: type[Answer]) -> dict[str, Any]:
    """The JSON schema of an answer as endpoints take it: references resolved, keywords they refuse left out."""
    schema = shape.model_json_schema()
    plain: dict[str, Any] = _plain(schema, schema.get("$defs", {}))
    return plain


def _plain(node: Any, defs: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_plain(item, defs) for item in node]
    if not isinstance(node, dict):
        return node
    if reference := node.get("$ref"):
        return _plain(defs[reference.rpartition("/")[2]], defs)
    if "const" in node:
        return {"type": "string", "enum": [node["const"]]}
    kept = {key: value for key, value in node.items() if key not in _UNKNOWN_TO_ENDPOINTS and key != "$defs"}
    if "properties" in node:  # a field may be called "title": names of fields are no keywords
        kept["properties"] = {name: _plain(value, defs) for name, value in node["properties"].items()}
        kept["required"] = list(node["properties"])
    return {key: value if key == "properties" else _plain(value, defs) for key, value in kept.items()}


def plain(text: str, longest: int) -> str:
    """A model's words as printable text with single blank lines, cut: they cannot hide or turn anything."""
    kept = "".join(char for char in text if char == "\n" or unicodedata.category(char)[0] != "C")
    return re.sub(r"\n{3,}", "\n\n", kept).strip()[:longest]
