"""Policies, inline and managed, and groups; users' roles become built-in policies attached to them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | Sequence[str] | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_POLICIES = {
    "administrator": "arn:aws:iam::aws:policy/FerrymanAdministrator",
    "operator": "arn:aws:iam::aws:policy/FerrymanOperator",
}


def upgrade() -> None:
    """Apply."""
    _groups()
    _policies()
    for role, arn in _POLICIES.items():
        op.execute(
            sa.text(
                "INSERT INTO policy_attachments (owner_id, arn) SELECT user_id, :arn FROM users WHERE role = :role"
            ).bindparams(arn=arn, role=role)
        )
    op.drop_column("users", "role")


def _groups() -> None:
    op.create_table(
        "groups",
        sa.Column("group_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.String(128), sa.ForeignKey("groups.group_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("user_id", sa.String(128), sa.ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])


def _policies() -> None:
    op.create_table(
        "managed_policies",
        sa.Column("arn", sa.String(256), primary_key=True),
        sa.Column("policy_id", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("description", sa.String(1000), nullable=False),
        sa.Column("default_version", sa.Integer, nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "policy_versions",
        sa.Column("arn", sa.String(256), sa.ForeignKey("managed_policies.arn", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "inline_policies",
        sa.Column("owner_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "policy_attachments",
        sa.Column("owner_id", sa.String(128), primary_key=True),
        sa.Column("arn", sa.String(256), primary_key=True),
    )
    op.create_index("ix_policy_attachments_arn", "policy_attachments", ["arn"])


def downgrade() -> None:
    """Undo; who has no built-in policy becomes an operator, the lesser of the two."""
    op.add_column("users", sa.Column("role", sa.String(32), nullable=False, server_default="operator"))
    op.execute(
        sa.text(
            "UPDATE users SET role = 'administrator' WHERE user_id IN "
            "(SELECT owner_id FROM policy_attachments WHERE arn = :arn)"
        ).bindparams(arn=_POLICIES["administrator"])
    )
    tables = ("policy_attachments", "inline_policies", "policy_versions", "managed_policies", "group_members", "groups")
    for table in tables:
        op.drop_table(table)
