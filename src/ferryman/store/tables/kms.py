"""KMS keys, the generations of their material, aliases and grants."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from ferryman.store.tables.metadata import metadata


def _key_id() -> "ForeignKey":
    return ForeignKey("kms_keys.key_id", ondelete="CASCADE")


kms_keys = Table(
    "kms_keys",
    metadata,
    Column("key_id", String(36), primary_key=True),
    Column("description", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("policy", Text, nullable=False),
    # ARN and id, one pair a line.
    Column("principal_ids", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("deletion_at", BigInteger),
    Column("pending_days", Integer),
    Column("rotation_days", Integer),
    Column("next_rotation_at", BigInteger),
)
Index("ix_kms_keys_deletion_at", kms_keys.c.deletion_at)
Index("ix_kms_keys_next_rotation_at", kms_keys.c.next_rotation_at)

kms_key_generations = Table(
    "kms_key_generations",
    metadata,
    Column("key_id", String(36), _key_id(), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("material_id", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("rotation", String(16)),
)

kms_aliases = Table(
    "kms_aliases",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("key_id", String(36), _key_id(), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
Index("ix_kms_aliases_key_id", kms_aliases.c.key_id, kms_aliases.c.name)

kms_grants = Table(
    "kms_grants",
    metadata,
    Column("grant_id", String(64), primary_key=True),
    Column("key_id", String(36), _key_id(), nullable=False),
    Column("name", String(256), nullable=False),
    Column("grantee", String(256), nullable=False),
    Column("grantee_id", String(128), nullable=False),
    Column("retiring", String(256), nullable=False),
    Column("retiring_id", String(128), nullable=False),
    # Names of operations, one a line.
    Column("operations", Text, nullable=False),
    # JSON: EncryptionContextSubset and EncryptionContextEquals, as far as there are any.
    Column("constraints", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
Index("ix_kms_grants_key_id", kms_grants.c.key_id, kms_grants.c.grant_id)
Index("ix_kms_grants_grantee", kms_grants.c.key_id, kms_grants.c.grantee)
