"""Closes the control channels of nodes that were deregistered elsewhere, without relying on the message that says so.

DeregisterManagedInstance closes the node's channel by a message on the bus. That message is lost if this server
cannot be reached at that moment, so the store is asked from time to time.
"""

import asyncio

from aiohttp import WSCloseCode

from ferryman.core.ports.nodes import NodeMember, NodeQuery
from ferryman.server.channels.control_channel import DEREGISTERED
from ferryman.server.channels.gateway import Gateway

ASKED_TOGETHER = 200


async def watch_deregistered(gateway: Gateway) -> None:
    """Close such channels until cancelled. Raises `StoreUnavailable`."""
    while True:
        await asyncio.sleep(gateway.timeouts.deregistered)
        await close_deregistered(gateway)


async def close_deregistered(gateway: Gateway) -> None:
    """Close the channels of nodes that the store does not have. Raises `StoreUnavailable`."""
    channels = gateway.control_channels()
    for start in range(0, len(channels), ASKED_TOGETHER):
        asked = channels[start : start + ASKED_TOGETHER]
        query = NodeQuery(members=((NodeMember.NODE_ID, tuple(each.node_id for each in asked)),))
        known = {node_id for node_id, _ in await gateway.service.store.nodes.pings(query, None, len(asked))}
        for channel in asked:
            if channel.node_id not in known:
                channel.socket.leave(WSCloseCode.POLICY_VIOLATION, DEREGISTERED)
