"""Sessions, nodes, activations, users and access keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | Sequence[str] | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    _sessions()
    _nodes()
    _identities()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("session_id", sa.String(96), nullable=False, unique=True),
        sa.Column("target", sa.String(400), nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column(
            "ended",
            sa.SmallInteger,
            sa.Computed("CASE WHEN status >= 10 THEN 1 ELSE 0 END", persisted=True),
            nullable=False,
        ),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("deadline_at", sa.BigInteger, nullable=False),
        sa.Column("document_name", sa.String(128), nullable=False),
        sa.Column("owner", sa.String(256), nullable=False),
        sa.Column("owner_id", sa.String(128), nullable=False),
        sa.Column("owner_name", sa.String(128), nullable=False),
        sa.Column("idle_timeout", sa.Integer, nullable=False),
        sa.Column("max_duration", sa.Integer),
        sa.Column("access_type", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.String(256)),
        sa.Column("details", sa.String(1024)),
        sa.Column("token_id", sa.String(64)),
    )
    pages = {
        "by_state": ("ended",),
        "by_target": ("ended", "target"),
        "by_owner": ("ended", "owner"),
        "by_owner_name": ("ended", "owner_name"),
        "by_access_type": ("ended", "access_type"),
        "by_status": ("status",),
    }
    for name, fixed in pages.items():
        op.create_index(f"sessions_{name}", "sessions", [*fixed, sa.text("started_at DESC"), "session_id"])
    op.create_index(
        "sessions_due",
        "sessions",
        ["deadline_at"],
        sqlite_where=sa.text("status < 10"),
        postgresql_where=sa.text("status < 10"),
    )
    op.create_index("sessions_ended_at", "sessions", ["ended_at"])


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("node_id", sa.String(20), primary_key=True),
        sa.Column("public_key", sa.String(4096), nullable=False),
        sa.Column("fingerprint", sa.String(128), nullable=False),
        sa.Column("activation_id", sa.String(36), nullable=False),
        sa.Column("iam_role", sa.String(64), nullable=False),
        sa.Column("registered_at", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(256)),
        sa.Column("last_ping_at", sa.BigInteger),
        sa.Column("agent_name", sa.String(128), nullable=False),
        sa.Column("agent_version", sa.String(64), nullable=False),
        sa.Column("platform_type", sa.String(32), nullable=False),
        sa.Column("platform_name", sa.String(256), nullable=False),
        sa.Column("platform_version", sa.String(256), nullable=False),
        sa.Column("computer_name", sa.String(256), nullable=False),
        sa.Column("ip_address", sa.String(64), nullable=False),
    )
    op.create_table(
        "activations",
        sa.Column("activation_id", sa.String(36), primary_key=True),
        sa.Column("code_hash", sa.LargeBinary, nullable=False),
        sa.Column("iam_role", sa.String(64), nullable=False),
        sa.Column("description", sa.String(256)),
        sa.Column("default_node_name", sa.String(256)),
        sa.Column("registration_limit", sa.Integer, nullable=False),
        sa.Column("registrations", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )


def _identities() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "access_keys",
        sa.Column("access_key_id", sa.String(128), primary_key=True),
        sa.Column("user_id", sa.String(128), sa.ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_access_keys_user_id", "access_keys", ["user_id"])


def downgrade() -> None:
    """Undo."""
    for table in ("access_keys", "users", "activations", "nodes", "sessions"):
        op.drop_table(table)
