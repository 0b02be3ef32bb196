"""Indexes for pages of sessions by several filters at once: status and access type in each of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | Sequence[str] | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BEFORE = {
    "by_state": ("ended",),
    "by_target": ("ended", "target"),
    "by_owner": ("ended", "owner"),
    "by_owner_name": ("ended", "owner_name"),
    "by_access_type": ("ended", "access_type"),
    "by_status": ("status",),
}
_NOW = {
    "by_status": (),
    "by_target": ("target",),
    "by_owner": ("owner",),
    "by_owner_name": ("owner_name",),
    "by_target_and_owner": ("target", "owner"),
    "by_target_and_owner_name": ("target", "owner_name"),
}
_ORDER = (sa.text("started_at DESC"), "session_id")


def upgrade() -> None:
    """Apply."""
    for name in _BEFORE:
        op.drop_index(f"sessions_{name}", "sessions")
    for name, named in _NOW.items():
        op.create_index(f"sessions_{name}", "sessions", [*named, "status", "access_type", *_ORDER])


def downgrade() -> None:
    """Undo."""
    for name in _NOW:
        op.drop_index(f"sessions_{name}", "sessions")
    for name, fixed in _BEFORE.items():
        op.create_index(f"sessions_{name}", "sessions", [*fixed, *_ORDER])
