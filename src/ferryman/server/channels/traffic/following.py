"""Three ways to read a port session's messages: many connections, one after another, or bytes only."""

from typing import Protocol

from ferryman.model.values.text import one_line
from ferryman.server.channels.traffic.connection_list import (
    CLIENT,
    NODE,
    SESSION,
    ConnectionList,
    ForwardedConnection,
)
from ferryman.server.channels.traffic.smux_follower import SmuxFollower
from ferryman.wire.agent_message import HEADER_SIZE
from ferryman.wire.smux import VERSION, Command


class Following(Protocol):
    """Reads data messages, headers included, each once and in order. Raises MalformedSmux."""

    def from_client(self, message: bytes) -> None:
        """Read a message of the client."""

    def from_node(self, message: bytes) -> None:
        """Read a message of the node."""

    def disconnected(self) -> None:
        """Note that the client has sent the flag DisconnectToPort."""

    def close(self, by: str = SESSION) -> None:
        """Close the connections that are open."""

    @property
    def headers(self) -> int:
        """How many frames were read in the messages."""


class Unfollowed:
    """Counts bytes, when it is unknown which connections they belong to."""

    headers = 0

    def __init__(self, connections: ConnectionList) -> None:
        self._totals = connections.totals

    def from_client(self, message: bytes) -> None:
        """Count."""
        self._totals.is_complete = False
        self._totals.sent += len(message) - HEADER_SIZE

    def from_node(self, message: bytes) -> None:
        """Count."""
        self._totals.is_complete = False
        self._totals.received += len(message) - HEADER_SIZE

    def disconnected(self) -> None:
        """Do nothing."""

    def close(self, by: str = SESSION) -> None:
        """Do nothing."""


class OneAtATime:
    """One connection, which the client's flag ends; the client's next data open another (`protocol/agent.md` §5.5)."""

    headers = 0

    def __init__(self, connections: ConnectionList) -> None:
        self._connections = connections
        self._totals = connections.totals
        self._current: ForwardedConnection | None = None
        self._is_open = False

    def from_client(self, message: bytes) -> None:
        """Count; the node connects if there is no connection."""
        size = len(message) - HEADER_SIZE
        if not self._is_open:
            self._open()
        self._totals.sent += size
        if self._current is not None:
            self._current.sent += size

    def from_node(self, message: bytes) -> None:
        """Count. The first connection is made before the client sends; what comes behind a flag belongs to no other."""
        size = len(message) - HEADER_SIZE
        if not self._totals.opened:
            self._open()
        self._totals.received += size
        if self._current is not None:
            self._current.received += size

    def disconnected(self) -> None:
        """Close the connection."""
        self.close(CLIENT)

    def close(self, by: str = SESSION) -> None:
        """Close the connection, if there is one."""
        if self._current is not None:
            self._connections.close(self._current, by)
        self._current = None
        self._is_open = False

    def _open(self) -> None:
        self._is_open = True
        self._current = self._connections.open()


class Multiplexed:
    """Streams of smux, each a connection. The client opens them; version 2 closes each direction for itself."""

    def __init__(self, connections: ConnectionList) -> None:
        self._connections = connections
        self._totals = connections.totals
        self._streams: dict[int, ForwardedConnection] = {}
        """Those that are open and listed."""
        self._client = SmuxFollower(self._client_frame)
        self._node = SmuxFollower(self._node_frame)
        self.from_client = self._client.feed
        self.from_node = self._node.feed

    @property
    def headers(self) -> int:
        """See `Following`."""
        return self._client.headers + self._node.headers

    def disconnected(self) -> None:
        """Do nothing: an agent that multiplexes ignores the flag."""

    def close(self, by: str = SESSION) -> None:
        """Close the open streams, and add up what all of them carried. Nothing may be fed afterwards."""
        for stream_id in list(self._streams):
            self._close(stream_id, by)
        self._totals.sent += self._client.total
        self._totals.received += self._node.total

    def _client_frame(self, command: int, stream_id: int, reason: bytes) -> None:
        if command == Command.SYN:
            if stream_id not in self._streams and (opened := self._connections.open()) is not None:
                self._streams[stream_id] = opened
                self._client.sizes[stream_id] = self._node.sizes[stream_id] = 0
        else:
            self._finished(CLIENT, self._client.version, command, stream_id, reason)

    def _node_frame(self, command: int, stream_id: int, reason: bytes) -> None:
        self._finished(NODE, self._node.version, command, stream_id, reason)

    def _finished(self, by: str, version: int, command: int, stream_id: int, reason: bytes) -> None:
        """Close a stream if this frame does, or the other direction is finished, too."""
        if command not in (Command.FIN, Command.RST) or (connection := self._streams.get(stream_id)) is None:
            return
        other_is_open = not connection.finished_by or connection.finished_by == by
        connection.finished_by = connection.finished_by or by
        if command == Command.RST or version == VERSION or not other_is_open:
            self._close(stream_id, by, one_line(reason.decode("utf-8", "replace")))

    def _close(self, stream_id: int, by: str, reason: str = "") -> None:
        connection = self._streams.pop(stream_id)
        connection.sent, connection.received = self._client.sizes.pop(stream_id), self._node.sizes.pop(stream_id)
        self._connections.close(connection, by, reason)
