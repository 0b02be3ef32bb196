"""Whether a node's control channel is up, asked of the server that would hold it."""

from collections.abc import Sequence

from ferryman.core.messages import Ping, Probe, control_subject, decode_node_answer, encode
from ferryman.core.ports import NoResponders
from ferryman.core.service import Service
from ferryman.model.identifiers import NodeId

_WAIT = 2.0
"""Seconds; GetConnectionStatus must be true within 2 s of a change."""
_PROBE = encode(Probe())
_PING = encode(Ping())
_PING_WAIT = 5.0
"""Seconds; more than a node has to answer a ping."""


async def is_connected(service: Service, node_id: NodeId) -> bool:
    """Return whether the node's control channel is up now; a server that does not answer in 2 s counts as down."""
    try:
        await service.bus.request(control_subject(node_id), _PROBE, timeout=_WAIT)
    except (NoResponders, TimeoutError):
        return False
    return True


async def unreachable(service: Service, node_id: NodeId) -> str | None:
    """Return why the node cannot be reached now, None if it can; a node that has been silent is pinged first."""
    try:
        reply = await service.bus.request(control_subject(node_id), _PING, timeout=_PING_WAIT)
    except (NoResponders, TimeoutError):
        return f"{node_id} is not connected."
    silent = decode_node_answer(reply).silent
    if silent is None:
        return None
    return (
        f"{node_id} is connected but does not answer: it has been silent for {silent} s. It may be frozen or cut off."
    )


async def connected(service: Service, node_ids: Sequence[NodeId]) -> frozenset[NodeId]:
    """Return which of the nodes have a control channel now, in one question for all."""
    subjects = {control_subject(node_id): node_id for node_id in node_ids}
    return frozenset(subjects[each] for each in await service.bus.subscribed(tuple(subjects), timeout=_WAIT))
