"""Cases: what came in, what is known of it, what work is due on it, and by what it is found."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, false, text

from checkpoints.schema.base import Seq, metadata

cases = Table(
    "cases",
    metadata,
    Column("seq", Seq, primary_key=True, autoincrement=True),
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
_LEFT = text("pruned_at IS NULL AND closed_at IS NOT NULL")
Index("cases_to_prune", cases.c.closed_at, sqlite_where=_LEFT, postgresql_where=_LEFT)
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

traces = Table(
    "traces",
    metadata,
    Column("case_id", String, ForeignKey("cases.id"), primary_key=True),
    Column("origin", String, nullable=False),
    Column("latest", String, nullable=False),
)
"""What a case's triggers were traced under, as W3C ``traceparent``; empty while tracing is off."""

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
    Column("seq", Seq, primary_key=True, autoincrement=True),
    Column("case_id", String, ForeignKey("cases.id"), nullable=False, unique=True),
)
"""Who was known first: of two applications that look alike the later one is told, however often either runs."""

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
