"""Whether a node may send: the server says when a client is there, and which (`protocol/agent.md` §4.2)."""

from enum import Enum, auto

from ferryman.wire.agent_message import AgentMessage
from ferryman.wire.payloads import MalformedPayload, Publication, decode_payload


class PublicationState(Enum):
    """Whether the server passes on what the agent sends."""

    AWAITED = auto()
    """The channel is new: nothing but the session state is sent until the server says that a client is there."""
    STARTED = auto()
    PAUSED = auto()
    """No client is connected: only acknowledgements are sent."""


def publication(message: AgentMessage) -> Publication:
    """Return the server's statement about the client; only Ferryman's server makes one, others send no payload."""
    try:
        return decode_payload(message.payload, Publication)
    except MalformedPayload:
        return Publication()
