"""Whether a node's control channel is up, asked of the server that would hold it."""

from ferryman.core.messages import Probe, control_subject, encode
from ferryman.core.ports import NoResponders
from ferryman.core.service import Service
from ferryman.model.identifiers import NodeId

_WAIT = 2.0
"""Seconds; GetConnectionStatus must be true within 2 s of a change."""
_PROBE = encode(Probe())


async def is_connected(service: Service, node_id: NodeId) -> bool:
    """Return whether the node's control channel is up now; a server that does not answer in 2 s counts as down."""
    try:
        await service.bus.request(control_subject(node_id), _PROBE, timeout=_WAIT)
    except (NoResponders, TimeoutError):
        return False
    return True
