"""JSON of any depth and key style, and lists of label/value pairs → candidates (policy 4.1, 10)."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pydantic import JsonValue

from onboarding.reading.candidate import Candidate
from onboarding.reading.collect import Collector, Key
from onboarding.reading.flattened import unflattened
from onboarding.reading.labels import read_label, squash
from onboarding.reading.placing import place
from onboarding.reading.text import clean, scalar_text

_DEEPEST: Final = 40
_MOST_VALUES: Final = 5_000
_LABEL_KEYS: Final = (
    "label|question|field|key|name|title|prompt|frage|feld|bezeichnung|libellé|champ|intitulé|vraag|veld|pergunta|campo|"
    "rótulo|項目|質問|項目名|ラベル|pregunta|etiqueta|domanda|etichetta|pytanie|pole|etykieta|fråga|fält|etikett|질문|항목|라벨|"
    "필드|항목명|nome|nombre|nom|naam|q|caption|property|attribute|feldname|fieldname|field_name|nazwa|namn|이름|名前|id"
)
_VALUE_KEYS: Final = (
    "value|val|answer|response|antwort|wert|réponse|valeur|antwoord|waarde|resposta|valor|回答|値|内容|respuesta|risposta|"
    "valore|odpowiedź|wartość|svar|värde|답변|값|text|content|input|data|a|values|답|answers|eingabe|응답|入力|入力値|dato"
)
_DAY_KEYS: Final = (
    "year|jahr|année|annee|jaar|ano|año|anno|rok|år|年|년",
    "month|monat|mois|maand|mês|mes|mese|miesiąc|månad|月|월",
    "day|tag|jour|dag|dia|día|giorno|dzień|日|일",
)
_SECTION_KEYS: Final = (
    "section|title|group|heading|name|abschnitt|titel|bereich|sección|seccion|grupo|sezione|gruppo|sekcja|grupa|avsnitt|"
    "rubrik|セクション|区分|섹션|구분|rubrique|groupe|sectie|groep|seção|secao|titre|título|titolo|tytuł|label|block|step|page|"
    "tab|category|헤더|見出し|제목|sektion|nombre|nome|nom|naam|part|kategorie"
)
_FROM_KEYS: Final = "titular|titolare|from|parent|source|holder|owner|von|shareholder"
_TO_KEYS: Final = "to|child|target|subsidiary|of|in|entity|company|nach|investee|issuer"


def read_json(content: JsonValue, *, source: str) -> list[Candidate]:
    """All labelled values of a JSON value in reading order. Never raises; what is too deep is kept as extra."""
    reader = _Walk(Collector(source))
    reader.walk(content, (), "$")
    return reader.collector.candidates


class _Walk:
    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.seen = 0
        self.links = 0

    def walk(self, value: JsonValue, path: tuple[Key, ...], where: str) -> None:
        self.seen += 1
        if len(where) > 1000 or len(path) > _DEEPEST or self.seen > _MOST_VALUES:
            self.collector.emit("extra", _shortened(value), where[:300])
        elif isinstance(value, dict):
            self._object(value, path, where)
        elif isinstance(value, list):
            self._list(value, path, where)
        elif path:
            self.collector.add(path, value, where)
        elif isinstance(value, str) and value.strip():
            self.collector.emit("extra", value, where)

    def _object(self, value: dict[str, JsonValue], path: tuple[Key, ...], where: str) -> None:
        value = _named(unflattened(value) or value, path)
        pair = _pair(value)
        if pair and path and (isinstance(path[-1], int) or not read_label(path[-1]).segments):
            self.walk(pair[1], (*path[:-1], pair[0]), f"{where}{_shown(pair[2])}")
            return
        section = _section(value)
        if section:
            title, items_key = section
            self.walk(value[items_key], (*path, title), f"{where}{_shown(items_key)}")
            return
        if path and (day := _day(value)):
            self.collector.add(path, day, where)
            return
        limits = _limits(value, path)
        if limits:
            self.collector.add(path, limits, where)
            value = {k: v for k, v in value.items() if not read_label(k).has("~min", "~max")}
        for key, inner in value.items():
            self.walk(inner, (*path, key), f"{where}{_shown(key)}")

    def _list(self, items: list[JsonValue], path: tuple[Key, ...], where: str) -> None:
        if items and all(not isinstance(item, dict | list) for item in items):
            self._scalars(items, path, where)
            return
        if _is_links(items, path):
            self._ownership(items, where)
            return
        paired = _list_pairs(items)
        if paired:
            for position, (label, inner) in enumerate(paired):
                self.walk(inner, (*path, label), f"{where}[{position}]")
            return
        pairs = sum(1 for item in items if isinstance(item, dict) and _pair(item))
        for position, item in enumerate(items):
            if pairs * 2 > len(items) and isinstance(item, dict) and (pair := _pair(item)):
                self.walk(pair[1], (*path, pair[0]), f"{where}[{position}]{_shown(pair[2])}")
            else:
                self._item(item, path, position, where)

    def _item(self, item: JsonValue, path: tuple[Key, ...], position: int, where: str) -> None:
        place_ = f"{where}[{position}]"
        if isinstance(item, dict) and _section(item):
            self._object(item, path, place_)
        elif isinstance(item, dict | list):
            self.walk(item, (*path, position), place_)
        elif path:
            self.collector.add((*path, position), item, place_)

    def _scalars(self, items: list[JsonValue], path: tuple[Key, ...], where: str) -> None:
        """A list of plain values: lines of an address, several people, offices, activities."""
        spot = place(tuple(key for key in path if isinstance(key, str))).path if path else None
        texts = [text for item in items[:200] if (text := clean(item))]
        if spot in {"address", "business_description"} or (spot or "").startswith("address."):
            self.collector.add(path, ", ".join(texts), where)
        elif spot == "persons[].roles":
            self.collector.add(path, list(texts), where)
        elif spot is None and not path:
            for position, item in enumerate(items[:200]):
                self.collector.emit("extra", item, f"{where}[{position}]")
        else:
            for position, item in enumerate(items[:200]):
                self.walk(item, (*path, position), f"{where}[{position}]")

    def _ownership(self, items: list[JsonValue], where: str) -> None:
        for position, item in enumerate(items):
            if not isinstance(item, dict):
                continue
            fields = _link_fields(item)
            if not fields:
                self.walk(item, ("ownership", position), f"{where}[{position}]")
                continue
            for name, (key, value) in fields.items():
                self.collector.emit(f"ownership[{self.links}].{name}", value, f"{where}[{position}]{_shown(key)}", key)
            self.links += 1


def _named(value: dict[str, JsonValue], path: tuple[Key, ...]) -> dict[str, JsonValue]:
    """``{"entity": "X B.V.", "pct": 70}`` in a list of owners: what kind of owner it is stands where its name is."""
    if not (
        path and isinstance(path[-1], int) and any(isinstance(k, str) and read_label(k).has("@owner") for k in path)
    ):
        return value
    labels = {key: read_label(key) for key in value}
    if any(label.has("~name", "legal_name", "first_name", "last_name") for label in labels.values()):
        return value
    kinds = [
        key for key, label in labels.items()
        if isinstance(value[key], str) and len(label.segments) == 1 and label.has("@company", "@person")
    ]  # fmt: skip
    return {("name" if key in kinds else key): inner for key, inner in value.items()} if len(kinds) == 1 else value


def _shown(key: str) -> str:
    """A key as a step of a path: ``.key``, long or odd ones in brackets and cut."""
    return f".{key}" if re.fullmatch(r"[\w-]{1,80}", key) else f"['{key[:80]}']"


def _shortened(value: JsonValue) -> JsonValue:
    return scalar_text(value)[:1000] if not isinstance(value, dict | list) else "nested too deep"


@lru_cache(maxsize=8)
def _words(words: str) -> frozenset[str]:
    return frozenset(squash(word) for word in words.split("|"))


def _pair(item: dict[str, JsonValue]) -> tuple[str, JsonValue, str] | None:
    """The label and value of ``{"label": …, "value": …}`` in any language, if the object is nothing else."""
    if not 2 <= len(item) <= 8:
        return None
    values = [key for key in item if squash(key) in _words(_VALUE_KEYS)]
    labels = [
        key for key in item if squash(key) in _words(_LABEL_KEYS) and key not in values and isinstance(item[key], str)
    ]
    if not values or not labels:
        return None
    ordered = sorted(labels, key=lambda key: not read_label(str(item[key])).segments)
    label = str(item[ordered[0]])
    if not label.strip() or (not read_label(label).segments and len(item) > 3):
        return None
    if (
        squash(ordered[0]) in {"name", "nome", "nombre", "nom", "naam", "nazwa", "namn", "id"}
        and not read_label(label).segments
    ):
        return None
    return label, item[values[0]], values[0]


def _list_pairs(items: list[JsonValue]) -> list[tuple[str, JsonValue]] | None:
    """``[["Firma", "X"], …]`` and ``[{"Firma": "X"}, {"Sitz": "Y"}, …]``: a list that is really one object."""
    pairs: list[tuple[str, JsonValue]] = []
    for item in items:
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
            pairs.append((item[0], item[1]))
        elif isinstance(item, dict) and len(item) == 1:
            pairs.extend(item.items())
        else:
            return None
    known = sum(1 for label, _ in pairs if read_label(label).segments)
    return pairs if len(pairs) > 1 and known * 2 >= len(pairs) and len({label for label, _ in pairs}) > 1 else None


def _section(value: dict[str, JsonValue]) -> tuple[str, str] | None:
    """The title and the key of the pairs in ``{"section": "Owners", "fields": [{"label": …}, …]}``."""
    if not 2 <= len(value) <= 6:
        return None
    titles = [k for k, v in value.items() if isinstance(v, str) and squash(k) in _words(_SECTION_KEYS)]
    holders = [k for k, v in value.items() if isinstance(v, list | dict) and _holds_labels(v)]
    others = [k for k in value if k not in titles and k not in holders and isinstance(value[k], list | dict)]
    return (str(value[titles[0]]), holders[0]) if len(titles) >= 1 and len(holders) == 1 and not others else None


def _day(value: dict[str, JsonValue]) -> str | None:
    """``{"day": 3, "month": 5, "year": 2016}`` as the date it is."""
    parts = {
        squash(key): scalar_text(inner).strip() for key, inner in value.items() if not isinstance(inner, dict | list)
    }
    if len(value) != 3 or len(parts) != 3 or not all(part.isdecimal() for part in parts.values()):
        return None
    found = [next((parts[key] for key in parts if key in _words(words)), None) for words in _DAY_KEYS]
    year, month, day = (int(part) if part else 0 for part in found)
    return f"{year:04d}-{month:02d}-{day:02d}" if year > 999 and month and day else None


def _holds_labels(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return False
    if not isinstance(value, list) or not value:
        return False
    dicts = [item for item in value if isinstance(item, dict)]
    if dicts and sum(1 for item in dicts if _pair(item) or _section(item)) * 2 > len(value):
        return True
    return _list_pairs(value) is not None


def _limits(value: dict[str, JsonValue], path: tuple[Key, ...]) -> str | None:
    """``{"min": 10000, "max": 20000}`` under an amount as the range it is."""
    if not path or not isinstance(path[-1], str):
        return None
    low = next((v for k, v in value.items() if read_label(k).has("~min") and not isinstance(v, dict | list)), None)
    high = next((v for k, v in value.items() if read_label(k).has("~max") and not isinstance(v, dict | list)), None)
    spot = place(tuple(key for key in path if isinstance(key, str))).path
    if low is None or high is None or spot not in {"expected_annual_volume", "avg_ticket"}:
        return None
    return f"{scalar_text(low)} - {scalar_text(high)}"


def _link_fields(item: dict[str, JsonValue]) -> dict[str, tuple[str, JsonValue]] | None:
    """Owner, kind of owner, owned entity and share of one ownership statement; None if it is none."""
    found: dict[str, tuple[str, JsonValue]] = {}
    for key, value in item.items():
        if isinstance(value, dict | list):
            continue
        if read_label(key).has("dob", "nationality", "roles", "national_id", "passport_number"):
            return None
        for name in _link_names(key):
            if name not in found:
                found[name] = (key, value)
                break
    return found if {"owner", "owns", "pct"} <= set(found) else None


def _link_names(key: str) -> Iterator[str]:
    label = read_label(key)
    squashed = squash(key)
    if label.has("person_type", "entity_type") or (label.has("~type") and not label.has("pct")):
        yield "owner_type"
    elif label.has("owns"):
        yield "owns"
    elif label.has("@owner", "holder") or squashed in _words(_FROM_KEYS):
        yield "owner"
    elif squashed in _words(_TO_KEYS) or label.has("@company", "legal_name"):
        yield "owns"
    elif label.has("pct", "~amount"):
        yield "pct"
    elif label.has("~name"):
        yield "owner"


def _is_links(items: list[JsonValue], path: tuple[Key, ...]) -> bool:
    dicts = [item for item in items if isinstance(item, dict)]
    if not dicts or len(dicts) != len(items):
        return False
    linked = sum(1 for item in dicts if _link_fields(item) and _has_owned(item))
    named = any(isinstance(key, str) and read_label(key).has("@ownership", "@owner") for key in path)
    return (linked * 2 > len(dicts) and named) or (linked == len(dicts) and linked > 0 and named)


def _has_owned(item: dict[str, JsonValue]) -> bool:
    return any("owns" in _link_names(key) for key in item)
