"""Messages between servers on the bus: msgspec structs, JSON on the wire.

The server with a node's control channel subscribes to `control.<node>`, the one with a session's relay to
`session.<id>`. Every request gets a non-empty reply: `DONE`, or the struct named with the message.
"""

import msgspec

from ferryman.model.identifiers import Millis, NodeId, SessionId

DONE = b"ok"
"""The reply to a message when there is nothing to report."""


class StartTask(msgspec.Struct, frozen=True, tag=True):
    """Send `interactive_shell` to the node; `content` is the JSON text of its Content (`protocol/agent.md` §3.5)."""

    session_id: str
    content: str


class EndTask(msgspec.Struct, frozen=True, tag=True):
    """Send `channel_closed` for the session to the node, on its control channel."""

    session_id: str


class Probe(msgspec.Struct, frozen=True, tag=True):
    """Answer `DONE` if the node's control channel is up."""


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Reply `NodeAnswer`, or `DONE` if the node has been silent: then it is pinged, and `NodeAnswer` published later.

    A handler that waited for the node would delay all other messages to it.
    """

    answer_to: str
    """The subject on which the later answer is published."""


class CloseControlChannel(msgspec.Struct, frozen=True, tag=True):
    """The node was deregistered: close its control channel."""


class OfferSshKey(msgspec.Struct, frozen=True, tag=True):
    """Send `ssh_public_key` to the node. The node's reply is published as `SshKeyOffered` for `key_id`."""

    key_id: str
    user: str
    public_key: str


ControlMessage = StartTask | EndTask | Probe | Ping | CloseControlChannel | OfferSshKey
"""Messages on `control.<node>`."""


class EndSession(msgspec.Struct, frozen=True, tag=True):
    """Notify both ends that the session is over (`channel_closed` with `output`), and close them.

    `lost`: it did not end by itself, and clients report a failure. The reply is `SessionEndAnswer`.
    """

    output: str
    lost: bool = False


class ActivityProbe(msgspec.Struct, frozen=True, tag=True):
    """Reply `Activity`: when the user last typed, resized or got output."""


SessionMessage = EndSession | ActivityProbe
"""Messages on `session.<id>`."""


class SessionEndAnswer(msgspec.Struct, frozen=True):
    """`agent_told`: the agent's data channel was open and got `channel_closed`."""

    agent_told: bool


class NodeAnswer(msgspec.Struct, frozen=True):
    """`silent` is for how many seconds an unresponsive node has been silent; None if the node responds."""

    silent: int | None


class Activity(msgspec.Struct, frozen=True):
    """`last_activity` in milliseconds since the epoch; None if the relay has seen none."""

    last_activity: int | None


class SshKeyOffered(msgspec.Struct, frozen=True):
    """A node's reply about a key, on `ssh-key.<id>`; `error` is empty if its sshd can find the key."""

    error: str


_control: msgspec.json.Decoder[ControlMessage] = msgspec.json.Decoder(ControlMessage)
_session: msgspec.json.Decoder[SessionMessage] = msgspec.json.Decoder(SessionMessage)
_activity = msgspec.json.Decoder(Activity)
_node_answer = msgspec.json.Decoder(NodeAnswer)
_end_answer = msgspec.json.Decoder(SessionEndAnswer)
_key_offered = msgspec.json.Decoder(SshKeyOffered)
_encoder = msgspec.json.Encoder()


def control_subject(node_id: NodeId | str) -> str:
    """Return the subject of a node's control channel."""
    return f"control.{node_id}"


def session_subject(session_id: SessionId | str) -> str:
    """Return the subject of a session's relay slot."""
    return f"session.{session_id}"


def ssh_key_subject(key_id: str) -> str:
    """Return the subject of a node's reply about a key."""
    return f"ssh-key.{key_id}"


def encode(
    message: ControlMessage | SessionMessage | SessionEndAnswer | NodeAnswer | Activity | SshKeyOffered,
) -> bytes:
    """Return the JSON of a message or a reply."""
    return _encoder.encode(message)


def decode_control(payload: bytes) -> ControlMessage:
    """Parse a message on `control.<node>`; raises `msgspec.DecodeError`."""
    return _control.decode(payload)


def decode_session(payload: bytes) -> SessionMessage:
    """Parse a message on `session.<id>`; raises `msgspec.DecodeError`."""
    return _session.decode(payload)


def decode_activity(payload: bytes) -> Millis | None:
    """Parse the reply to `ActivityProbe`; raises `msgspec.DecodeError`."""
    last = _activity.decode(payload).last_activity
    return None if last is None else Millis(last)


def decode_end_answer(payload: bytes) -> SessionEndAnswer:
    """Parse the reply to `EndSession`; raises `msgspec.DecodeError`."""
    return _end_answer.decode(payload)


def decode_node_answer(payload: bytes) -> NodeAnswer:
    """Parse the reply to `Ping`; raises `msgspec.DecodeError`."""
    return _node_answer.decode(payload)


def decode_key_offered(payload: bytes) -> SshKeyOffered:
    """Parse a message on `ssh-key.<id>`; raises `msgspec.DecodeError`."""
    return _key_offered.decode(payload)
