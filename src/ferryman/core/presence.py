"""Presence: whether a node's control channel is open, asked of the server that would have it."""

import asyncio
from collections.abc import Sequence

from ferryman.core.messages import DONE, NodeAnswer, Ping, Probe, control_subject, decode_node_answer, encode
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service
from ferryman.model.identifiers import NodeId

_WAIT = 2.0
"""Seconds; GetConnectionStatus must be true within 2 s of a change."""
_PROBE = encode(Probe())
_PING_WAIT = 5.0
"""Seconds; longer than a node has to answer a ping."""
_INBOX_ENTROPY = 16
"""Bytes."""


async def is_connected(service: Service, node_id: NodeId) -> bool:
    """Return whether the node's control channel is open; a server that does not answer in 2 s counts as closed."""
    try:
        await service.bus.request(control_subject(node_id), _PROBE, timeout=_WAIT)
    except (NoResponders, TimeoutError):
        return False
    return True


async def unreachable(service: Service, node_id: NodeId) -> str | None:
    """Return why the node cannot be reached, None if it can; a node that has been silent is pinged first."""
    try:
        silent = (await _pinged(service, node_id)).silent
    except (NoResponders, TimeoutError):
        return f"{node_id} is not connected."
    if silent is None:
        return None
    return (
        f"{node_id} is connected but does not answer: it has been silent for {silent} s. It may be frozen or cut off."
    )


async def _pinged(service: Service, node_id: NodeId) -> NodeAnswer:
    """Return the node's answer; raises `NoResponders`, `TimeoutError`."""
    inbox = f"answer.{service.entropy(_INBOX_ENTROPY).hex()}"
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def answered(payload: bytes) -> bytes:
        answers.put_nowait(payload)
        return DONE

    subscription = await service.bus.subscribe(inbox, answered)
    try:
        async with asyncio.timeout(_PING_WAIT):
            reply = await service.bus.request(control_subject(node_id), encode(Ping(inbox)), timeout=_PING_WAIT)
            return decode_node_answer(await answers.get() if reply == DONE else reply)
    finally:
        await subscription.close()


async def connected(service: Service, node_ids: Sequence[NodeId]) -> frozenset[NodeId]:
    """Return which of the nodes have a control channel, in one request for all."""
    subjects = {control_subject(node_id): node_id for node_id in node_ids}
    return frozenset(subjects[each] for each in await service.bus.subscribed(tuple(subjects), timeout=_WAIT))
