"""What was recorded: the trail and its seals, every call to a model, and what all processes agree on."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from checkpoints.schema.base import Seq, metadata

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
"""What all processes on this ledger must agree on."""

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
    Column("seq", Seq, primary_key=True, autoincrement=True),
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
    Column("no", Seq, primary_key=True, autoincrement=True),
    Column("at", String, nullable=False),
    Column("to_seq", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String, nullable=False),
    Column("prev_hash", String, nullable=False, unique=True),
    Column("hash", String, nullable=False),
    Column("mac", String, nullable=False),
)
"""The trail of all cases, sealed now and then: the newest event of every case that moved since the seal before."""
