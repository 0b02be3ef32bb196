"""The connections of port sessions, from the messages of Ferryman's and AWS's ends; frames may be cut anywhere."""

import copy
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ferryman.channel.mux.session import MuxSession, Role
from ferryman.channel.negotiation import OURS
from ferryman.recording.session.message_order import HELD_BYTES
from ferryman.server.channels.traffic import connection_list, port_traffic
from ferryman.server.channels.traffic.following import Multiplexed
from ferryman.server.channels.traffic.port_traffic import PortTraffic
from ferryman.server.channels.traffic.smux_follower import MOST_FRAMES
from ferryman.wire.agent_message import AgentMessage, Flag, MessageType, PayloadType, encode
from ferryman.wire.payloads import (
    Extensions,
    HandshakeRequest,
    HandshakeResponse,
    ProcessedAction,
    encode_flag,
    encode_payload,
)
from ferryman.wire.smux import WINDOWED_VERSION, Command, SmuxFrame
from ferryman.wire.smux import encode as encode_frame

AWS_AGENT, AWS_CLIENT, OLD_CLIENT = "3.3.0.0", "1.2.600.0", "1.1.61.0"


class Session:
    """Two ends of a port session, whose messages a `PortTraffic` sees."""

    def __init__(self, *, forwards: bool = True, from_start: bool = True) -> None:
        self.events: list[dict[str, Any]] = []
        self.traffic = PortTraffic(self.events.append, forwards=forwards, from_start=from_start)
        self.numbers = {True: 0, False: 0}
        self.held: list[tuple[int, bytes]] | None = None
        """Messages that were sent and not seen, if they are held back."""

    def send(self, payload: bytes, *, from_client: bool, kind: PayloadType = PayloadType.OUTPUT) -> None:
        number = self.numbers[from_client]
        self.numbers[from_client] += 1
        message_type = MessageType.INPUT_STREAM_DATA if from_client else MessageType.OUTPUT_STREAM_DATA
        frame = encode(AgentMessage(message_type, number, 0, uuid.UUID(int=0), 1, kind, payload))
        if self.held is not None:
            self.held.append((number, frame))
        else:
            (self.traffic.from_client if from_client else self.traffic.from_node)(number, frame)

    def shake_hands(self, agent: str, client: str, ours: Extensions | None = None) -> None:
        request = HandshakeRequest(agent, [], ours)
        self.send(encode_payload(request), from_client=False, kind=PayloadType.HANDSHAKE_REQUEST)
        action = ProcessedAction("SessionType", 1)
        response = HandshakeResponse(client, [action], ferryman=ours)
        self.send(encode_payload(response), from_client=True, kind=PayloadType.HANDSHAKE_RESPONSE)

    def said(self, state: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["state"] == state]


class Smux:
    """Two smux sessions that talk through a session, in messages of `size` bytes."""

    def __init__(self, session: Session, version: int, size: int) -> None:
        self.session = session
        self.size = size
        self.client, self.server = MuxSession(Role.CLIENT, version), MuxSession(Role.SERVER, version)

    def carry(self) -> None:
        pieces = True
        while pieces:
            pieces = False
            for sender, receiver, up in ((self.client, self.server, True), (self.server, self.client, False)):
                for piece in self._pieces(sender):
                    pieces = True
                    self.session.send(piece, from_client=up)
                    receiver.receive(piece)

    def _pieces(self, sender: MuxSession) -> Iterator[bytes]:
        data = b""
        while more := sender.data_to_send(1 << 20):
            data += more
        yield from (data[at : at + self.size] for at in range(0, len(data), self.size))


@pytest.fixture(params=[(1, 1024), (1, 5), (2, 131072), (2, 3)], ids=["aws", "aws, cut", "ours", "ours, cut"])
def smux(request: pytest.FixtureRequest) -> Smux:
    version, size = request.param
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS if version == 2 else None)
    return Smux(session, version, size)


def test_each_stream_is_a_connection_with_its_bytes(smux: Smux) -> None:
    first, second = smux.client.open(), smux.client.open()
    smux.client.write(first, b"x" * 3000)
    smux.carry()
    smux.server.write(first, b"y" * 70)
    smux.client.write(second, b"z")
    smux.carry()
    smux.server.finish(second)
    smux.client.finish(first)
    smux.carry()
    smux.server.finish(first)
    smux.client.finish(second)
    smux.carry()
    assert [event["connection"] for event in smux.session.said("opened")] == [1, 2]
    closed = {event["connection"]: event for event in smux.session.said("closed")}
    assert closed[1] == {"state": "closed", "connection": 1, "by": "client", "sent": 3000, "received": 70}
    assert closed[2] == {"state": "closed", "connection": 2, "by": "node", "sent": 1, "received": 0}
    totals = smux.session.traffic.close()
    assert (totals.opened, totals.sent, totals.received, totals.is_complete) == (2, 3001, 70, True)


