"""A run's steps are counted in 64 bits, as in SQLite: those of long attacks pass 2 billion."""

import sqlalchemy as sql
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Widen the two counts."""
    for column in ("done", "total"):
        op.alter_column("runs", column, type_=sql.BigInteger)
