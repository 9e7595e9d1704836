"""What sheds its checkpoints next is found without going through all that did"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"

LEFT = sa.text("pruned_at IS NULL AND closed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index("cases_to_prune", "cases", ["closed_at"], sqlite_where=LEFT, postgresql_where=LEFT)


def downgrade() -> None:
    op.drop_index("cases_to_prune", "cases")
