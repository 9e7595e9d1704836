"""A case as one SQLite file: plain tables that Datasette or sqlite-utils shows, and that another machine reads back."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import sqlite_utils
from sqlalchemy import Boolean, Integer, LargeBinary, Table

from checkpoints.casefile import CaseFile, Rows
from checkpoints.schema import audit, cases, decisions, effects, letters, recordings, reviews, submissions
from onboarding.errors import BadInput

FORMAT: Final = 1
_LEDGER: Final[dict[str, Table]] = {
    table.name: table for table in (submissions, reviews, decisions, effects, letters, recordings, audit)
}
_OWN: Final[dict[str, dict[str, type]]] = {
    "checkpoints": {
        **{"n": int, "id": str, "parent_id": str, "step": int, "at": str, "source": str, "nodes": dict},
        **{"next": dict, "changed": dict, "state": dict, "raw": dict},
    },
    "priors": {"case_id": str, "version": int, "hash": str, "application": dict},
    "versions": {"name": str, "value": str, "document": dict},
    "redaction": {"code": str, "path": str, "version": int, "reproducible": int, "why": str},
}
_DERIVED: Final[dict[str, dict[str, type]]] = {
    "fields": {
        **{"version": int, "path": str, "value": dict, "raw": str, "source": str, "where": str},
        **{"extractor": str, "confidence": float},
    },
    "findings": {
        **{"version": int, "review_id": str, "severity": str, "code": str, "path": str, "message": str},
        **{"raised_by": str, "evidence": dict},
    },
    "screening": {
        **{"version": int, "subject": str, "entry_id": str, "entry_name": str, "topics": dict, "name_score": float},
        **{"score": float, "verdict": str, "features": dict, "algorithm": str, "list_version": str},
    },
}
"""For people only: what is in them stands in ``reviews.shown`` as well. ``dict`` marks a JSON column."""


def _columns(table: Table) -> dict[str, type]:
    kinds = {Integer: int, Boolean: bool, LargeBinary: dict}
    return {
        column.name: next((kind for base, kind in kinds.items() if isinstance(column.type, base)), str)
        for column in table.columns
    }


def _shapes() -> dict[str, dict[str, type]]:
    ledger = {name: _columns(table) for name, table in _LEDGER.items()}
    about = {"format": int, "case_id": str, "exported_at": str, "redacted": int}
    return {"bundle": about, "cases": _columns(cases), **ledger, **_OWN, **_DERIVED}


def write(file: CaseFile, path: Path, *, at: str) -> None:
    """Write the bundle to ``path``. Raises OSError, FileExistsError when the path is taken."""
    body = made(file, at=at)
    with path.open("xb") as out:
        try:
            out.write(body)
            out.flush()
        except OSError:
            path.unlink()  # half a bundle is none
            raise


def made(file: CaseFile, *, at: str) -> bytes:
    """The bundle's bytes: made in memory, so that it takes no room on the disk that the ledger needs."""
    db = sqlite_utils.Database(memory=True)
    try:
        about = {"format": FORMAT, "case_id": file.id, "exported_at": at, "redacted": file.redacted}
        tables: dict[str, Iterable[Mapping[str, Any]]] = {"bundle": [about], "cases": [file.case]}
        tables |= {name: getattr(file, name) for name in (*_LEDGER, *_OWN) if name != "checkpoints"}
        tables["checkpoints"] = _with_changes(file.checkpoints)
        tables |= _derived(file)
        for name, shape in _shapes().items():
            kinds = {column: str if kind is dict else kind for column, kind in shape.items()}
            db.table(name).create(kinds)
            db.table(name).insert_all(_cells(row, shape) for row in tables[name])
        db.conn.commit()
        return bytes(db.conn.serialize())
    finally:
        db.close()


def _cells(row: Mapping[str, Any], shape: Mapping[str, type]) -> dict[str, Any]:
    """JSON columns as text; everything else as it is."""
    cells = {column: row.get(column) for column in shape}
    for column, kind in shape.items():
        if kind is dict and cells[column] is not None:
            cells[column] = json.dumps(cells[column], ensure_ascii=False)
    return cells


def _with_changes(rows: Rows) -> Rows:
    before: dict[str, Any] = {}
    told: Rows = []
    for row in rows:
        changed = [name for name, value in row["state"].items() if before.get(name) != value]
        told.append(row | {"changed": changed})
        before = row["state"]
    return told


def _derived(file: CaseFile) -> dict[str, Rows]:
    found: dict[str, Rows] = {name: [] for name in _DERIVED}
    for review in file.reviews:
        shown = review["shown"]
        if review["stage"] != "review" or "application" not in shown:
            continue
        mark = {"version": shown["version"], "review_id": review["id"]}
        for path, source in shown["provenance"].items():
            found["fields"].append({**mark, "path": path, "value": _value(shown["application"], path), **source})
        found["findings"] += [{**mark, **item} for item in shown["findings"]]
        found["screening"] += [{**mark, **hit} for hit in shown["screening"]]
    return found


def _value(document: Any, path: str) -> Any:
    """What stands at a flat path such as ``persons[0].dob``; None where nothing does."""
    for step in path.replace("[", ".").replace("]", "").split("."):
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return document


def is_bundle(path: Path) -> bool:
    """Whether this is a file that begins like an SQLite database."""
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\x00"
    except OSError:
        return False


def read(path: Path) -> CaseFile:
    """The case that a bundle holds. Raises BadInput for anything that is no bundle of ours."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as conn:
            conn.row_factory = sqlite3.Row
            tables = {name: _read(conn, name, shape) for name, shape in _shapes().items() if name not in _DERIVED}
        conn.close()
        (about,), (case,) = tables.pop("bundle"), tables.pop("cases")
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise BadInput(f"{path.name}: not a bundle of a case ({error})") from error
    if about["format"] != FORMAT:
        raise BadInput(f"{path.name}: a bundle of format {about['format']}; this release reads format {FORMAT}.")
    for row in tables["checkpoints"]:
        del row["changed"]
    return CaseFile(case=case, **tables)


def _read(conn: sqlite3.Connection, name: str, shape: Mapping[str, type]) -> Rows:
    return [_parsed(dict(row), shape) for row in conn.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - our own names


def _parsed(row: dict[str, Any], shape: Mapping[str, type]) -> dict[str, Any]:
    for column, kind in shape.items():
        value = row[column]
        if value is not None and kind is dict:
            row[column] = json.loads(value)
        elif value is not None and kind is bool:
            row[column] = bool(value)
    return row
