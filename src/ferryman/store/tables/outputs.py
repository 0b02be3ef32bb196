"""Session logs that are to be delivered to S3 and CloudWatch Logs."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from ferryman.store.tables.metadata import metadata

outputs = Table(
    "outputs",
    metadata,
    Column("session_id", String(96), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("destinations", Text, nullable=False),  # JSON of `model.session_outputs.SessionOutputs`
    Column("created_at", BigInteger, nullable=False),
    Column("progress", Text),
    Column("attempts", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("failure", String(1024)),
    Column("delivered_at", BigInteger),
    Column("holder", String(64)),
    Column("held_until", BigInteger),
)
Index("outputs_due", outputs.c.retry_at, outputs.c.created_at, outputs.c.session_id, outputs.c.kind)
