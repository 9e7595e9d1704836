"""The ledger's tables. Every exactly-once promise is a unique key here.

Times are UTC text with milliseconds (they sort); documents are bytes from the Codec (sealed when encryption is on);
numbers and codes that lists filter by stand in columns of their own.
"""

from checkpoints.schema.base import metadata
from checkpoints.schema.case_tables import (
    cases,
    idempotency,
    leases,
    match_keys,
    match_order,
    rescreens,
    submissions,
    traces,
)
from checkpoints.schema.people_tables import (
    desk_views,
    merchant_drafts,
    merchant_files,
    merchant_links,
    sessions,
    sign_in_links,
    tokens,
)
from checkpoints.schema.record_tables import audit, audit_seals, installation, recordings
from checkpoints.schema.review_tables import chases, clearances, decisions, drafts, effects, letters, links, reviews

__all__ = [
    "audit",
    "audit_seals",
    "cases",
    "chases",
    "clearances",
    "decisions",
    "desk_views",
    "drafts",
    "effects",
    "idempotency",
    "installation",
    "leases",
    "letters",
    "links",
    "match_keys",
    "match_order",
    "merchant_drafts",
    "merchant_files",
    "merchant_links",
    "metadata",
    "recordings",
    "rescreens",
    "reviews",
    "sessions",
    "sign_in_links",
    "submissions",
    "tokens",
    "traces",
]
