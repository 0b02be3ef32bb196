"""Messages between servers on the bus: msgspec structs, JSON on the wire.

The server with a node's control channel subscribes to `control.<node>`, the one with a session's relay to
`session.<id>`. Every request gets a non-empty reply: `DONE`, or the struct named with the message.
"""

import msgspec

from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.credential_sessions import TemporarySession

DONE = b"ok"
"""The reply to a message when there is nothing to report."""


class TaskStarted(msgspec.Struct, frozen=True, tag=True):
    """The node has opened the session's data channel, on another server: the next task may be sent."""

    session_id: str


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


ControlMessage = StartTask | TaskStarted | EndTask | Probe | Ping | CloseControlChannel | OfferSshKey
"""Messages on `control.<node>`."""


class EndSession(msgspec.Struct, frozen=True, tag=True):
    """Notify both ends that the session is over (`channel_closed` with `output`), and close them.

    `lost`: it did not end by itself, and clients report a failure. The reply is `SessionEndAnswer`.
    """

    output: str
    lost: bool = False


class ActivityProbe(msgspec.Struct, frozen=True, tag=True):
    """Reply `Activity`: when the user last typed, resized or got output."""


class JoinWatch(msgspec.Struct, frozen=True, tag=True):
    """Let a person watch the session: reply `WatchJoined` or `WatchRefused`, and publish `WatchedEvents` from then on.

    The same `watcher_id` may join again, to see the whole screen. `since` is when the person began to watch.
    """

    watcher_id: str
    person_id: str
    arn: str
    source_ip: str
    since: int


class RenewWatch(msgspec.Struct, frozen=True, tag=True):
    """Say that the watcher is still there; one that is not renewed for a while counts as gone. Reply `WatchRenewed`."""

    watcher_id: str


class LeaveWatch(msgspec.Struct, frozen=True, tag=True):
    """Say that the watcher is gone; reply `DONE`."""

    watcher_id: str


class WatchersProbe(msgspec.Struct, frozen=True, tag=True):
    """Reply `Watchers`: who watches the session."""


class JoinRelay(msgspec.Struct, frozen=True, tag=True):
    """Relay for an end that another server has admitted and whose frames it carries: reply `RelayJoined`.

    `end` is `client` or `agent`; the rest is as the end's server found it. The reply is `RelayYours` if the end's
    server is to relay the session itself.
    """

    link_id: str
    end: str
    caller_id: str
    client_id: str
    peer_address: str | None
    own_end: bool
    ferryman: bool
    handshake: bool


class RenewRelay(msgspec.Struct, frozen=True, tag=True):
    """Say that the end of this link is still there; one that is not renewed for a while counts as gone. Reply
    `RelayRenewed`."""

    link_id: str


class AgentProbe(msgspec.Struct, frozen=True, tag=True):
    """Reply `AgentAttached`: whether output of the agent may still be on its way."""


WatchMessage = JoinWatch | RenewWatch | LeaveWatch | WatchersProbe
RelayMessage = EndSession | ActivityProbe | AgentProbe | WatchMessage
SessionMessage = RelayMessage | JoinRelay | RenewRelay
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


class WatchJoined(msgspec.Struct, frozen=True, tag=True):
    """The screen as it is: everything up to, and without, the `WatchedEvents` of this `number`.

    `at` is milliseconds since the session began. `is_whole`: nothing is missing from the screen.
    """

    number: int
    at: int
    columns: int
    rows: int
    screen: str
    is_whole: bool


class WatchRefused(msgspec.Struct, frozen=True, tag=True):
    """Nobody else may watch; `reason` is a sentence."""

    reason: str


class WatchRenewed(msgspec.Struct, frozen=True):
    """`known` is false if the watcher must join again."""

    known: bool


class WatchedEvents(msgspec.Struct, frozen=True):
    """The next part of what a session showed, on `watched.<session>`. Numbers count from 0; a missing one means a
    missing message.

    An event is milliseconds since the session began, a kind, and a text: o (output), r (size), m (marker) and x (exit
    status) as in a recording; `end`: the session has ended, with the reason; `gone`: its server no longer has it.
    """

    number: int
    events: list[tuple[int, str, str]]


class Watcher(msgspec.Struct, frozen=True):
    """Someone who watches a session; `since` in milliseconds since the epoch."""

    arn: str
    source_ip: str
    since: int


class Watchers(msgspec.Struct, frozen=True):
    """Who watches a session, the first to come first."""

    watchers: list[Watcher]


