"""Alembic's entry: migrations run on the connection they are given, never on a URL of their own."""

from alembic import context

import checkpoints.saver_schema  # noqa: F401 - its tables are on the same metadata
from checkpoints.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's DDL rolls back like anybody's when nobody commits in between
)
with context.begin_transaction():
    context.run_migrations()
