"""Copies, seals of the audit trail, retention, and what a restored backup must ask first"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "audit_seals",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("to_seq", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False, unique=True),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("mac", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("no"),
    )
    op.add_column("cases", sa.Column("copied_from", sa.String(), nullable=True))
    op.add_column("cases", sa.Column("erased_at", sa.String(), nullable=True))
    op.add_column("cases", sa.Column("pruned_at", sa.String(), nullable=True))
    op.add_column("cases", sa.Column("ask_first", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("cases_by_closing", "cases", ["closed_at"], unique=False)


def downgrade() -> None:
    op.drop_index("cases_by_closing", table_name="cases")
    for name in ("ask_first", "pruned_at", "erased_at", "copied_from"):
        op.drop_column("cases", name)
    op.drop_table("audit_seals")
