"""What started a session, if that was traced."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0022"
down_revision: str | Sequence[str] | None = "0021"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

OLDEST_SERVER = "0021"


def upgrade() -> None:
    """Apply."""
    op.add_column("sessions", sa.Column("trace_parent", sa.String(55)))


def downgrade() -> None:
    """Take back."""
    op.drop_column("sessions", "trace_parent")
