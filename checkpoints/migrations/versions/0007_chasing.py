"""When waits are to be chased; whatever waits now is looked at once and then in its time"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "chases",
        sa.Column("review_id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("done", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["reviews.id"]),
        sa.PrimaryKeyConstraint("review_id"),
    )
    op.create_index("chases_due", "chases", ["at"])
    op.execute(
        "INSERT INTO chases (review_id, stage, at, done) SELECT id, stage, opened_at, '' FROM reviews "
        "WHERE status = 'waiting' AND stage <> 'service' AND due_at IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("chases")
