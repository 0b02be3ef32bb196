"""Documents and tags."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from ferryman.store.tables.metadata import metadata

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
