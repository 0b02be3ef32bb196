"""The audit trail's head in SQL: a single row."""

from sqlalchemy import bindparam, select

from ferryman.core.ports.audit import TrailHead
from ferryman.store.connections import Connections
from ferryman.store.tables import audit_trail

_ONLY = 1
_HEAD = select(audit_trail.c.first_sequence, audit_trail.c.sequence, audit_trail.c.mac)


class SqlTrailHeads:
    """`core.ports.audit.TrailHeads`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        new = connections.insert(audit_trail).values(
            trail=_ONLY,
            first_sequence=bindparam("first_record"),
            sequence=bindparam("last_record"),
            mac=bindparam("last_mac"),
        )
        replaced = {name: new.excluded[name] for name in ("first_sequence", "sequence", "mac")}
        self._record = new.on_conflict_do_update(index_elements=[audit_trail.c.trail], set_=replaced)

    async def head(self) -> TrailHead | None:
        """See the port."""
        rows = await self._connections.read(_HEAD)
        return TrailHead(*rows[0]) if rows else None

    async def record(self, head: TrailHead) -> None:
        """See the port."""
        values = {"first_record": head.first, "last_record": head.sequence, "last_mac": head.mac}
        await self._connections.write(self._record, values)
