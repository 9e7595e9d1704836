"""Which columns hold sealed documents, and for which place each is sealed: one table for all who read them in bulk."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Table

from checkpoints.schema import (
    audit,
    audit_seals,
    cases,
    clearances,
    decisions,
    drafts,
    idempotency,
    installation,
    letters,
    merchant_drafts,
    merchant_files,
    recordings,
    rescreens,
    reviews,
    submissions,
)

Place = Callable[[Mapping[str, Any]], str]


class Sealed(NamedTuple):
    """One column of sealed documents. ``place`` names where a row's document belongs, as the codec wants it."""

    table: Table
    column: str
    place: Place
    case: str = "case_id"
    """The column that names the case, empty where there is none."""

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.table.primary_key)


SEALED: Final[tuple[Sealed, ...]] = (
    Sealed(cases, "document", lambda row: f"case:{row['id']}", "id"),
    Sealed(submissions, "body", lambda row: f"submission:{row['case_id']}:{row['version']}"),
    Sealed(reviews, "shown", lambda row: f"review:{row['id']}"),
    Sealed(decisions, "body", lambda row: f"decision:{row['review_id']}"),
    Sealed(letters, "body", lambda row: f"letter:{row['message_id']}"),
    Sealed(recordings, "body", lambda row: f"recording:{row['case_id']}:{row['number']}"),
    Sealed(drafts, "body", lambda row: f"draft:{row['name']}:{row['case_id']}"),
    Sealed(clearances, "body", lambda row: f"clearance:{row['subject_key']}:{row['entry_id']}:{row['number']}"),
    Sealed(rescreens, "told", lambda row: f"rescreen:{row['case_id']}"),
    Sealed(audit, "data", lambda row: f"audit:{row['case_id']}:{row['case_seq']}"),
    Sealed(merchant_drafts, "body", lambda row: f"merchant_draft:{row['id']}", ""),
    Sealed(merchant_files, "body", lambda row: f"merchant_file:{row['draft_id']}:{row['number']}", ""),
    Sealed(audit_seals, "body", lambda row: f"seal:{row['prev_hash']}", ""),
    Sealed(installation, "body", lambda row: f"installation:{row['name']}", ""),
    Sealed(idempotency, "answer", lambda row: f"idempotency:{row['client']}:{row['key']}", ""),
)
SEALED_IN: Final[dict[str, Sealed]] = {sealed.table.name: sealed for sealed in SEALED}
