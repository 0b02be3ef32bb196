"""Ids of those whom trust policies name; of roles that there are already, names count as before."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | Sequence[str] | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("roles", sa.Column("principal_ids", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Undo."""
    op.drop_column("roles", "principal_ids")
