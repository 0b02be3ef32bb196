"""Users, groups, roles, policies, access keys, invitations and browsers."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from ferryman.store.tables.metadata import metadata

users = Table(
    "users",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("path", String(512), nullable=False, server_default="/"),
    Column("boundary_arn", String(256), nullable=False, server_default="", index=True),
)

groups = Table(
    "groups",
    metadata,
    Column("group_id", String(128), primary_key=True),
    Column("name", String(128), nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("path", String(512), nullable=False, server_default="/"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String(128), ForeignKey("groups.group_id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(128), ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True, index=True),
)

roles = Table(
    "roles",
    metadata,
    Column("role_id", String(128), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("path", String(512), nullable=False),
    Column("description", String(1000), nullable=False),
    Column("trust_policy", Text, nullable=False),
    Column("max_session_duration", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("boundary_arn", String(256), nullable=False),
    # ARN and id, one pair a line.
    Column("principal_ids", Text, nullable=False, server_default=""),
)

oidc_providers = Table(
    "oidc_providers",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("url", String(255), nullable=False),
    # Client ids and thumbprints, one a line.
    Column("client_ids", Text, nullable=False),
    Column("thumbprints", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

managed_policies = Table(
    "managed_policies",
    metadata,
    Column("arn", String(256), primary_key=True),
    Column("policy_id", String(128), nullable=False),
    Column("name", String(128), nullable=False),
    Column("description", String(1000), nullable=False),
    Column("default_version", Integer, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("path", String(512), nullable=False, server_default="/"),
)
# An ARN has the path in it, and a name is a policy's whatever its path.
Index("ix_managed_policies_name", managed_policies.c.name, unique=True)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("arn", String(256), ForeignKey("managed_policies.arn", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

# The owners of the next two are users, groups and roles; ids are unique over all of them, and not used again.
inline_policies = Table(
    "inline_policies",
    metadata,
    Column("owner_id", String(128), primary_key=True),
    Column("name", String(128), primary_key=True),
    Column("text", Text, nullable=False),
)

# An ARN may also be a built-in policy's, so this is not a foreign key.
policy_attachments = Table(
    "policy_attachments",
    metadata,
    Column("owner_id", String(128), primary_key=True),
    Column("arn", String(256), primary_key=True, index=True),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", String(128), primary_key=True),
    Column("user_id", String(128), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("last_used_service", String(32)),
    Column("last_used_region", String(64)),
)

invitations = Table(
    "invitations",
    metadata,
    Column("invitation_id", String(36), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False),
    Column("user_id", String(128), ForeignKey("users.user_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_by", String(2048), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

browser_sessions = Table(
    "browser_sessions",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("person_id", String(256), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("signed_in_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

browser_links = Table(
    "browser_links",
    metadata,
    Column("token_hash", LargeBinary(32), primary_key=True),
    Column("person_id", String(256), nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
