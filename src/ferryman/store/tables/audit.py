"""How far the server's audit trail has got: one row."""

from sqlalchemy import BigInteger, Column, SmallInteger, String, Table

from ferryman.store.tables.metadata import metadata

audit_trail = Table(
    "audit_trail",
    metadata,
    Column("trail", SmallInteger, primary_key=True, autoincrement=False),
    Column("first_sequence", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", String(64), nullable=False),
)
