"""The desk: the queue's own columns and orders, clearances of screening hits, people's addresses, saved views"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

QUEUED: Final = sa.text("queue_due IS NOT NULL")
INDEXES: Final = {
    "queue_by_due": ["queue_due", "id"],
    "queue_by_risk": ["queue_rank", "queue_due", "id"],
    "queue_by_age": ["seq"],
    "queue_of_person": ["assignee", "queue_due", "id"],
    "queue_of_country": ["country", "queue_due", "id"],
    "queue_of_level": ["risk_level", "queue_due", "id"],
    "queue_of_stage": ["queue_stage", "queue_due", "id"],
}
WAITING: Final = """
    reviews.case_id = cases.id AND reviews.status = 'waiting'
    AND reviews.stage IN ('review', 'second_review', 'activation')
"""


def upgrade() -> None:
    for name in ("queue_due", "queue_stage", "queue_review"):
        op.add_column("cases", sa.Column(name, sa.String(), nullable=True))
    op.add_column("cases", sa.Column("queue_rank", sa.Integer(), nullable=False, server_default="100"))
    op.add_column("tokens", sa.Column("email", sa.String(), nullable=True))
    op.execute("UPDATE cases SET queue_rank = 100 - risk_score WHERE risk_score IS NOT NULL")
    due = "COALESCE(reviews.due_at, '9999-12-31T00:00:00.000Z')"
    for name, value in (("queue_due", due), ("queue_stage", "reviews.stage"), ("queue_review", "reviews.id")):
        found = f"SELECT {value} FROM reviews WHERE {WAITING}"  # noqa: S608 - our own words
        op.execute(f"UPDATE cases SET {name} = ({found}) WHERE EXISTS ({found})")  # noqa: S608
    for name, columns in INDEXES.items():
        op.create_index(name, "cases", columns, sqlite_where=QUEUED, postgresql_where=QUEUED)
    op.create_table(
        "desk_views",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "clearances",
        sa.Column("subject_key", sa.String(), nullable=False),
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("subject_key", "entry_id", "number"),
    )
    op.create_index("clearances_by_case", "clearances", ["case_id"])


def downgrade() -> None:
    for name in ("clearances", "desk_views"):
        op.drop_table(name)
    for name in INDEXES:
        op.drop_index(name, "cases")
    with op.batch_alter_table("tokens") as tokens:
        tokens.drop_column("email")
    with op.batch_alter_table("cases") as cases:
        for name in ("queue_due", "queue_stage", "queue_review", "queue_rank"):
            cases.drop_column(name)
