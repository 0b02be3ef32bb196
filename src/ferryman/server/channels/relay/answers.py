"""The relay's replies to requests on `session.<id>`, from use cases and from other servers."""

from ferryman.core.messages import (
    Activity,
    ActivityProbe,
    AgentAttached,
    AgentProbe,
    EndSession,
    RelayMessage,
    SessionEndAnswer,
    encode,
)
from ferryman.server.channels.relay.slot import RelaySlot
from ferryman.server.channels.watching.answers import answer_watcher


async def answer(slot: RelaySlot, request: RelayMessage) -> bytes:
    """Return the reply to a request."""
    match request:
        case EndSession():
            return encode(SessionEndAnswer(slot.end(request.output, lost=request.lost)))
        case ActivityProbe():
            return encode(Activity(slot.last_activity))
        case AgentProbe():
            return encode(AgentAttached(slot.ends[1] is not None))
        case _:
            return await answer_watcher(slot.tap.watched, request)
