"""Pages of access requests: what selects and orders them is in one index, also for those on one node."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | Sequence[str] | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ORDER = (sa.text("created_at DESC"), "request_id")
_BY_REQUESTER = {"by_requester": "requester_id", "by_requester_arn": "requester_arn"}
_COLUMNS: dict[str, Any] = {
    "status": sa.SmallInteger,
    "requester_id": sa.String(128),
    "requester_arn": sa.String(256),
    "created_at": sa.BigInteger,
}
_FILL = """
UPDATE access_request_nodes SET (status, requester_id, requester_arn, created_at) =
(SELECT status, requester_id, requester_arn, created_at FROM access_requests AS request
WHERE request.request_id = access_request_nodes.request_id)
"""


def upgrade() -> None:
    """Apply."""
    for name, column in _BY_REQUESTER.items():
        op.drop_index(f"access_requests_{name}", "access_requests")
        op.create_index(f"access_requests_{name}", "access_requests", [column, "status", *_ORDER])
    op.drop_index("ix_access_request_nodes_node_id", "access_request_nodes")
    for name, kind in _COLUMNS.items():
        op.add_column("access_request_nodes", sa.Column(name, kind))
    op.execute(_FILL)
    for name, named in {"by_node": [], **{name: [column] for name, column in _BY_REQUESTER.items()}}.items():
        op.create_index(f"access_request_nodes_{name}", "access_request_nodes", ["node_id", *named, "status", *_ORDER])


def downgrade() -> None:
    """Undo."""
    for name in ("by_node", *_BY_REQUESTER):
        op.drop_index(f"access_request_nodes_{name}", "access_request_nodes")
    for column in _COLUMNS:
        op.drop_column("access_request_nodes", column)
    op.create_index("ix_access_request_nodes_node_id", "access_request_nodes", ["node_id"])
    for name, column in _BY_REQUESTER.items():
        op.drop_index(f"access_requests_{name}", "access_requests")
        op.create_index(f"access_requests_{name}", "access_requests", [column, *_ORDER])
