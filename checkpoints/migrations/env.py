"""Alembic's entry: migrations run on the connection they are given, never on a URL of their own."""

from alembic import context

from checkpoints.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
