"""Sessions of browsers in the web console, and the links that begin one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | Sequence[str] | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

TABLES = {"browser_sessions": ("signed_in_at", "used_at", "expires_at"), "browser_links": ("expires_at",)}


def upgrade() -> None:
    """Apply."""
    for table, times in TABLES.items():
        op.create_table(
            table,
            sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
            sa.Column("person_id", sa.String(256), nullable=False),
            sa.Column("sealed", sa.LargeBinary, nullable=False),
            *(sa.Column(name, sa.BigInteger, nullable=False) for name in times),
        )
        for column in ("person_id", "expires_at"):
            op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    """Undo."""
    for table in TABLES:
        op.drop_table(table)
