"""Sessions that no idle timeout ends while both ends are there."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("sessions", sa.Column("idles", sa.Boolean, nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Undo."""
    op.drop_column("sessions", "idles")
