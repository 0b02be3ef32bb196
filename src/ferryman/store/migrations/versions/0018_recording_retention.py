"""Retention and holds of recordings."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | Sequence[str] | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAMES = ("retained_until", "hold_reason", "held_by", "held_at", "deleting")


def upgrade() -> None:
    """Apply."""
    op.add_column("recordings", sa.Column("retained_until", sa.BigInteger))
    op.add_column("recordings", sa.Column("hold_reason", sa.String(256)))
    op.add_column("recordings", sa.Column("held_by", sa.String(256)))
    op.add_column("recordings", sa.Column("held_at", sa.BigInteger))
    op.add_column("recordings", sa.Column("deleting", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Undo."""
    for name in _NAMES:
        op.drop_column("recordings", name)
