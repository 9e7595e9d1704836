"""Rules and model side by side: the rules' value always stands, the model fills what they left empty.

Where both state a field and disagree, a person sees both (FIELD_CONFLICT). ``without_model`` undoes all of it, so that
whatever the model added can never take away what the rules alone would have found.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final

from agents.extraction import Extraction, prompt
from onboarding.application import Application
from onboarding.finding import Evidence, Finding, finding
from onboarding.names import fold, person_key
from onboarding.reading.assemble import assemble
from onboarding.reading.candidate import Candidate
from onboarding.reading.choosing import Standing
from onboarding.reading.dates import proof
from onboarding.reading.result import FieldSource, Reading

MODEL: Final = "model:"
NOT_COMPARED: Final = frozenset(
    {"business_description", "legal_name_kana", "contact.name", "bank.holder", "address.line1", "address.region"}
    | {
        "address.country",
        "expected_annual_volume.currency",
        "avg_ticket.currency",
        "ownership",
        "transactions_per_month",
    }
)
"""Fields that two honest readers may word differently, or that follow from others."""
_PERSON: Final = re.compile(r"persons\[(\d+)\]\.(\w+)")
_ACCOUNT: Final = ("bank.iban", "bank.account_number")


def stated_alone(extraction: Extraction, rules: Reading, texts: Iterable[str], *, as_of: date) -> Reading:
    """What the model pointed at, read by the rules' own normalisers. The country is the rules' where they have one."""
    candidates = list(extraction.candidates)
    if rules.application.country and not any(item.path == "country" for item in candidates):
        candidates.append(Candidate(path="country", raw=rules.application.country, source="rules"))
    reading = assemble([Standing(item, 0) for item in candidates], as_of=as_of, order=proof(texts))
    sources = {path: _by_model(source) for path, source in reading.provenance.items()}
    carried = {path: sources.get(path) or _by_model(None) for path in reading.application.flat()}
    findings = [item.model_copy(update={"raised_by": prompt().author}) for item in reading.findings]
    return Reading(application=reading.application, provenance=carried, findings=[*findings, *extraction.findings])


def _by_model(source: FieldSource | None) -> FieldSource:
    if source is None:
        return FieldSource(raw="", source="derived", extractor=prompt().author, confidence=0.5)
    return source.model_copy(update={"extractor": prompt().author, "confidence": min(source.confidence, 0.6)})


def merge(rules: Reading, stated: Reading) -> Reading:
    """The rules' reading with the model's values where it had none, and a conflict for each that disagrees."""
    mine, theirs = rules.application.flat(), _renumbered(stated, rules.application)
    document = rules.application.to_json()
    provenance = dict(rules.provenance)
    conflicts: list[Finding] = []
    filled: set[str] = set()
    for path, (value, source) in theirs.items():
        standing = mine.get(path)
        if standing is not None:
            if not _agrees(path, standing, value) and not _overridden(rules.provenance.get(path), source):
                conflicts.append(_conflict(path, rules, source))
        elif _fillable(path, mine):
            _put(document, path, value)
            provenance[path] = source
            filled.add(path)
    own = {(item.code, item.path) for item in rules.findings}
    added = [item for item in stated.findings if (item.code, item.path) not in own and _still_true(item, filled)]
    return Reading(
        application=Application.from_json(document),
        provenance=provenance,
        findings=[*rules.findings, *conflicts, *added],
    )


def _still_true(item: Finding, filled: set[str]) -> bool:
    """Findings of the model's own reading matter where its values were taken; what it saw in the text always does."""
    return item.path in filled or item.code == "PROMPT_INJECTION_SUSPECTED" or (item.path is None and bool(filled))


def without_model(reading: Reading) -> Reading:
    """The reading as the rules alone made it: every value and finding of the model taken out again."""
    document = reading.application.to_json()
    ours = {path: source for path, source in reading.provenance.items() if not source.extractor.startswith(MODEL)}
    added = [path for path in reading.provenance if path not in ours]
    for path in added:
        _put(document, path, [] if path.endswith(".roles") else None)
    document["persons"] = [person for person in document["persons"] if any(person.values())]
    findings = [item for item in reading.findings if not item.raised_by.startswith(MODEL)]
    return Reading(application=Application.from_json(document), provenance=ours, findings=findings)


def _renumbered(stated: Reading, rules: Application) -> dict[str, tuple[Any, FieldSource]]:
    """The model's values by path, its persons numbered as the rules number the same people; new ones come after."""
    places: dict[str, int] = {}
    known = {person_key(person.name): number for number, person in enumerate(rules.persons) if person.name}
    for number, person in enumerate(stated.application.persons):
        if not person.name:
            continue
        at = known.get(person_key(person.name))
        places[str(number)] = (
            at if at is not None else len(rules.persons) + sum(v >= len(rules.persons) for v in places.values())
        )
    return dict(_moved(stated, places))


def _moved(stated: Reading, places: dict[str, int]) -> Iterator[tuple[str, tuple[Any, FieldSource]]]:
    for path, value in stated.application.flat().items():
        source = stated.provenance[path]
        person = _PERSON.fullmatch(path)
        if path == "ownership" or source.source == "rules":
            continue
        if person is None:
            yield path, (value, source)
        elif person[1] in places:
            yield f"persons[{places[person[1]]}].{person[2]}", (value, source)


def _fillable(path: str, mine: dict[str, Any]) -> bool:
    """An account is one thing: a second one is not put beside the first. A currency follows its amount."""
    if path in _ACCOUNT and any(other in mine for other in _ACCOUNT):
        return False
    return not path.endswith(".currency") or path.replace("currency", "amount") not in mine


def _agrees(path: str, standing: Any, value: Any) -> bool:
    person = _PERSON.fullmatch(path)
    if path in NOT_COMPARED or (person and person[2] in ("roles", "name")):
        return True
    if isinstance(standing, int | float) and isinstance(value, int | float):
        return abs(standing - value) <= 0.005
    one, other = (re.sub(r"[\W_]", "", fold(str(item))) for item in (standing, value))
    return one == other or (path.endswith((".dob", "_date")) and (one.startswith(other) or other.startswith(one)))


def _overridden(standing: FieldSource | None, other: FieldSource) -> bool:
    """Whether the standing value is a later answer or correction: that it differs from the first text is its point."""
    later = standing is not None and standing.source.startswith(("answer", "correction"))
    return later and standing is not None and standing.source != other.source


def _conflict(path: str, rules: Reading, source: FieldSource) -> Finding:
    standing = rules.provenance.get(path)
    evidence = [Evidence(source=source.source, quote=source.raw[:160], where=source.where, detail="read by the model")]
    if standing is not None:
        evidence.insert(0, Evidence(source=standing.source, quote=standing.raw[:160], where=standing.where))
    message = f"{path}: rules and model read different values; the rules' value is kept."
    return finding("FIELD_CONFLICT", message, raised_by=prompt().author, path=path, evidence=evidence)


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    person = _PERSON.fullmatch(path)
    if person is None:
        head, _, tail = path.partition(".")
        if tail:
            document[head][tail] = value
        else:
            document[head] = value
        return
    persons: list[dict[str, Any]] = document["persons"]
    while len(persons) <= int(person[1]):
        persons.append({})
    persons[int(person[1])][person[2]] = value
