"""The connections of one port session, read from the messages that its relay forwards.

A session of Ferryman's or AWS's ends multiplexes, or carries one connection after another; which of the two follows
from what both say in the handshake, as the agent itself decides. Each message counts once and in order, however often
it was sent. What is not understood is counted, and the totals say that the list is incomplete.
"""

from collections.abc import Callable, Iterable

from ferryman.channel.negotiation import AWS, agree
from ferryman.channel.peer_versions import agent_multiplexes, client_multiplexes
from ferryman.core.audit.traffic_records import PortTotals
from ferryman.recording.session.message_order import MessageOrder
from ferryman.server.channels.traffic.connection_list import OTHER_CLIENT, ConnectionList, Report
from ferryman.server.channels.traffic.following import Following, Multiplexed, OneAtATime, Unfollowed
from ferryman.server.channels.traffic.smux_follower import MOST_FRAMES
from ferryman.wire.agent_message import HEADER_SIZE, Flag, PayloadType
from ferryman.wire.payloads import (
    KMS_ENCRYPTION_ACTION,
    Extensions,
    HandshakeRequest,
    HandshakeResponse,
    MalformedPayload,
    decode_payload,
    encode_flag,
)
from ferryman.wire.smux import MalformedSmux

LONGEST_HANDSHAKE = 16 * 1024
"""Bytes; those of AWS's ends have a few hundred."""
_PAYLOAD_TYPE = slice(112, 116)
_DATA = PayloadType.OUTPUT.to_bytes(4, "big")
_FLAG = PayloadType.FLAG.to_bytes(4, "big")
_REQUEST = PayloadType.HANDSHAKE_REQUEST.to_bytes(4, "big")
_RESPONSE = PayloadType.HANDSHAKE_RESPONSE.to_bytes(4, "big")
_DISCONNECT = encode_flag(Flag.DISCONNECT_TO_PORT)
_REFUSED = encode_flag(Flag.CONNECT_TO_PORT_ERROR)


class PortTraffic:
    """Follows one session. `forwards`: its client listens on a port; otherwise it has one connection, as for SSH.

    `from_start`: the session has not had a message yet. If it has, connections cannot be told apart until another
    client joins and the ends begin again.
    """

    def __init__(self, report: Report, *, forwards: bool, from_start: bool) -> None:
        self._connections = ConnectionList(report)
        self._forwards = forwards
        self._following: Following = Unfollowed(self._connections)
        self._input, self._output = MessageOrder(), MessageOrder()
        self._joins_input = self._joins_output = not from_start
        """The next message is taken as the first, whatever its number."""
        self._input_client = self._output_client = ""
        self._request: HandshakeRequest | None = None
        self._is_unclear = False
        """The client sent a response that nobody asked for, so it is unknown which one the agent goes by."""

    def from_client(self, number: int, message: bytes) -> None:
        """Read an input message of the client, header included."""
        if self._joins_input:
            self._joins_input = False
            self._input.continue_at(number)
        if self._input.passes(number):
            self._input_message(message)
            return
        self._catch_up(self._input.add(number, message), self._input_message)
        if self._input.is_full:
            self._give_up()
            self._catch_up(self._input.skip_gap()[1], self._input_message)

    def from_node(self, number: int, message: bytes) -> None:
        """Read an output message of the node, header included."""
        if self._joins_output:
            self._joins_output = False
            self._output.continue_at(number)
        if self._output.passes(number):
            self._output_message(message)
            return
        self._catch_up(self._output.add(number, message), self._output_message)
        if self._output.is_full:
            self._give_up()
            self._catch_up(self._output.skip_gap()[1], self._output_message)

    def client_attached(self, client_id: str) -> None:
        """Note that a client has connected; a different one begins with a handshake and no connections."""
        if self._input_client and client_id != self._input_client:
            self._begin(Unfollowed(self._connections), OTHER_CLIENT)
            self._input.restart()
            self._joins_input = self._is_unclear = False
            self._request = None
        self._input_client = client_id

    def publication(self, client_id: str) -> None:
        """Note for which client the agent's next messages are; for a different one it numbers from 0 again."""
        if self._output_client and client_id != self._output_client:
            self._output.restart()
            self._joins_output = False
        self._output_client = client_id

    def close(self) -> PortTotals:
        """Close the connections that are open, and return what there was."""
        if self._input.has_gap or self._output.has_gap:
            self._connections.totals.is_complete = False
        self._following.close()
        return self._connections.totals

    def _catch_up(self, messages: Iterable[bytes], handle: Callable[[bytes], None]) -> None:
        """Read messages that waited for an earlier one. All of them together may have as many frames as one."""
        read = 0
        for each in messages:
            following = self._following
            read -= following.headers
            handle(each)
            read += following.headers
            if read > MOST_FRAMES:
                self._give_up()

    def _input_message(self, message: bytes) -> None:
        kind = message[_PAYLOAD_TYPE]
        if kind == _DATA:
            try:
                self._following.from_client(message)
            except MalformedSmux:
                self._give_up()
        elif kind == _FLAG and message[HEADER_SIZE:] == _DISCONNECT:
            self._following.disconnected()
        elif kind == _RESPONSE:
            self._responded(message)

    def _output_message(self, message: bytes) -> None:
        kind = message[_PAYLOAD_TYPE]
        if kind == _DATA:
            try:
                self._following.from_node(message)
            except MalformedSmux:
                self._give_up()
        elif kind == _FLAG and message[HEADER_SIZE:] == _REFUSED:
            self._connections.totals.refused += 1
        elif kind == _REQUEST and len(message) <= LONGEST_HANDSHAKE:
            try:
                self._request = decode_payload(message[HEADER_SIZE:], HandshakeRequest)
            except MalformedPayload:
                self._request = None

    def _responded(self, message: bytes) -> None:
        """Choose how to read the data that follow, by the client's handshake response."""
        request, self._request = self._request, None
        self._is_unclear = self._is_unclear or request is None
        if request is None or self._is_unclear or len(message) > LONGEST_HANDSHAKE:
            return
        try:
            response = decode_payload(message[HEADER_SIZE:], HandshakeResponse)
        except MalformedPayload:
            return
        if any(action.action_type == KMS_ENCRYPTION_ACTION for action in response.processed_client_actions):
            return  # what follows is encrypted end to end, and only counted
        multiplexes = self._forwards and _multiplexes(request, response)
        self._begin(Multiplexed(self._connections) if multiplexes else OneAtATime(self._connections), OTHER_CLIENT)

    def _begin(self, following: Following, closed_by: str) -> None:
        self._following.close(closed_by)
        self._following = following

    def _give_up(self) -> None:
        """Only count bytes from now on: without the missing messages, the rest cannot be parsed."""
        self._following.close()
        self._following = Unfollowed(self._connections)
        self._connections.totals.is_complete = False


def _multiplexes(request: HandshakeRequest, response: HandshakeResponse) -> bool:
    """Return whether a client with a listener and its agent speak smux, as the agent decides."""
    if not agent_multiplexes(request.agent_version):
        return False
    offered = response.ferryman
    if request.ferryman is not None and isinstance(offered, Extensions) and agree(offered) != AWS:
        return True
    return client_multiplexes(response.client_version)
