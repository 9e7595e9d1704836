"""What merchants begin on our own page, and the links by which they come back to it and follow their case"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "merchant_drafts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("merchant_drafts_by_end", "merchant_drafts", ["expires_at"])
    op.create_table(
        "merchant_files",
        sa.Column("draft_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["merchant_drafts.id"]),
        sa.PrimaryKeyConstraint("draft_id", "number"),
    )
    op.create_table(
        "merchant_links",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("email_key", sa.String(), nullable=True),
        sa.Column("draft_id", sa.String(), nullable=True),
        sa.Column("case_id", sa.String(), nullable=True),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.Column("expires_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_index("merchant_links_by_email", "merchant_links", ["email_key"])
    op.create_index("merchant_links_by_draft", "merchant_links", ["draft_id"])
    op.create_index("merchant_links_by_end", "merchant_links", ["expires_at"])


def downgrade() -> None:
    for name in ("merchant_links", "merchant_files", "merchant_drafts"):
        op.drop_table(name)
