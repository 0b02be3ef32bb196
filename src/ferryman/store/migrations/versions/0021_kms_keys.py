"""KMS keys, with the generations of their material, aliases and grants."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0021"
down_revision: str | Sequence[str] | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def _key_id() -> sa.ForeignKey:
    return sa.ForeignKey("kms_keys.key_id", ondelete="CASCADE")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kms_keys",
        sa.Column("key_id", sa.String(36), primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("principal_ids", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("deletion_at", sa.BigInteger),
        sa.Column("pending_days", sa.Integer),
        sa.Column("rotation_days", sa.Integer),
        sa.Column("next_rotation_at", sa.BigInteger),
    )
    op.create_index("ix_kms_keys_deletion_at", "kms_keys", ["deletion_at"])
    op.create_index("ix_kms_keys_next_rotation_at", "kms_keys", ["next_rotation_at"])
    op.create_table(
        "kms_key_generations",
        sa.Column("key_id", sa.String(36), _key_id(), primary_key=True),
        sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("material_id", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("rotation", sa.String(16)),
    )
    op.create_table(
        "kms_aliases",
        sa.Column("name", sa.String(256), primary_key=True),
        sa.Column("key_id", sa.String(36), _key_id(), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_kms_aliases_key_id", "kms_aliases", ["key_id", "name"])
    op.create_table(
        "kms_grants",
        sa.Column("grant_id", sa.String(64), primary_key=True),
        sa.Column("key_id", sa.String(36), _key_id(), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("grantee", sa.String(256), nullable=False),
        sa.Column("grantee_id", sa.String(128), nullable=False),
        sa.Column("retiring", sa.String(256), nullable=False),
        sa.Column("retiring_id", sa.String(128), nullable=False),
        sa.Column("operations", sa.Text, nullable=False),
        sa.Column("constraints", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_kms_grants_key_id", "kms_grants", ["key_id", "grant_id"])
    op.create_index("ix_kms_grants_grantee", "kms_grants", ["key_id", "grantee"])


def downgrade() -> None:
    """Undo."""
    for table in ("kms_grants", "kms_aliases", "kms_key_generations", "kms_keys"):
        op.drop_table(table)
