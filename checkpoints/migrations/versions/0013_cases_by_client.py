"""A backend's list holds its own client's cases alone, however many others there are"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_index("cases_by_client", "cases", ["client", "seq"])
    op.create_index("cases_by_client_and_status", "cases", ["client", "status", "seq"])


def downgrade() -> None:
    op.drop_index("cases_by_client_and_status", "cases")
    op.drop_index("cases_by_client", "cases")