def test_half_closed_stream_is_open_until_the_other_half_is_closed() -> None:
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS)
    smux = Smux(session, 2, 1024)
    stream = smux.client.open()
    smux.client.finish(stream)
    smux.carry()
    assert not session.said("closed")
    smux.server.write(stream, b"answer")
    smux.server.finish(stream)
    smux.carry()
    (closed,) = session.said("closed")
    assert (closed["by"], closed["received"]) == ("client", 6)


def test_awss_stream_is_closed_by_the_first_end_that_finishes_it() -> None:
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT)
    smux = Smux(session, 1, 1024)
    stream = smux.client.open()
    smux.carry()
    smux.server.finish(stream)
    data = smux.server.data_to_send(1024)
    session.send(data, from_client=False)
    assert [event["by"] for event in session.said("closed")] == ["node"]


def test_reset_stream_has_the_nodes_reason_on_one_line() -> None:
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS)
    smux = Smux(session, 2, 1024)
    stream = smux.client.open()
    smux.carry()
    session.send(encode_flag(Flag.CONNECT_TO_PORT_ERROR), from_client=False, kind=PayloadType.FLAG)
    smux.server.reset(stream, "connection\nrefused\x1b[2J")
    smux.carry()
    (closed,) = session.said("closed")
    assert closed["by"] == "node"
    assert closed["reason"].startswith("connection refused")
    assert closed["reason"].isprintable()
    assert session.traffic.close().refused == 1


@pytest.fixture
def windowed() -> Session:
    """A session whose ends are ours, to which frames of any kind are sent by `frames`."""
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS)
    return session


def frames(session: Session, *each: SmuxFrame, from_client: bool = True) -> None:
    session.send(b"".join(encode_frame(one, WINDOWED_VERSION) for one in each), from_client=from_client)


def test_reason_of_a_reset_is_cut(windowed: Session) -> None:
    frames(windowed, SmuxFrame(Command.SYN, 1), SmuxFrame(Command.RST, 1, b"x" * 60_000))
    assert [event["reason"] for event in windowed.said("closed")] == ["x" * connection_list.LONGEST_REASON]


def test_stream_is_open_until_both_ends_have_finished_it(windowed: Session) -> None:
    """Whatever else is sent, and however often."""
    frames(windowed, *[SmuxFrame(Command.SYN, 1)] * 2, SmuxFrame(Command.FIN, 1), SmuxFrame(Command.NOP, 1))
    frames(windowed, *[SmuxFrame(Command.NOP, 1), SmuxFrame(Command.UPD, 1, bytes(8))] * 2, from_client=False)
    frames(windowed, SmuxFrame(Command.FIN, 1))
    assert (len(windowed.said("opened")), windowed.said("closed")) == (1, [])
    frames(windowed, SmuxFrame(Command.FIN, 1), from_client=False)
    assert [event["by"] for event in windowed.said("closed")] == ["client"]
    assert windowed.traffic.close().opened == 1


@pytest.mark.parametrize("from_client", [True, False])
def test_message_of_nothing_but_headers_is_not_read_to_its_end(windowed: Session, from_client: bool) -> None:
    """A message has up to 1 MiB, which would be 131,072 of them."""
    for _ in range(20):
        frames(windowed, *[SmuxFrame(Command.NOP, 0)] * (MOST_FRAMES - 1), from_client=from_client)
    many = [SmuxFrame(Command.PSH, 0, b"x")] * MOST_FRAMES
    frames(windowed, *many, from_client=from_client)
    frames(windowed, *many, from_client=from_client)
    totals = windowed.traffic.close()
    assert not totals.is_complete
    assert totals.sent + totals.received == 10 * MOST_FRAMES  # the second message is counted whole


