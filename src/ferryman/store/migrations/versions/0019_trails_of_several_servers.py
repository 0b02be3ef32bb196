"""How far the audit trail of each server has got; a server alone has no name."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | Sequence[str] | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _head() -> list[sa.Column[int] | sa.Column[str]]:
    return [
        sa.Column("first_sequence", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
    ]


def upgrade() -> None:
    """Apply."""
    op.create_table("audit_trails", sa.Column("server", sa.String(64), primary_key=True), *_head())
    op.execute("INSERT INTO audit_trails SELECT '', first_sequence, sequence, mac FROM audit_trail")
    op.drop_table("audit_trail")


def downgrade() -> None:
    """Undo."""
    trail = sa.Column("trail", sa.SmallInteger, primary_key=True, autoincrement=False)
    op.create_table("audit_trail", trail, *_head())
    op.execute("INSERT INTO audit_trail SELECT 1, first_sequence, sequence, mac FROM audit_trails WHERE server = ''")
    op.drop_table("audit_trails")
