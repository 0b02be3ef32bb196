"""Just-in-time access: documents of other types, access requests, sessions that end with one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | Sequence[str] | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("document_versions", sa.Column("type", sa.String(32), nullable=False, server_default="Session"))
    op.add_column("sessions", sa.Column("access_request_id", sa.String(15)))
    op.add_column("sessions", sa.Column("access_ends_at", sa.BigInteger))
    given = sa.text("access_request_id IS NOT NULL")
    op.create_index(
        "sessions_by_access_request", "sessions", ["access_request_id"], sqlite_where=given, postgresql_where=given
    )
    _requests()
    op.create_table(
        "access_request_nodes",
        _of_request(),
        sa.Column("node_id", sa.String(20), primary_key=True),
    )
    op.create_index("ix_access_request_nodes_node_id", "access_request_nodes", ["node_id"])
    op.create_table(
        "access_approvals",
        _of_request(),
        sa.Column("person_id", sa.String(256), primary_key=True),
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("arn", sa.String(256), nullable=False),
        sa.Column("approved_at", sa.BigInteger, nullable=False),
        sa.Column("comment", sa.String(512), nullable=False),
    )


def _of_request() -> sa.Column[str]:
    reference = sa.ForeignKey("access_requests.request_id", ondelete="CASCADE")
    return sa.Column("request_id", sa.String(15), reference, primary_key=True)


def _requests() -> None:
    op.create_table(
        "access_requests",
        sa.Column("request_id", sa.String(15), primary_key=True),
        sa.Column("execution_id", sa.String(36), nullable=False, unique=True),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("requester_id", sa.String(128), nullable=False),
        sa.Column("requester_person_id", sa.String(256), nullable=False),
        sa.Column("requester_arn", sa.String(256), nullable=False),
        sa.Column("requester_name", sa.String(128), nullable=False),
        sa.Column("reason", sa.String(256), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("policy", sa.String(128), nullable=False),
        sa.Column("duration", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("deadline_at", sa.BigInteger, nullable=False),
        sa.Column("decided_at", sa.BigInteger),
        sa.Column("decided_by", sa.String(256)),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("details", sa.String(1024)),
    )
    newest_first = (sa.text("created_at DESC"), "request_id")
    op.create_index("access_requests_by_age", "access_requests", [*newest_first])
    op.create_index("access_requests_by_status", "access_requests", ["status", *newest_first])
    op.create_index("access_requests_by_requester", "access_requests", ["requester_id", *newest_first])
    op.create_index("access_requests_by_requester_arn", "access_requests", ["requester_arn", *newest_first])
    still_open = sa.text("status < 10")
    op.create_index(
        "access_requests_due",
        "access_requests",
        ["deadline_at"],
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_index("access_requests_ended_at", "access_requests", ["ended_at"])


def downgrade() -> None:
    """Undo; approval policies and requests are gone."""
    for table in ("access_approvals", "access_request_nodes", "access_requests"):
        op.drop_table(table)
    op.drop_index("sessions_by_access_request", "sessions")
    op.drop_column("sessions", "access_ends_at")
    op.drop_column("sessions", "access_request_id")
    op.execute(sa.text("DELETE FROM document_versions WHERE type <> 'Session'"))
    op.drop_column("document_versions", "type")