@pytest.mark.parametrize("from_client", [True, False])
def test_messages_that_waited_have_together_no_more_headers_than_one(windowed: Session, from_client: bool) -> None:
    windowed.held = []
    for each in (1, *[MOST_FRAMES // 2] * 4):
        frames(windowed, *[SmuxFrame(Command.NOP, 0)] * each, from_client=from_client)
    receive = windowed.traffic.from_client if from_client else windowed.traffic.from_node
    (first, *rest), windowed.held = windowed.held, None
    for number, frame in rest:
        receive(number, frame)
    receive(*first)
    frames(windowed, SmuxFrame(Command.SYN, 1))
    totals = windowed.traffic.close()
    assert (totals.opened, totals.is_complete) == (0, False)


def test_streams_that_are_not_listed_take_no_memory(windowed: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those after the most that are listed, nor those that were never opened."""
    monkeypatch.setattr(connection_list, "MOST_LISTED", 2)
    for from_client in (True, False):
        for stream in range(100):
            frames(
                windowed, SmuxFrame(Command.SYN, stream), SmuxFrame(Command.PSH, stream, b"x"), from_client=from_client
            )
    following = windowed.traffic._following
    assert isinstance(following, Multiplexed)
    assert len(following._streams) == len(following._client.sizes) == len(following._node.sizes) == 2
    assert windowed.traffic.close().sent == 100


@pytest.mark.parametrize(
    ("agent", "client", "ours"),
    [("2.3.0.0", AWS_CLIENT, None), (AWS_AGENT, OLD_CLIENT, None), (AWS_AGENT, OLD_CLIENT, Extensions(1024))],
)
def test_ends_that_do_not_multiplex_have_one_connection_after_another(
    agent: str, client: str, ours: Extensions | None
) -> None:
    session = Session()
    session.shake_hands(agent, client, ours)
    session.send(b"banner", from_client=False)
    session.send(bytes.fromhex("0100000003000000"), from_client=True)  # looks like the SYN of a stream
    session.send(encode_flag(Flag.DISCONNECT_TO_PORT), from_client=True, kind=PayloadType.FLAG)
    session.send(b"late", from_client=False)
    session.send(b"again", from_client=True)
    totals = session.traffic.close()
    assert session.said("closed") == [
        {"state": "closed", "connection": 1, "by": "client", "sent": 8, "received": 6},
        {"state": "closed", "connection": 2, "by": "session", "sent": 5, "received": 0},
    ]
    assert (totals.opened, totals.sent, totals.received, totals.is_complete) == (2, 13, 10, True)


def test_session_without_a_listener_has_one_connection() -> None:
    session = Session(forwards=False)
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS)
    session.send(b"SSH-2.0", from_client=False)
    session.send(b"SSH-2.0-x", from_client=True)
    assert session.traffic.close().opened == 1
    assert [event["state"] for event in session.events] == ["opened", "closed"]


def test_messages_count_once_and_in_order(smux: Smux) -> None:
    stream = smux.client.open()
    smux.client.write(stream, b"x" * 2000)
    frames = smux.session.held = []
    smux.carry()
    for number, frame in [*reversed(frames), *frames, frames[0]]:
        smux.session.traffic.from_client(number, frame)
    smux.session.traffic.close()
    (closed,) = smux.session.said("closed")
    assert (closed["sent"], closed["by"]) == (2000, "session")


def test_list_ends_after_the_most_and_totals_go_on(smux: Smux, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_list, "MOST_LISTED", 3)
    for _ in range(10):
        stream = smux.client.open()
        smux.client.write(stream, b"x")
        smux.carry()
    totals = smux.session.traffic.close()
    assert (totals.opened, totals.listed, totals.sent, totals.is_complete) == (10, 3, 10, True)
    assert len(smux.session.said("opened")) == len(smux.session.said("closed")) == 3
    assert smux.session.said("unlisted") == [{"state": "unlisted", "listed": 3}]


def test_answer_that_was_not_asked_for_makes_the_list_incomplete() -> None:
    session = Session()
    answer = encode_payload(HandshakeResponse(OLD_CLIENT, [ProcessedAction("SessionType", 1)]))
    session.send(answer, from_client=True, kind=PayloadType.HANDSHAKE_RESPONSE)
    session.shake_hands(AWS_AGENT, AWS_CLIENT)
    session.send(b"x", from_client=True)
    totals = session.traffic.close()
    assert (totals.opened, totals.sent, totals.is_complete) == (0, 1, False)


@pytest.mark.parametrize(("agent", "client"), [(500, 0), (0, 500)])
def test_handshake_that_is_too_long_is_not_read(monkeypatch: pytest.MonkeyPatch, agent: int, client: int) -> None:
    monkeypatch.setattr(port_traffic, "LONGEST_HANDSHAKE", 500)
    session = Session()
    session.shake_hands(AWS_AGENT.ljust(agent, "0"), AWS_CLIENT.ljust(client, "0"))
    session.send(b"x", from_client=True)
    assert not session.traffic.close().is_complete


def test_agent_that_offers_no_extensions_goes_by_the_clients_version() -> None:
    session = Session()
    request = HandshakeRequest(AWS_AGENT, [])
    session.send(encode_payload(request), from_client=False, kind=PayloadType.HANDSHAKE_REQUEST)
    answer = encode_payload(HandshakeResponse(OLD_CLIENT, [ProcessedAction("SessionType", 1)], ferryman=OURS))
    session.send(answer, from_client=True, kind=PayloadType.HANDSHAKE_RESPONSE)
    session.send(b"x", from_client=True)
    totals = session.traffic.close()
    assert (totals.opened, totals.is_complete) == (1, True)


@pytest.mark.parametrize("data", ["0300000003000000", "0104000003000000", "01000000030000000200000005000000"])
def test_what_is_not_smux_is_only_counted(data: str) -> None:
    session = Session()
    session.shake_hands(AWS_AGENT, AWS_CLIENT)
    session.send(bytes.fromhex(data), from_client=True)
    session.send(b"more", from_client=True)
    session.send(b"back", from_client=False)
    totals = session.traffic.close()
    assert not totals.is_complete
    assert (totals.sent, totals.received) == (4, 4)


def test_session_that_is_under_way_is_only_counted_until_another_client_joins() -> None:
    session = Session(from_start=False)
    session.traffic.client_attached("one")
    session.traffic.publication("one")
    session.numbers = {True: 700, False: 900}
    session.send(b"x" * 10, from_client=True)
    session.send(b"y" * 20, from_client=False)
    session.traffic.client_attached("two")
    session.traffic.publication("two")
    session.numbers = {True: 0, False: 0}
    session.shake_hands(AWS_AGENT, AWS_CLIENT, OURS)
    smux = Smux(session, 2, 1024)
    smux.client.open()
    smux.carry()
    totals = session.traffic.close()
    assert (totals.opened, totals.sent, totals.received, totals.is_complete) == (1, 10, 20, False)


def test_another_client_ends_the_connections_of_the_one_before(smux: Smux) -> None:
    """Both directions are counted from 0 again, and what the one before left open decides nothing."""
    session, traffic = smux.session, smux.session.traffic
    traffic.client_attached("one")
    traffic.publication("one")
    smux.client.open()
    smux.carry()
    session.send(b"", from_client=True, kind=PayloadType.HANDSHAKE_RESPONSE)
    session.send(encode_payload(HandshakeRequest(AWS_AGENT, [])), from_client=False, kind=PayloadType.HANDSHAKE_REQUEST)
    traffic.client_attached("two")
    assert [event["by"] for event in session.said("closed")] == ["other-client"]
    traffic.publication("two")
    session.numbers = {True: 0, False: 0}
    session.shake_hands("2.3.0.0", AWS_CLIENT)
    session.send(b"one", from_client=True)
    session.send(b"answer", from_client=False)
    totals = traffic.close()
    assert (totals.opened, totals.sent, totals.received, totals.is_complete) == (2, 3, 6, True)


def test_request_for_the_client_before_is_not_answered_by_the_next() -> None:
    session = Session()
    session.traffic.client_attached("one")
    session.send(encode_payload(HandshakeRequest(AWS_AGENT, [])), from_client=False, kind=PayloadType.HANDSHAKE_REQUEST)
    session.traffic.client_attached("two")
    session.numbers[True] = 0
    answer = encode_payload(HandshakeResponse(AWS_CLIENT, [ProcessedAction("SessionType", 1)]))
    session.send(answer, from_client=True, kind=PayloadType.HANDSHAKE_RESPONSE)
    session.send(b"x", from_client=True)
    assert not session.traffic.close().is_complete


@pytest.mark.parametrize("from_client", [True, False])
def test_missing_message_makes_the_list_incomplete_and_holds_little(windowed: Session, from_client: bool) -> None:
    """Whatever comes behind it: a list that goes on with what can be read again might leave something out."""
    frames(windowed, SmuxFrame(Command.SYN, 1))
    windowed.numbers[from_client] += 1
    frames(windowed, SmuxFrame(Command.PSH, 1), from_client=from_client)
    assert not copy.deepcopy(windowed.traffic).close().is_complete
    windowed.events.clear()
    for _ in range(HELD_BYTES // 60_000 + 2):
        frames(windowed, SmuxFrame(Command.PSH, 1, bytes(60_000)), from_client=from_client)
    assert [event["by"] for event in windowed.said("closed")] == ["session"]
    frames(windowed, SmuxFrame(Command.SYN, 3))
    totals = windowed.traffic.close()
    assert (totals.opened, totals.is_complete) == (1, False)
    assert max(totals.sent, totals.received) > HELD_BYTES - 60_000
