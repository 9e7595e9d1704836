"""What came in: accepted once by its idempotency key, a case each, and every application version as it was received."""

from typing import Any, Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from checkpoints import audit as trail
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.prepared import Prepared
from checkpoints.schema import cases, idempotency, submissions
from checkpoints.transaction import asked
from onboarding.errors import CaseNotFound, IdempotencyKeyReused
from onboarding.submission import Submission

_SUBMISSION: Final = Prepared(
    select(submissions.c.body).where(
        submissions.c.case_id == bindparam("of_case"), submissions.c.version == bindparam("of_version")
    )
)
_ACCEPT: Final = Prepared(
    insert(cases).returning(cases),
    *("id", "client", "external_ref", "status", "submitted_at", "updated_at", "graph_version"),
)
_SUBMIT: Final = Prepared(insert(submissions), "case_id", "version", "body", "body_hash", "received_at", "actor")


def remembered(tx: Tx, client: str, key: str, body_hash: str) -> Any | None:
    """The stored answer to this idempotency key, or None. Raises IdempotencyKeyReused for another body."""
    query = select(idempotency).where(idempotency.c.client == client, idempotency.c.key == key)
    row = tx.conn.execute(query).first()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise IdempotencyKeyReused()
    return tx.codec.load(row.answer, f"idempotency:{client}:{key}")


def remember(tx: Tx, client: str, key: str, body_hash: str, answer: Any) -> Any | None:
    """Keep the answer for the client's retries; the answer kept before, if there is one. Raises IdempotencyKeyReused.

    Called before anything else is written: of two at once on PostgreSQL the second waits here for the first.
    """
    body = tx.codec.dump(answer, f"idempotency:{client}:{key}")
    row = {"client": client, "key": key, "body_hash": body_hash, "answer": body, "at": tx.now}
    into = (postgresql if tx.conn.dialect.name == "postgresql" else sqlite).insert(idempotency).on_conflict_do_nothing()
    if tx.conn.execute(into.execution_options(preserve_rowcount=True), row).rowcount == 1:
        return None
    return remembered(tx, client, key, body_hash)


def accept(tx: Tx, case_id: str, submission: Submission, *, client: str, external_ref: str | None, graph: str) -> Any:
    """Store a new case with its first submission, and ask for it to be run; returns its row."""
    row = {
        "id": case_id,
        "client": client,
        "external_ref": external_ref,
        "status": "received",
        "submitted_at": tx.now,
        "updated_at": tx.now,
        "graph_version": graph,
    }
    accepted = _ACCEPT.first(tx, **row)
    trail.begin(tx, case_id)
    store(tx, case_id, submission, client)
    data = {"version": submission.version, "external_ref": external_ref, "parts": _parts(submission)}
    trail.append(tx, case_id, client, "case.submitted", data)
    tx.touched.add(asked(case_id))
    return accepted


def store(tx: Tx, case_id: str, submission: Submission, actor: str) -> None:
    """Store one immutable application version."""
    body = submission.to_json()
    row = {
        "case_id": case_id,
        "version": submission.version,
        "body": tx.codec.dump(body, f"submission:{case_id}:{submission.version}"),
        "body_hash": digest(body),
        "received_at": tx.now,
        "actor": actor,
    }
    _SUBMIT.run(tx, **row)


def _parts(submission: Submission) -> list[dict[str, Any]]:
    """What came in, for the trail: no file's name, which may be a person's."""
    return [
        {"source": part.source.partition(":")[0], "kind": part.kind, "format": part.format} for part in submission.parts
    ]


def get(tx: Tx, case_id: str, version: int) -> Submission:
    """One application version as accepted. Raises CaseNotFound."""
    row = _SUBMISSION.first(tx, of_case=case_id, of_version=version)
    if row is None:
        raise CaseNotFound(f"Case {case_id} has no application version {version}.")
    return Submission.from_json(tx.codec.load(row.body, f"submission:{case_id}:{version}"))


def received_at(tx: Tx, case_id: str, version: int) -> str | None:
    """When this application version came in."""
    at = select(submissions.c.received_at).where(submissions.c.case_id == case_id, submissions.c.version == version)
    found: str | None = tx.conn.execute(at).scalar_one_or_none()
    return found
