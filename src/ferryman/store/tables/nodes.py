"""Managed nodes and activations."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from ferryman.store.tables.metadata import metadata

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