class WatchGrant(msgspec.Struct, frozen=True):
    """What a token of WatchSession stands for: whom it admits to which session. The server that issued it holds it."""

    session_id: str
    access_key_id: str
    credentials: TemporarySession | None
    source_ip: str
    user_agent: str
    is_secure: bool


class RelayJoined(msgspec.Struct, frozen=True, tag=True):
    """The relay has the end from now on."""


class RelayYours(msgspec.Struct, frozen=True, tag=True):
    """Relay the session yourself: you have its relay already, or the server that has it is stopping."""


class RelayRenewed(msgspec.Struct, frozen=True):
    """`known` is false if the relay no longer has the end."""

    known: bool


class AgentAttached(msgspec.Struct, frozen=True):
    """Whether the agent's data channel is open."""

    attached: bool


class SshKeyOffered(msgspec.Struct, frozen=True):
    """A node's reply about a key, on `ssh-key.<id>`; `error` is empty if its sshd can find the key."""

    error: str


_control: msgspec.json.Decoder[ControlMessage] = msgspec.json.Decoder(ControlMessage)
_session: msgspec.json.Decoder[SessionMessage] = msgspec.json.Decoder(SessionMessage)
_activity = msgspec.json.Decoder(Activity)
_node_answer = msgspec.json.Decoder(NodeAnswer)
_end_answer = msgspec.json.Decoder(SessionEndAnswer)
_key_offered = msgspec.json.Decoder(SshKeyOffered)
_watch_answer: msgspec.json.Decoder[WatchJoined | WatchRefused] = msgspec.json.Decoder(WatchJoined | WatchRefused)
_watch_renewed = msgspec.json.Decoder(WatchRenewed)
_watched_events = msgspec.json.Decoder(WatchedEvents)
_watchers = msgspec.json.Decoder(Watchers)
_watch_grant = msgspec.json.Decoder(WatchGrant)
_relay_answer: msgspec.json.Decoder[RelayJoined | RelayYours] = msgspec.json.Decoder(RelayJoined | RelayYours)
_relay_renewed = msgspec.json.Decoder(RelayRenewed)
_agent_attached = msgspec.json.Decoder(AgentAttached)
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


def watched_subject(session_id: SessionId | str) -> str:
    """Return the subject on which the server with a session's relay publishes what the session shows."""
    return f"watched.{session_id}"


def watch_ticket_subject(ticket_id: str) -> str:
    """Return the subject on which the server that issued a token of WatchSession hands out its `WatchGrant`."""
    return f"watch-ticket.{ticket_id}"


Answer = (
    SessionEndAnswer
    | NodeAnswer
    | Activity
    | SshKeyOffered
    | WatchJoined
    | WatchRefused
    | WatchRenewed
    | WatchedEvents
    | Watchers
    | WatchGrant
    | RelayJoined
    | RelayYours
    | RelayRenewed
    | AgentAttached
)


def encode(message: ControlMessage | SessionMessage | Answer) -> bytes:
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


def decode_watch_answer(payload: bytes) -> WatchJoined | WatchRefused:
    """Parse the reply to `JoinWatch`; raises `msgspec.DecodeError`."""
    return _watch_answer.decode(payload)


def decode_watch_renewed(payload: bytes) -> WatchRenewed:
    """Parse the reply to `RenewWatch`; raises `msgspec.DecodeError`."""
    return _watch_renewed.decode(payload)


def decode_watched_events(payload: bytes) -> WatchedEvents:
    """Parse a message on `watched.<session>`; raises `msgspec.DecodeError`."""
    return _watched_events.decode(payload)


def decode_watchers(payload: bytes) -> Watchers:
    """Parse the reply to `WatchersProbe`; raises `msgspec.DecodeError`."""
    return _watchers.decode(payload)


def decode_watch_grant(payload: bytes) -> WatchGrant:
    """Parse the reply to a request on `watch-ticket.<id>`; raises `msgspec.DecodeError`."""
    return _watch_grant.decode(payload)


def decode_relay_answer(payload: bytes) -> RelayJoined | RelayYours:
    """Parse the reply to `JoinRelay`; raises `msgspec.DecodeError`."""
    return _relay_answer.decode(payload)


def decode_relay_renewed(payload: bytes) -> RelayRenewed:
    """Parse the reply to `RenewRelay`; raises `msgspec.DecodeError`."""
    return _relay_renewed.decode(payload)


def decode_agent_attached(payload: bytes) -> AgentAttached:
    """Parse the reply to `AgentProbe`; raises `msgspec.DecodeError`."""
    return _agent_attached.decode(payload)
