"""Session documents, tags, and what a session's node is to run."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "document_versions",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("platforms", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("version_name", sa.String(128)),
        sa.Column("display_name", sa.String(1024)),
        sa.Column("target_type", sa.String(200)),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("content", sa.Text),
        sa.Column("json", sa.Text),
    )
    op.create_index("document_version_names", "document_versions", ["name", "version_name"], unique=True)
    op.create_table(
        "tags",
        sa.Column("resource_type", sa.String(32), primary_key=True),
        sa.Column("resource_id", sa.String(128), primary_key=True),
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
    op.add_column("sessions", sa.Column("document_version", sa.Integer))
    op.add_column("sessions", sa.Column("document_content", sa.Text))


def downgrade() -> None:
    """Undo."""
    op.drop_column("sessions", "document_content")
    op.drop_column("sessions", "document_version")
    op.drop_table("tags")
    op.drop_table("document_versions")
