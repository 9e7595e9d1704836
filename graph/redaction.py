"""A bundle without personal data whose findings can still be found again, and a list of those that cannot."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

from checkpoints.casefile import ERASED, REDACTED, CaseFile, Rows
from checkpoints.documents import canonical, digest
from graph.basis import by_place, subject_key
from graph.replay import Player
from onboarding.application import Application
from onboarding.checks.numbers import PERSON_CHECKS, REGISTRATION, TAX, vat_is_valid
from onboarding.errors import RecordingMissing
from onboarding.policy import Policy
from onboarding.pseudonyms import KEPT, Pseudonyms, personal_paths
from onboarding.screening import Subject, Watchlist
from onboarding.settings import Settings

ATTEMPTS: Final = 12
"""How often other replacements are tried for values whose findings changed with them."""
BINARY: Final = ("pdf", "image")
_CONTENT: Final = frozenset[str]()


async def redact(file: CaseFile, settings: Settings, policy: Policy, watchlist: Watchlist) -> CaseFile:
    """The case under pseudonyms, with a row in ``redaction`` for every finding: whether a replay finds it again.

    Scanned or printed documents are left out. Values of the same person get the same replacement everywhere. What
    nobody could read out of a free text is not known to be personal and stays. Raises RecordingMissing when erased.
    """
    if file.erased:
        raise RecordingMissing(f"The personal data of case {file.id} was erased on request.")
    player = Player(settings, policy, watchlist)
    subjects = await _subjects(player, file)
    names, best = _learnt(file), None
    for _ in range(ATTEMPTS):
        redacted = _replaced(file, names, subjects)
        told = _reproducible(redacted, (await player.play(redacted)).file)
        lost = [row for row in told if not row["reproducible"]]
        if best is None or len(lost) < sum(not row["reproducible"] for row in best.redaction):
            best = redacted.with_(redaction=told)
        retry = [path for path in names.salts if any(_same_field(path, row["path"]) for row in lost)]
        if not retry:
            break
        names.salts.update(retry)
    assert best is not None
    return best


async def _subjects(player: Player, file: CaseFile) -> dict[str, Subject]:
    """Who was looked up in the list, by the key under which the answer was kept."""
    found: dict[str, Subject] = {}
    with player.watching(lambda subject: found.update({subject_key(subject): subject})):
        await player.play(file)
    return found


def _learnt(file: CaseFile) -> Pseudonyms:
    names = Pseudonyms(secrets.token_bytes(16))
    for application, provenance in _applications(file):
        fields = Application.from_json(application).flat()
        for path in personal_paths(fields):
            raw = provenance.get(path, {}).get("raw", "")
            names.learn(path, [str(fields[path]), raw], _alike(fields, path))
            names.salts[path] += 0
    for shown in file.shown():
        names.learn("screening.entry", [hit["entry_id"] for hit in shown["screening"]])
        names.learn("screening.name", [hit["entry_name"] for hit in shown["screening"] if _is_person(hit)])
    return names


def _is_person(hit: Any) -> bool:
    """A person's name on a list says who was found, whatever the application's own spelling became."""
    return str(hit["subject"]).startswith("persons[")


def _alike(fields: dict[str, Any], path: str) -> Callable[[str], object] | None:
    """What the rules say of a number at this place; None where they say nothing."""
    country, form = fields.get("country", ""), fields.get("entity_type")
    registered, taxed = REGISTRATION.get(country), TAX.get(country)
    if path == "registration_number" and registered is not None:
        return lambda number: registered(number, form)
    if path == "tax_id":
        return taxed
    if path == "vat_number":
        return lambda number: vat_is_valid(number, country)
    if path.endswith(("national_id", "passport_number")):
        return lambda number: [(bool(one.shape.fullmatch(number)), one.check(number)) for one in PERSON_CHECKS.values()]
    return None


def _applications(file: CaseFile) -> Iterator[tuple[Any, Any]]:
    for shown in file.shown():
        yield shown["application"], shown["provenance"]
    for row in file.priors:
        if row["application"] is not None:
            yield row["application"], {}
    for row in file.checkpoints[-1:]:
        reading = row["state"].get("reading")
        if reading:
            yield reading["application"], reading["provenance"]


def _replaced(file: CaseFile, names: Pseudonyms, subjects: dict[str, Subject]) -> CaseFile:
    """Every document of the case with its personal values replaced. The trail carries none and stays as it is."""
    keys = {key: by_place(one) for key, one in subjects.items()}
    priors = [row | {"application": names.document(row["application"])} for row in file.priors]
    hashes = {
        row["hash"]: digest(prior["application"])[:16] if prior["application"] is not None else row["hash"]
        for row, prior in zip(file.priors, priors, strict=True)
    }

    def document(value: Any) -> Any:
        """One of our own documents, with the notes it stands on known under their new names."""
        return _renamed(names.document(value), names, keys, hashes)

    return file.with_(
        case=file.case | {"document": document(file.case["document"])},
        submissions=[row | {"body": _submission(row["body"], names)} for row in file.submissions],
        reviews=_each(file.reviews, "shown", document),
        decisions=_each(file.decisions, "body", lambda body: names.document(body, kept=KEPT | {"review_id"})),
        letters=_each(file.letters, "body", names.document),
        recordings=_each(file.recordings, "body", names.document),
        checkpoints=_each(file.checkpoints, "state", document),
        priors=[row | {"hash": hashes[row["hash"]]} for row in priors],
        versions=[*file.versions, {"name": REDACTED, "value": "1", "document": None}],
    )


def _each(rows: Rows, column: str, change: Callable[[Any], Any]) -> Rows:
    return [row | {column: change(row[column])} for row in rows]


def _submission(body: Any, names: Pseudonyms) -> Any:
    if ERASED in body:
        return body
    parts = [
        part | {"content": "" if part["format"] in BINARY else names.document(part["content"], kept=_CONTENT)}
        for part in body["parts"]
    ]
    return body | {"parts": parts}


def _renamed(document: Any, names: Pseudonyms, keys: dict[str, str], hashes: dict[str, str]) -> Any:
    """What a validation stands on, with its look-ups and priors under the names they have now."""
    basis = document.get("basis") if isinstance(document, dict) else None
    if not basis:
        return document
    screened = {keys.get(key, key): names.document(hits) for key, hits in basis["screened"].items()}
    priors = [ref | {"hash": hashes.get(ref["hash"], ref["hash"])} for ref in basis["priors"]]
    return document | {"basis": basis | {"screened": screened, "priors": priors}}


def _reproducible(recorded: CaseFile, played: CaseFile) -> Rows:
    """Each finding of each version, and whether the replay of the redacted case found exactly the same."""
    now = {shown["version"]: [canonical(item) for item in shown["findings"]] for shown in played.shown()}
    told: Rows = []
    for shown in recorded.shown():
        mine = [canonical(item) for item in shown["findings"]]
        for item, body in zip(shown["findings"], mine, strict=True):
            told.append(_line(shown, item, None if body in now.get(shown["version"], ()) else _why(item)))
    for shown in played.shown():
        same = (one["findings"] for one in recorded.shown() if one["version"] == shown["version"])
        before: list[dict[str, Any]] = next(same, [])
        known = {(item["code"], item["path"]) for item in before}
        new = [item for item in shown["findings"] if (item["code"], item["path"]) not in known]
        told += [_line(shown, item, "only the replacement raises it") for item in new]
    return told


def _line(shown: Any, item: Any, why: str | None) -> dict[str, Any]:
    mark = {"version": shown["version"], "code": item["code"], "path": item["path"]}
    return mark | {"reproducible": why is None, "why": why}


def _why(item: Any) -> str:
    if item["raised_by"].startswith("model:"):
        return "the model was asked with other words"
    if any(str(one["source"]).startswith("document:") for one in item["evidence"]):
        return "documents are left out"
    return "it depends on a value that was replaced"


def _same_field(path: str, found: str | None) -> bool:
    return found is not None and (path.startswith(found) or found.startswith(path))
