"""Waits and what ended them, and what followed outside: effects at the services, letters and their links."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from checkpoints.schema.base import metadata

reviews = Table(
    "reviews",
    metadata,
    Column("id", String, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False),
    Column("stage", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("shown", LargeBinary, nullable=False),
    Column("shown_hash", String, nullable=False),
    Column("second_required", Boolean, nullable=False),
    Column("opened_at", String, nullable=False),
    Column("due_at", String),
    UniqueConstraint("case_id", "stage", "round"),
)
Index(
    "one_waiting_review",
    reviews.c.case_id,
    unique=True,
    sqlite_where=text("status = 'waiting'"),
    postgresql_where=text("status = 'waiting'"),
)
Index("reviews_due", reviews.c.status, reviews.c.due_at)

chases = Table(
    "chases",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), primary_key=True),
    Column("stage", String, nullable=False),
    Column("at", String, nullable=False),
    Column("done", String, nullable=False),
)
"""When a wait is to be looked at next, and which reminders it had: one row while there is any more to come."""
Index("chases_due", chases.c.at)

decisions = Table(
    "decisions",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False),
    Column("stage", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("action", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("shown_hash", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("at", String, nullable=False),
)
Index("decisions_by_case", decisions.c.case_id)

effects = Table(
    "effects",
    metadata,
    Column("key", String, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False),
    Column("service", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reference", String),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("request_hash", String, nullable=False),
    Column("detail", String),
    Column("created_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    UniqueConstraint("case_id", "service", "version", "round"),
)

letters = Table(
    "letters",
    metadata,
    Column("message_id", String, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id")),  # null: a personal letter that is about no case
    Column("kind", String, nullable=False),
    Column("round", Integer, nullable=False),
    Column("recipient_hash", String, nullable=False),
    Column("review_id", String),
    Column("body", LargeBinary, nullable=False),
    Column("status", String, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", String, nullable=False),
    Column("next_at", String),
    Column("sent_at", String),
    Column("problem", String),
    Column("taken_by", String),
    UniqueConstraint("case_id", "kind", "round", "recipient_hash"),
)
Index("letters_due", letters.c.status, letters.c.next_at)

links = Table(
    "links",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("action", String, nullable=False),
    Column("reviewer", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("used_at", String),
)

drafts = Table(
    "drafts",
    metadata,
    Column("name", String, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)
"""What somebody typed into a case's form when their session had ended: theirs alone, until they decide."""

clearances = Table(
    "clearances",
    metadata,
    Column("subject_key", String, primary_key=True),
    Column("entry_id", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False),
    Column("action", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)
"""What people said of a screening hit: not the same person, because …, or that they take it back; the newest counts."""
Index("clearances_by_case", clearances.c.case_id)
