"""The tables and their indexes, as the newest migration leaves them (a test compares the two).

A page of sessions must cost the same however long history is: every filter of DescribeSessions has an index whose
columns are what the filter fixes, then the order of the page, so that a page is one short walk along one index.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
    true,
)

metadata = MetaData()

FIRST_ENDED_STATUS = 10
"""Status codes from here on are those of ended sessions."""

sessions = Table(
    "sessions",
    metadata,
    # SQLite keeps rows in order of this number, which is the order of time: a page reads neighbouring rows.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("session_id", String(96), nullable=False, unique=True),
    Column("target", String(400), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column(
        "ended",
        SmallInteger,
        Computed(f"CASE WHEN status >= {FIRST_ENDED_STATUS} THEN 1 ELSE 0 END", persisted=True),
        nullable=False,
    ),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("deadline_at", BigInteger, nullable=False),
    Column("document_name", String(128), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("owner_id", String(128), nullable=False),
    Column("owner_name", String(128), nullable=False),
    Column("idle_timeout", Integer, nullable=False),
    Column("max_duration", Integer),
    Column("access_type", SmallInteger, nullable=False),
    Column("reason", String(256)),
    Column("details", String(1024)),
    Column("token_id", String(64)),
    Column("document_version", Integer),
    # Gone when the session ends, so that pages of DescribeSessions stay small.
    Column("document_content", Text),
    Column("idles", Boolean, nullable=False, server_default=true()),
    Column("access_request_id", String(15)),
    Column("access_ends_at", BigInteger),
    Column("person_id", String(128)),
    Column("document_size", Integer),  # bytes of document_content
)


def _page_index(name: str, *named: Column[object]) -> Index:
    fixed = (*named, sessions.c.status, sessions.c.access_type)
    return Index(f"sessions_{name}", *fixed, sessions.c.started_at.desc(), sessions.c.session_id)


# What `store.sessions.pages` walks.
_page_index("by_status")
_page_index("by_target", sessions.c.target)
_page_index("by_owner", sessions.c.owner)
_page_index("by_owner_name", sessions.c.owner_name)
_page_index("by_target_and_owner", sessions.c.target, sessions.c.owner)
_page_index("by_target_and_owner_name", sessions.c.target, sessions.c.owner_name)
Index(
    "sessions_due",
    sessions.c.deadline_at,
    sqlite_where=text(f"status < {FIRST_ENDED_STATUS}"),
    postgresql_where=text(f"status < {FIRST_ENDED_STATUS}"),
)
Index(
    "sessions_by_person",  # covers what a person's quota counts
    sessions.c.person_id,
    sessions.c.status,
    sessions.c.target,
    sessions.c.document_size,
    sqlite_where=text(f"status < {FIRST_ENDED_STATUS}"),
    postgresql_where=text(f"status < {FIRST_ENDED_STATUS}"),
)
Index("sessions_ended_at", sessions.c.ended_at)
Index(
    "sessions_by_access_request",
    sessions.c.access_request_id,
    sqlite_where=text("access_request_id IS NOT NULL"),
    postgresql_where=text("access_request_id IS NOT NULL"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("node_id", String(20), primary_key=True),
    Column("public_key", String(4096), nullable=False),
    Column("fingerprint", String(128), nullable=False),
    Column("activation_id", String(36), nullable=False),
    Column("iam_role", String(64), nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("name", String(256)),
    Column("last_ping_at", BigInteger),
    Column("agent_name", String(128), nullable=False),
    Column("agent_version", String(64), nullable=False),
    Column("platform_type", String(32), nullable=False),
    Column("platform_name", String(256), nullable=False),
    Column("platform_version", String(256), nullable=False),
    Column("computer_name", String(256), nullable=False),
    Column("ip_address", String(64), nullable=False),
    Column("key_since", BigInteger, nullable=False),
)
# A page of nodes is in order of id; what selects few of many gets an index in that order.
Index("nodes_by_activation", nodes.c.activation_id, nodes.c.node_id)
Index("nodes_by_role", nodes.c.iam_role, nodes.c.node_id)
Index("nodes_by_agent_version", nodes.c.agent_version, nodes.c.node_id)

activations = Table(
    "activations",
    metadata,
    Column("activation_id", String(36), primary_key=True),
    Column("code_hash", LargeBinary, nullable=False),
    Column("iam_role", String(64), nullable=False),
    Column("description", String(256)),
    Column("default_node_name", String(256)),
    Column("registration_limit", Integer, nullable=False),
    Column("registrations", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
Index("activations_by_age", activations.c.created_at.desc(), activations.c.activation_id)

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

document_versions = Table(
    "document_versions",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("format", String(8), nullable=False),
    Column("platforms", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("version_name", String(128)),
    Column("display_name", String(1024)),
    Column("target_type", String(200)),
    Column("is_default", Boolean, nullable=False),
    # Both are null in a version that was deleted.
    Column("content", Text),
    Column("json", Text),
    Column("type", String(32), nullable=False, server_default="Session"),
)
Index("document_version_names", document_versions.c.name, document_versions.c.version_name, unique=True)

tags = Table(
    "tags",
    metadata,
    Column("resource_type", String(32), primary_key=True),
    Column("resource_id", String(128), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(256), nullable=False),
)
Index("tags_by_key", tags.c.resource_type, tags.c.key, tags.c.value, tags.c.resource_id)

access_requests = Table(
    "access_requests",
    metadata,
    Column("request_id", String(15), primary_key=True),
    Column("execution_id", String(36), nullable=False, unique=True),
    Column("status", SmallInteger, nullable=False),
    Column("requester_id", String(128), nullable=False),
    Column("requester_person_id", String(256), nullable=False),
    Column("requester_arn", String(256), nullable=False),
    Column("requester_name", String(128), nullable=False),
    Column("reason", String(256), nullable=False),
    # JSON: targets, nodes and levels, as they were when the request was made.
    Column("plan", Text, nullable=False),
    Column("policy", String(128), nullable=False),
    Column("duration", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger),
    Column("decided_by", String(256)),
    Column("ended_at", BigInteger),
    Column("details", String(1024)),
)
Index("access_requests_by_age", access_requests.c.created_at.desc(), access_requests.c.request_id)
Index(
    "access_requests_by_status",
    access_requests.c.status,
    access_requests.c.created_at.desc(),
    access_requests.c.request_id,
)
Index(
    "access_requests_by_requester",
    access_requests.c.requester_id,
    access_requests.c.status,
    access_requests.c.created_at.desc(),
    access_requests.c.request_id,
)
Index(
    "access_requests_by_requester_arn",
    access_requests.c.requester_arn,
    access_requests.c.status,
    access_requests.c.created_at.desc(),
    access_requests.c.request_id,
)
Index(
    "access_requests_due",
    access_requests.c.deadline_at,
    sqlite_where=text("status < 10"),
    postgresql_where=text("status < 10"),
)
Index("access_requests_ended_at", access_requests.c.ended_at)

access_request_nodes = Table(
    "access_request_nodes",
    metadata,
    Column(
        "request_id",
        String(15),
        ForeignKey("access_requests.request_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("node_id", String(20), primary_key=True),
    # The request's own, so that one index has what a page of a node's requests selects and in which order.
    Column("status", SmallInteger),
    Column("requester_id", String(128)),
    Column("requester_arn", String(256)),
    Column("created_at", BigInteger),
)


def _node_requests_index(name: str, *named: Column[object]) -> Index:
    columns = access_request_nodes.c
    order = (columns.status, columns.created_at.desc(), columns.request_id)
    return Index(f"access_request_nodes_{name}", columns.node_id, *named, *order)


_node_requests_index("by_node")
_node_requests_index("by_requester", access_request_nodes.c.requester_id)
_node_requests_index("by_requester_arn", access_request_nodes.c.requester_arn)

access_approvals = Table(
    "access_approvals",
    metadata,
    Column(
        "request_id",
        String(15),
        ForeignKey("access_requests.request_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("person_id", String(256), primary_key=True),
    Column("level", SmallInteger, nullable=False),
    Column("arn", String(256), nullable=False),
    Column("approved_at", BigInteger, nullable=False),
    Column("comment", String(512), nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("session_id", String(96), primary_key=True),
    Column("target", String(400), nullable=False),
    Column("owner", String(256), nullable=False),
    Column("owner_name", String(128), nullable=False),
    Column("document_name", String(128), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("duration", BigInteger),
    Column("blocks", BigInteger),
    Column("size", BigInteger),
    Column("head", LargeBinary),
    Column("data_key", LargeBinary, nullable=False),
)
_NEWEST_RECORDINGS = (recordings.c.started_at.desc(), recordings.c.session_id)
Index("recordings_by_start", *_NEWEST_RECORDINGS)
Index("recordings_by_target", recordings.c.target, *_NEWEST_RECORDINGS)
Index("recordings_by_owner", recordings.c.owner, *_NEWEST_RECORDINGS)
Index(
    "recordings_unfinished",
    recordings.c.session_id,
    sqlite_where=text("finished_at IS NULL"),
    postgresql_where=text("finished_at IS NULL"),
)
