"""What Alembic runs around each step: all of them within the transaction of who opens the store."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
