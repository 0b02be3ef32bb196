"""What tests of the relay share: a session under way, and floods of frames."""

import asyncio
from collections.abc import Callable

from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import Publication, decode_payload
from tests.server.peers import Peer, output, typed
from tests.server.running import Paired

MEBIBYTE = 1024 * 1024


def ends(paired: Paired, receiver: str) -> tuple[Peer, Peer, Callable[[int, bytes], bytes]]:
    """The end named, the other, and what the other sends."""
    if receiver == "client":
        return paired.client, paired.agent, output
    return paired.agent, paired.client, typed


async def started_for(agent: Peer, client_id: str) -> None:
    """Read until the client is there. An agent that was not read from for long is told of an earlier one once more."""
    started = None
    while started != client_id:
        message = await agent.until(MessageType.START_PUBLICATION)
        started = decode_payload(message.payload, Publication).client_id


async def flood(peer: Peer, make: Callable[[int], bytes], limit: int, patience: float = 0.5) -> int:
    """Send until the server does not read for `patience` seconds, or `limit` bytes went; return how many frames did."""
    number = size = 0
    while size < limit:
        frame = make(number)
        number += 1
        size += len(frame)
        try:
            async with asyncio.timeout(patience):
                await peer.send(frame)
        except TimeoutError:
            break
    return number
