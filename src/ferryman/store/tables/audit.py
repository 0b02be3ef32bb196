"""How far the audit trail of each server has got: one row for each."""

from sqlalchemy import BigInteger, Column, String, Table

from ferryman.store.tables.metadata import metadata

audit_trails = Table(
    "audit_trails",
    metadata,
    Column("server", String(64), primary_key=True),
    Column("first_sequence", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", String(64), nullable=False),
)
