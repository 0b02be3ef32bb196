"""Paths of users, groups and policies; permissions boundaries of users; when access keys were last used."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WITH_PATHS = ("users", "groups", "managed_policies")


def upgrade() -> None:
    """Apply."""
    for table in _WITH_PATHS:
        op.add_column(table, sa.Column("path", sa.String(512), nullable=False, server_default="/"))
    op.add_column("users", sa.Column("boundary_arn", sa.String(256), nullable=False, server_default=""))
    op.create_index("ix_users_boundary_arn", "users", ["boundary_arn"])
    op.create_index("ix_managed_policies_name", "managed_policies", ["name"], unique=True)
    op.add_column("access_keys", sa.Column("last_used_at", sa.BigInteger))
    op.add_column("access_keys", sa.Column("last_used_service", sa.String(32)))
    op.add_column("access_keys", sa.Column("last_used_region", sa.String(64)))


def downgrade() -> None:
    """Undo: boundaries are lost."""
    for column in ("last_used_at", "last_used_service", "last_used_region"):
        op.drop_column("access_keys", column)
    op.drop_index("ix_managed_policies_name", "managed_policies")
    op.drop_index("ix_users_boundary_arn", "users")
    op.drop_column("users", "boundary_arn")
    for table in _WITH_PATHS:
        op.drop_column(table, "path")
