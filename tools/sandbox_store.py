"""What the sandbox remembers. It plays an outside company, so it keeps its own SQLite file with its own SQL:
none of the product's records are here, and no merchant data but names of keys, cases and hashes of what was sent."""

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any
from uuid import uuid4

from tools.sandbox_faults import Fault, Operation

SCHEMA = """
CREATE TABLE IF NOT EXISTS effect (
  id INTEGER PRIMARY KEY, at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), service TEXT NOT NULL, key TEXT NOT NULL,
  reference TEXT NOT NULL UNIQUE, status TEXT NOT NULL, case_id TEXT, application_version INTEGER,
  body_sha256 TEXT NOT NULL, cancels INTEGER NOT NULL DEFAULT 0, UNIQUE (service, key));
CREATE TABLE IF NOT EXISTS call (
  id INTEGER PRIMARY KEY, at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')), service TEXT NOT NULL,
  operation TEXT NOT NULL, key TEXT, reference TEXT, case_id TEXT, fault TEXT, body_sha256 TEXT);
CREATE INDEX IF NOT EXISTS call_case ON call (service, operation, case_id);
CREATE TABLE IF NOT EXISTS fault (id INTEGER PRIMARY KEY, body TEXT NOT NULL, left_over INTEGER);
"""


class Store:
    """Calls, effects and pending faults of both services; ``path`` None keeps them in memory."""

    def __init__(self, path: Path | None) -> None:
        self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=30)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")  # survives kill -9; this is no bank
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def activate(self, service: str, key: str, body: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """One effect per key. Returns the activation and whether it is new."""
        cursor = self._db.execute(
            "INSERT INTO effect (service, key, reference, status, case_id, application_version, body_sha256)"
            " VALUES (?, ?, ?, 'active', ?, ?, ?) ON CONFLICT (service, key) DO NOTHING",
            (service, key, f"{service}-{uuid4().hex[:16]}", *_case(body), digest(body)),
        )
        found = self.by_key(service, key)
        assert found
        return found, cursor.rowcount == 1

    def by_key(self, service: str, key: str) -> dict[str, Any] | None:
        """``{reference, status}`` of the activation under ``key``."""
        return self._one("SELECT reference, status FROM effect WHERE service = ? AND key = ?", service, key)

    def cancel(self, service: str, reference: str) -> dict[str, Any] | None:
        """Cancel, as often as asked; None for an unknown reference. ``cancels`` counts only the first."""
        self._db.execute(
            "UPDATE effect SET status = 'cancelled', cancels = cancels + 1"
            " WHERE service = ? AND reference = ? AND status = 'active'",
            (service, reference),
        )
        return self._one("SELECT reference, status FROM effect WHERE service = ? AND reference = ?", service, reference)

    def called(self, service: str, operation: Operation, fault: Fault | None, **what: Any) -> None:
        """Log a call before it is answered. ``what``: key, reference, body."""
        body = what.get("body")
        case_id = _case(body)[0] if body else None
        self._db.execute(
            "INSERT INTO call (service, operation, key, reference, case_id, fault, body_sha256)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                service,
                operation,
                what.get("key"),
                what.get("reference"),
                case_id,
                fault.kind if fault else None,
                digest(body) if body else None,
            ),
        )

    def calls_of(self, service: str, body: dict[str, Any]) -> int:
        """How many activation calls this case has made to ``service`` so far."""
        found = self._one(
            "SELECT count(*) AS n FROM call WHERE service = ? AND operation = 'activate' AND case_id IS ?",
            service,
            _case(body)[0],
        )
        return int(found["n"]) if found else 0

    def add(self, fault: Fault) -> None:
        """Queue a fault."""
        self._db.execute("INSERT INTO fault (body, left_over) VALUES (?, ?)", (fault.model_dump_json(), fault.times))

    def take(self, service: str, operation: Operation, said: list[str]) -> Fault | None:
        """The oldest pending fault for this call, counted down; ``said`` is what it may match."""
        for row in self._db.execute("SELECT id, body FROM fault ORDER BY id").fetchall():
            fault = Fault.model_validate_json(row["body"])
            if (fault.service, fault.operation) == (service, operation) and any(fault.match in text for text in said):
                self._db.execute("UPDATE fault SET left_over = left_over - 1 WHERE id = ?", (row["id"],))
                self._db.execute("DELETE FROM fault WHERE left_over <= 0")
                return fault
        return None

    def clear(self) -> None:
        """Forget all pending faults."""
        self._db.execute("DELETE FROM fault")

    def log(self) -> dict[str, Any]:
        """``{calls: [...], effects: [...]}``, oldest first."""
        return {table: self._all(f"SELECT * FROM {table[:-1]} ORDER BY id") for table in ("calls", "effects")}  # noqa: S608 - names are ours

    def faults(self) -> list[dict[str, Any]]:
        """Pending faults, oldest first, with how often each is still shown (``left``)."""
        rows = self._all("SELECT body, left_over FROM fault ORDER BY id")
        return [json.loads(row["body"]) | {"left": row["left_over"]} for row in rows]

    def _all(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._db.execute(sql, values).fetchall()]

    def _one(self, sql: str, *values: Any) -> dict[str, Any] | None:
        return next(iter(self._all(sql, *values)), None)


def digest(body: Any) -> str:
    """SHA-256 (hex) of the body as canonical JSON: tells whether two requests said the same."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _case(body: dict[str, Any]) -> tuple[str | None, int | None]:
    case_id, version = body.get("case_id"), body.get("application_version")
    return (
        case_id if isinstance(case_id, str) else None,
        version if isinstance(version, int) and abs(version) < 2**31 else None,
    )
