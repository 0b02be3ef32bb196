"""Access requests, their nodes and their approvals."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, SmallInteger, String, Table, Text, text

from ferryman.store.tables.metadata import metadata

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
