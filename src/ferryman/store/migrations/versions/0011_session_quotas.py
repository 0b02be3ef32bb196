"""Whose sessions are active and how much they hold; nothing is counted for those that are there already."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | Sequence[str] | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("sessions", sa.Column("person_id", sa.String(128)))
    op.add_column("sessions", sa.Column("document_size", sa.Integer))
    active = sa.text("status < 10")
    op.create_index(
        "sessions_by_person",
        "sessions",
        ["person_id", "status", "target", "document_size"],
        sqlite_where=active,
        postgresql_where=active,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index("sessions_by_person", "sessions")
    op.drop_column("sessions", "document_size")
    op.drop_column("sessions", "person_id")
