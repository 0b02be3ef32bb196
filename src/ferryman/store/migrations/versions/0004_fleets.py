"""Nodes by activation, role, agent's version and tag; activations by age; since when a node has had its key."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("nodes") as nodes:
        nodes.add_column(sa.Column("key_since", sa.BigInteger))
    # When older nodes last changed their keys was not kept.
    op.execute("UPDATE nodes SET key_since = registered_at")
    with op.batch_alter_table("nodes") as nodes:
        nodes.alter_column("key_since", nullable=False, existing_type=sa.BigInteger)
    op.create_index("nodes_by_activation", "nodes", ["activation_id", "node_id"])
    op.create_index("nodes_by_role", "nodes", ["iam_role", "node_id"])
    op.create_index("nodes_by_agent_version", "nodes", ["agent_version", "node_id"])
    op.create_index("activations_by_age", "activations", [sa.text("created_at DESC"), "activation_id"])
    op.create_index("tags_by_key", "tags", ["resource_type", "key", "value", "resource_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("tags_by_key", "tags")
    op.drop_index("activations_by_age", "activations")
    for name in ("nodes_by_agent_version", "nodes_by_role", "nodes_by_activation"):
        op.drop_index(name, "nodes")
    with op.batch_alter_table("nodes") as nodes:
        nodes.drop_column("key_since")
