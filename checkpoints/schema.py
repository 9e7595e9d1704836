"""The ledger's tables. Every exactly-once promise is a unique key here.

Times are UTC text with milliseconds (they sort); documents are bytes from the Codec (sealed when encryption is on);
numbers and codes that lists filter by stand in columns of their own.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData()

_Seq = BigInteger().with_variant(Integer, "sqlite")

cases = Table(
    "cases",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("client", String, nullable=False),
    Column("external_ref", String),
    Column("status", String, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("submitted_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    Column("closed_at", String),
    Column("assignee", String),
    Column("country", String),
    Column("recommendation", String),
    Column("risk_score", Integer),
    Column("risk_level", String),
    Column("document", LargeBinary),
    Column("graph_version", String, nullable=False),
    Column("problem", String),
    # Work due: asked > done means that a runner has something to look at. A crash leaves it so.
    Column("work_asked", Integer, nullable=False, server_default="1"),
    Column("work_done", Integer, nullable=False, server_default="0"),
    Column("work_after", String),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("withdrawn_by", String),
    Column("copied_from", String),
    Column("erased_at", String),
    Column("pruned_at", String),
    # While a person is awaited: when they are late, at which stage, in which review. Copied here from the review, so
    # that the queue is one table in its own order however many wait. ``queue_rank`` sorts by risk: 100 - score.
    Column("queue_due", String),
    Column("queue_stage", String),
    Column("queue_review", String),
    Column("queue_rank", Integer, nullable=False, server_default="100"),
    # After a restore: what a service may know of the case and we do not is asked before anything is repeated.
    Column("ask_first", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)
Index("cases_by_status", cases.c.status, cases.c.seq)
Index("cases_by_client", cases.c.client, cases.c.seq)
Index("cases_by_client_and_status", cases.c.client, cases.c.status, cases.c.seq)
Index("cases_by_ref", cases.c.external_ref)
Index("cases_by_closing", cases.c.closed_at)
Index(
    "cases_with_work",
    cases.c.seq,
    sqlite_where=text("work_asked > work_done"),
    postgresql_where=text("work_asked > work_done"),
)

_QUEUED = text("queue_due IS NOT NULL")
for _name, _by in {
    "queue_by_due": (cases.c.queue_due, cases.c.id),
    "queue_by_risk": (cases.c.queue_rank, cases.c.queue_due, cases.c.id),
    "queue_by_age": (cases.c.seq,),
    "queue_of_person": (cases.c.assignee, cases.c.queue_due, cases.c.id),
    "queue_of_country": (cases.c.country, cases.c.queue_due, cases.c.id),
    "queue_of_level": (cases.c.risk_level, cases.c.queue_due, cases.c.id),
    "queue_of_stage": (cases.c.queue_stage, cases.c.queue_due, cases.c.id),
}.items():
    Index(_name, *_by, sqlite_where=_QUEUED, postgresql_where=_QUEUED)

submissions = Table(
    "submissions",
    metadata,
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("received_at", String, nullable=False),
    Column("actor", String, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("client", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body_hash", String, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)

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

leases = Table(
    "leases",
    metadata,
    Column("case_id", String, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("owner", String),
    Column("seen", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Who runs a case on PostgreSQL. ``seen`` and ``until`` are the database's milliseconds since 1970."""

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""What all processes on this ledger must agree on."""

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

tokens = Table(
    "tokens",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("expires_at", String),
    Column("revoked_at", String),
    Column("email", String),  # the same address on several tokens says that one human holds them
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("leads_to", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("used_at", String),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
    Column("ended_at", String),
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

traces = Table(
    "traces",
    metadata,
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("origin", String, nullable=False),
    Column("latest", String, nullable=False),
)
"""What a case's triggers were traced under, as W3C ``traceparent``; empty while tracing is off."""

desk_views = Table(
    "desk_views",
    metadata,
    Column("name", String, primary_key=True),
    Column("query", String, nullable=False),
    Column("at", String, nullable=False),
)
"""How somebody wants to see the queue: order and filters as a query string, no words that were searched for."""

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

merchant_drafts = Table(
    "merchant_drafts",
    metadata,
    Column("id", String, primary_key=True),
    Column("email_key", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", String, nullable=False),
    Column("at", String, nullable=False),
    Column("expires_at", String, nullable=False),
)
"""Applications that merchants have begun on our own page: gone once they are sent, or when their time is over."""
Index("merchant_drafts_by_end", merchant_drafts.c.expires_at)

merchant_files = Table(
    "merchant_files",
    metadata,
    Column("draft_id", String, ForeignKey("merchant_drafts.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)

merchant_links = Table(
    "merchant_links",
    metadata,
    Column("token_hash", String, primary_key=True),
    Column("email_key", String),
    Column("draft_id", String),
    Column("case_id", String, ForeignKey("cases.id")),
    Column("mailed", Boolean, nullable=False),
    Column("created_at", String, nullable=False),
    Column("expires_at", String, nullable=False),
)
"""A merchant's links: to a draft until it is sent, from then on to its case. Only hashes of the tokens."""
Index("merchant_links_by_email", merchant_links.c.email_key)
Index("merchant_links_by_draft", merchant_links.c.draft_id)
Index("merchant_links_by_end", merchant_links.c.expires_at)

match_keys = Table(
    "match_keys",
    metadata,
    Column("key_hash", String, primary_key=True),
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
)
Index("match_keys_by_case", match_keys.c.case_id)

match_order = Table(
    "match_order",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False, unique=True),
)
"""Who was known first: of two applications that look alike the later one is told, however often either runs."""

recordings = Table(
    "recordings",
    metadata,
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("step", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("request_hash", String, nullable=False),
    Column("prompt_id", String, nullable=False),
    Column("prompt_version", String, nullable=False),
    Column("prompt_hash", String, nullable=False),
    Column("model", String, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost", String, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)
"""Every call to a model; ``number`` counts the case's calls, ``sequence`` those of one step."""
Index("recordings_by_request", recordings.c.case_id, recordings.c.request_hash)

audit = Table(
    "audit",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=True),
    Column("case_id", String, nullable=False),
    Column("case_seq", Integer, nullable=False),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("type", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("data_hash", String, nullable=False),
    Column("prev_hash", String, nullable=False),
    Column("hash", String, nullable=False),
    UniqueConstraint("case_id", "case_seq"),
    sqlite_autoincrement=True,
)

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("no", _Seq, primary_key=True, autoincrement=True),
    Column("at", String, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("prev_hash", String, nullable=False, unique=True),
    Column("hash", String, nullable=False),
    Column("mac", String, nullable=False),
)
"""The trail of all cases, sealed now and then: the newest event of every case that moved since the seal before."""

rescreens = Table(
    "rescreens",
    metadata,
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("list_version", String, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("told", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
)
"""Active merchants screened again: with which list last, how many hits came up since the decision, which were told."""
