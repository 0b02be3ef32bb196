"""Sessions in a state that tests of the lifecycle start from."""

from typing import TYPE_CHECKING

from ferryman.core.authorization.admission import admit_client
from ferryman.core.sessions.lifecycle import ends_attached
from ferryman.core.sessions.requests import SessionTicket
from ferryman.model.identifiers import NodeId, SessionId
from ferryman.model.sessions import SessionStatus

if TYPE_CHECKING:
    from tests.unit.core.conftest import RelayPeer, World

UNKNOWN = SessionId("alice-00000000000000000")


async def connected(world: "World", node_id: NodeId | None = None) -> tuple[SessionTicket, "RelayPeer"]:
    """Start a session whose two ends are attached."""
    ticket = await world.start(node_id or await world.node())
    await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    relay = await world.hold(ticket.session_id)
    assert await ends_attached(world.service, ticket.session_id)
    return ticket, relay


async def status(world: "World", ticket: SessionTicket) -> SessionStatus:
    return (await world.session(ticket.session_id)).status
