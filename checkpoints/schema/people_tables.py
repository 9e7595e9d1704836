"""Who may come in, by token, link or session, and what merchants have begun on our own page."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from checkpoints.schema.base import metadata

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

desk_views = Table(
    "desk_views",
    metadata,
    Column("name", String, primary_key=True),
    Column("query", String, nullable=False),
    Column("at", String, nullable=False),
)
"""How somebody wants to see the queue: order and filters as a query string, no words that were searched for."""

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
