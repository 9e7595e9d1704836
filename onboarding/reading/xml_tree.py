"""XML as plain data: elements become keys, repeated elements lists, attributes values; with the place of every
value."""

from typing import Any, Final

from pydantic import JsonValue

from onboarding.reading.candidate import Candidate
from onboarding.reading.markup import Token
from onboarding.reading.places import Places
from onboarding.reading.structure import read_json

_DEEPEST: Final = 60
_NAMING: Final = frozenset(["name", "label", "key", "id", "field", "question", "title"])
_GENERIC: Final = frozenset(
    [
        "field",
        "entry",
        "item",
        "property",
        "attribute",
        "param",
        "parameter",
        "value",
        "input",
        "var",
        "string",
        "answer",
        "data",
        "element",
        "feld",
        "champ",
        "veld",
        "campo",
        "pole",
        "fält",
    ]
)
_UNITS: Final = frozenset(
    ["currency", "ccy", "unit", "period", "per", "waehrung", "währung", "devise", "valuta", "moneda", "moeda", "waluta"]
)


class _Node:
    def __init__(self, name: str, token: Token) -> None:
        self.name = name.rpartition(":")[2]
        self.attributes = [(key.rpartition(":")[2], value, offset) for key, value, offset in token.attributes]
        self.children: list[_Node] = []
        self.texts: list[tuple[str, int]] = []


class Leaf(str):
    """A text that remembers where it stood."""

    offset: int = 0


def read_xml(tokens: list[Token], *, source: str, places: Places) -> list[Candidate]:
    """Candidates of an XML document; never raises. Elements deeper than sixty levels are read as text of their
    parent."""
    root = _tree(tokens)
    data = _data(root)
    offsets: dict[str, int] = {}
    _remember(data, "$", offsets)
    return [
        candidate.model_copy(
            update={
                "where": _where(candidate.where, offsets, places),
                "raw": str(candidate.raw) if isinstance(candidate.raw, Leaf) else candidate.raw,
            }
        )
        for candidate in read_json(data, source=source)
    ]


def _tree(tokens: list[Token]) -> _Node:
    root = _Node("", Token("open", "", 0))
    stack = [root]
    for token in tokens:
        if token.kind == "text":
            if token.value.strip():
                lead = len(token.value) - len(token.value.lstrip())
                stack[-1].texts.append((token.value.strip(), token.offset + lead))
        elif token.kind == "close":
            names = [node.name for node in stack[1:]]
            name = token.value.rpartition(":")[2]
            if name in names:
                del stack[len(names) - names[::-1].index(name) :]
        else:
            node = _Node(token.value, token)
            if len(stack) < _DEEPEST:
                stack[-1].children.append(node)
                if token.kind == "open":
                    stack.append(node)
    return root


def _leaf(text: str, offset: int) -> Leaf:
    leaf = Leaf(text)
    leaf.offset = offset
    return leaf


def _data(node: _Node) -> Any:
    """A node as JSON: text alone is a string, units in attributes go behind it, everything else is an object."""
    text = _leaf(" ".join(text for text, _ in node.texts), node.texts[0][1]) if node.texts else None
    attributes = [(key, value, at) for key, value, at in node.attributes if value.strip()]
    if text is not None and not node.children and all(key.lower() in _UNITS for key, _, _ in attributes):
        return _leaf(" ".join([text, *(value for _, value, _ in attributes)]), text.offset)
    if (
        not node.children
        and len(attributes) == 1
        and text is None
        and attributes[0][0].lower() in {"value", "v", "val", "content"}
    ):
        return _leaf(attributes[0][1], attributes[0][2])
    found: dict[str, Any] = {}
    for key, value, offset in attributes:
        _put(found, key, _leaf(value, offset))
    if text is not None:
        _put(found, "value" if not node.children else "text", text)
    for child in node.children:
        named = _named(child)
        if named:
            _put(found, *named)
        else:
            _put(found, child.name, _data(child))
    return found


def _named(node: _Node) -> tuple[str, Any] | None:
    """``<field name="iban">DE…</field>``: a generic element that carries its label in an attribute."""
    if node.name.lower() not in _GENERIC or node.children:
        return None
    naming = next(((key, value) for key, value, _ in node.attributes if key.lower() in _NAMING), None)
    rest = [
        (value, at) for key, value, at in node.attributes if key.lower() in {"value", "v", "val", "content", "answer"}
    ]
    rest = rest or node.texts
    if naming is None or not naming[1].strip():
        return None
    return naming[1], _leaf(*rest[0]) if rest else ""


def _put(found: dict[str, Any], key: str, value: Any) -> None:
    if key not in found:
        found[key] = value
    elif isinstance(found[key], list):
        found[key].append(value)
    else:
        found[key] = [found[key], value]


def _remember(data: JsonValue, path: str, offsets: dict[str, int]) -> None:
    """The place of every text under the path that read_json gives it."""
    if isinstance(data, Leaf):
        offsets[path] = data.offset
    elif isinstance(data, dict):
        for key, value in data.items():
            shown = key if key.replace("-", "_").isidentifier() and len(key) <= 80 else f"['{key[:80]}']"
            _remember(value, f"{path}.{shown}", offsets)
    elif isinstance(data, list):
        for position, value in enumerate(data):
            _remember(value, f"{path}[{position}]", offsets)


def _where(where: str | None, offsets: dict[str, int], places: Places) -> str | None:
    if where is None or not where:
        return where
    offset = offsets.get(where)
    if offset is None:
        offset = next((at for path, at in offsets.items() if path.startswith(where)), None)
    return where if offset is None else places.where(offset)
