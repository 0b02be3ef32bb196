"""Session logs to be delivered to S3 and CloudWatch Logs, and the links to them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | Sequence[str] | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "outputs",
        sa.Column("session_id", sa.String(96), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("destinations", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("progress", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.String(1024)),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("holder", sa.String(64)),
        sa.Column("held_until", sa.BigInteger),
    )
    op.create_index("outputs_due", "outputs", ["retry_at", "created_at", "session_id", "kind"])
    op.add_column("sessions", sa.Column("s3_output_url", sa.String(2083)))
    op.add_column("sessions", sa.Column("cloud_watch_output_url", sa.String(2083)))


def downgrade() -> None:
    """Undo."""
    op.drop_column("sessions", "cloud_watch_output_url")
    op.drop_column("sessions", "s3_output_url")
    op.drop_table("outputs")
