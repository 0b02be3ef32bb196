"""Recordings of sessions: a row for each, with its sealed data key."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | Sequence[str] | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NEWEST = (sa.text("started_at DESC"), "session_id")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "recordings",
        sa.Column("session_id", sa.String(96), primary_key=True),
        sa.Column("target", sa.String(400), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("owner_name", sa.String(128), nullable=False),
        sa.Column("document_name", sa.String(128), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("duration", sa.BigInteger),
        sa.Column("blocks", sa.BigInteger),
        sa.Column("size", sa.BigInteger),
        sa.Column("head", sa.LargeBinary),
        sa.Column("data_key", sa.LargeBinary, nullable=False),
    )
    op.create_index("recordings_by_start", "recordings", [*_NEWEST])
    op.create_index("recordings_by_target", "recordings", ["target", *_NEWEST])
    op.create_index("recordings_by_owner", "recordings", ["owner", *_NEWEST])
    unfinished = sa.text("finished_at IS NULL")
    op.create_index(
        "recordings_unfinished",
        "recordings",
        ["session_id"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("recordings")
