"""Waits for the last output of an agent whose session's relay is on another server."""

import asyncio

from ferryman.core.messages import AgentProbe, decode_agent_attached, encode, session_subject
from ferryman.core.ports.bus import Bus, NoResponders
from ferryman.model.identifiers import SessionId

_ASK_AGAIN_SECONDS = 0.1


async def agent_left_elsewhere(bus: Bus, session_id: SessionId, seconds: float) -> None:
    """Wait, at most so long, until the agent's output was forwarded and its data channel is closed."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                reply = await bus.request(session_subject(session_id), encode(AgentProbe()), timeout=seconds)
                if not decode_agent_attached(reply).attached:
                    return
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
    except (NoResponders, TimeoutError):
        return
