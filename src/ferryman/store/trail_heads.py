"""The heads of the servers' audit trails in SQL."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from ferryman.core.ports.audit import TrailHead
from ferryman.store.connections import Connections
from ferryman.store.tables import audit_trails

_HEAD = select(audit_trails.c.first_sequence, audit_trails.c.sequence, audit_trails.c.mac).where(
    audit_trails.c.server == bindparam("of_server")
)
_SERVERS = select(audit_trails.c.server).where(audit_trails.c.server != "").order_by(audit_trails.c.server)
_RETIRE = delete(audit_trails).where(audit_trails.c.server == bindparam("of_server"))


class SqlTrailHeads:
    """`core.ports.audit.TrailHeads`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        new = connections.insert(audit_trails).values(
            server=bindparam("of_server"),
            first_sequence=bindparam("first_record"),
            sequence=bindparam("last_record"),
            mac=bindparam("last_mac"),
        )
        replaced = {name: new.excluded[name] for name in ("first_sequence", "sequence", "mac")}
        self._record = new.on_conflict_do_update(index_elements=[audit_trails.c.server], set_=replaced)

    async def head(self, server: str) -> TrailHead | None:
        """See the port."""
        rows = await self._connections.read(_HEAD, {"of_server": server})
        return TrailHead(*rows[0]) if rows else None

    async def record(self, server: str, head: TrailHead) -> None:
        """See the port."""
        values = {"of_server": server, "first_record": head.first, "last_record": head.sequence, "last_mac": head.mac}
        await self._connections.write(self._record, values)

    async def servers(self) -> Sequence[str]:
        """See the port."""
        return [str(name) for (name,) in await self._connections.read(_SERVERS)]

    async def retire(self, server: str) -> bool:
        """See the port."""
        return await self._connections.write(_RETIRE, {"of_server": server}) > 0
