import json
from collections.abc import Callable
from typing import Any

import pytest

from ferryman.channel.client import ClientChannel, ClientState
from ferryman.channel.events import (
    ClientEvent,
    CustomerMessageReceived,
    FarEndFellSilent,
    FrameRejected,
    NoticeReceived,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.channel.streams.acknowledgements import WAIT
from ferryman.channel.streams.window import Window
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode
from ferryman.wire.payloads import encode_acknowledge
from tests.unit.channel.agent_service import MakeFrame


class FarEnd:
    """A node, as far as a client can tell: frames in its name, and what the client answered."""

    def __init__(self, client: ClientChannel, make_frame: MakeFrame) -> None:
        self.client = client
        self.make_frame = make_frame
        self.received: list[AgentMessage] = []

    def output(self, number: int, payload_type: int, payload: bytes | dict[str, Any], now: float = 0.0) -> None:
        self.client.receive(self.make_frame(MessageType.OUTPUT_STREAM_DATA, number, payload_type, payload), now)

    def sends(self, message_type: MessageType, payload: bytes | dict[str, Any]) -> None:
        self.client.receive(self.make_frame(message_type, 0, 0, payload), 0.0)

    def request(self, actions: list[dict[str, Any]] | None = None, **extra: Any) -> None:
        session = {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Standard_Stream"}}
        request = {"AgentVersion": "3.3.987.0", "RequestedClientActions": actions or [session], **extra}
        self.output(0, PayloadType.HANDSHAKE_REQUEST, request)

    def complete(self, message: str = "", number: int = 1) -> None:
        payload = {"HandshakeTimeToComplete": 123456789, "CustomerMessage": message}
        self.output(number, PayloadType.HANDSHAKE_COMPLETE, payload)

    def sent(self, now: float = 0.0) -> list[AgentMessage]:
        return [decode(frame) for frame in self.client.frames_to_send(now)]

    def acknowledged(self, now: float = 0.0) -> list[int]:
        frames = [message for message in self.sent(now) if message.message_type == MessageType.ACKNOWLEDGE]
        return [json.loads(message.payload)["AcknowledgedMessageSequenceNumber"] for message in frames]


@pytest.fixture
def client(entropy: Callable[[int], bytes]) -> ClientChannel:
    client = ClientChannel(entropy=entropy, wall_clock_ms=lambda: 7, client_version="1.3.1.0")
    client.connection_made(0.0)
    return client


@pytest.fixture
def far_end(client: ClientChannel, make_frame: MakeFrame) -> FarEnd:
    return FarEnd(client, make_frame)


def events(client: ClientChannel, kind: type[ClientEvent]) -> list[ClientEvent]:
    return [event for event in client.events() if isinstance(event, kind)]


def test_the_handshake_with_awss_agent(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request()
    ack, response = far_end.sent()
    assert ack.message_type == MessageType.ACKNOWLEDGE
    assert (response.message_type, response.sequence_number, response.flags) == (MessageType.INPUT_STREAM_DATA, 0, 0)
    assert response.payload_type == PayloadType.HANDSHAKE_RESPONSE
    assert json.loads(response.payload) == {
        "ClientVersion": "1.3.1.0",
        "ProcessedClientActions": [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}],
        "Errors": None,
    }
    assert client.events() == []
    assert client.state is ClientState.SHAKING_HANDS
    far_end.complete("Hello.")
    assert client.events() == [
        CustomerMessageReceived("Hello."),
        SessionStarted("Standard_Stream", None, "3.3.987.0"),
    ]
    assert far_end.acknowledged() == [1]


def test_port_properties_reach_the_driver(client: ClientChannel, far_end: FarEnd) -> None:
    properties = {"portNumber": "80", "type": "LocalPortForwarding"}
    parameters = {"SessionType": "Port", "Properties": properties}
    far_end.request([{"ActionType": "SessionType", "ActionParameters": parameters}])
    far_end.complete()
    assert client.events() == [SessionStarted("Port", properties, "3.3.987.0")]


@pytest.mark.parametrize("agreed", [True, False])
def test_digests_are_left_out_where_both_ends_agreed(client: ClientChannel, far_end: FarEnd, agreed: bool) -> None:
    far_end.request(Ferryman={"MaxPayload": 4000, "Undigested": agreed})
    assert far_end.sent()[1].payload_type == PayloadType.HANDSHAKE_RESPONSE  # its digest was checked
    far_end.complete()
    client.events()
    client.send(PayloadType.OUTPUT, b"x", 0.0)
    [sent] = [frame for frame in client.frames_to_send(0.0) if frame.endswith(b"x")]
    assert (sent[80:112] == bytes(32)) is agreed
    frame = far_end.make_frame(MessageType.OUTPUT_STREAM_DATA, 2, PayloadType.OUTPUT, b"$ ")
    client.receive(frame[:80] + bytes(32) + frame[112:], 1.0)
    [event] = client.events()
    assert isinstance(event, OutputReceived if agreed else FrameRejected)


def test_ferrymans_ends_agree_on_a_larger_payload(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request(Ferryman={"MaxPayload": 4000})
    response = json.loads(far_end.sent()[1].payload)
    assert response["Ferryman"] == {"MaxPayload": 131072, "Mux": 2, "Stdin": True, "Undigested": True, "ExitCode": True}
    far_end.complete()
    client.send(PayloadType.OUTPUT, bytes(9000), 0.0)
    assert [len(message.payload) for message in far_end.sent()] == [4000, 4000, 1000]


@pytest.mark.parametrize(
    ("offer", "mux", "stdin"),
    [
        ({}, 1, False),
        ({"Mux": 2, "Stdin": True}, 2, True),
        ({"Mux": 7, "Stdin": False, "Later": []}, 2, False),
        ({"Mux": -1}, 1, False),
    ],
)
def test_the_driver_learns_what_was_agreed(
    client: ClientChannel, far_end: FarEnd, offer: dict[str, Any], mux: int, stdin: bool
) -> None:
    far_end.request(Ferryman={"MaxPayload": 4000, **offer})
    far_end.complete()
    [started] = [event for event in client.events() if isinstance(event, SessionStarted)]
    assert (started.mux, started.stdin, started.agreed.max_payload) == (mux, stdin, 4000)


def test_awss_agent_agrees_to_nothing(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request()
    far_end.complete()
    [started] = [event for event in client.events() if isinstance(event, SessionStarted)]
    assert (started.mux, started.stdin, started.agreed.max_payload) == (1, False, 1024)


@pytest.mark.parametrize("number", [-1, 0, 1])
def test_what_ferrymans_agent_lost_is_resent_immediately(client: ClientChannel, far_end: FarEnd, number: int) -> None:
    far_end.request(Ferryman={"MaxPayload": 4000})
    far_end.complete()
    client.send(PayloadType.OUTPUT, b"a", 0.0)
    client.send(PayloadType.OUTPUT, b"b", 0.0)
    _, response, first, second = far_end.sent(1.0)
    message_id = {0: str(response.message_id), 1: str(first.message_id)}.get(number, "")
    far_end.sends(MessageType.ACKNOWLEDGE, json.loads(encode_acknowledge("", message_id, number, sequential=False)))
    again = [message for message in far_end.sent(1.0) if message.payload_type == PayloadType.OUTPUT]
    assert again == ([second] if number == 1 else [first, second])


def test_awss_agent_gets_1024_bytes_at_a_time(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request()
    far_end.complete()
    far_end.sent()
    client.send(PayloadType.OUTPUT, bytes(2500), 0.0)
    assert [(m.sequence_number, len(m.payload)) for m in far_end.sent() if m.payload_type == PayloadType.OUTPUT] == [
        (1, 1024),
        (2, 1024),
        (3, 452),
    ]


@pytest.mark.parametrize("payload_type", [PayloadType.OUTPUT, PayloadType.STD_ERR, PayloadType.EXIT_CODE])
def test_a_plain_shell_of_awss_agent_has_no_handshake(
    client: ClientChannel, far_end: FarEnd, payload_type: PayloadType
) -> None:
    far_end.output(0, payload_type, b"$ ")
    assert client.events() == [SessionStarted("Standard_Stream", None, ""), OutputReceived(0, payload_type, b"$ ")]


def test_nothing_is_sent_before_the_session_has_started(client: ClientChannel, far_end: FarEnd) -> None:
    """AWS's agent acknowledges such input and throws it away (client.md §8)."""
    assert client.capacity() == 0
    client.send(PayloadType.SIZE, b'{"cols":80,"rows":24}', 0.0)
    far_end.request()
    assert [message.payload_type for message in far_end.sent()] == [0, PayloadType.HANDSHAKE_RESPONSE]
    assert client.capacity() == 0
    far_end.complete()
    assert [message.payload_type for message in far_end.sent()] == [0, PayloadType.SIZE]
    assert 0 < client.capacity() < Window().size


def test_output_is_acknowledged_when_it_is_written(client: ClientChannel, far_end: FarEnd) -> None:
    for number, payload in enumerate([b"a", b"b", b"c"]):
        far_end.output(number, PayloadType.OUTPUT, payload)
    assert far_end.acknowledged() == []
    client.acknowledge(1, 0.0)
    assert far_end.acknowledged(WAIT) == [0, 1]
    client.acknowledge(2, 1.0)
    assert far_end.acknowledged(1.0 + WAIT) == [2]


def test_output_too_far_ahead_of_the_writer_comes_when_it_catches_up(
    entropy: Callable[[int], bytes], make_frame: MakeFrame
) -> None:
    client = ClientChannel(entropy=entropy, wall_clock_ms=lambda: 7, window=Window(100, 100))
    client.connection_made(0.0)
    far_end = FarEnd(client, make_frame)
    for number in range(4):
        far_end.output(number, PayloadType.OUTPUT, bytes(100))
    assert [event.sequence_number for event in client.events() if isinstance(event, OutputReceived)] == [0, 1]
    client.acknowledge(0, 0.0)
    assert [event.sequence_number for event in client.events() if isinstance(event, OutputReceived)] == [2]


def test_nothing_is_sent_while_disconnected_and_everything_afterwards(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.output(0, PayloadType.OUTPUT, b"$ ")
    client.send(PayloadType.OUTPUT, b"ls", 0.0)
    sent = client.frames_to_send(0.0)
    client.connection_lost(1.0)
    client.acknowledge(0, 1.0)
    client.send(PayloadType.OUTPUT, b" -l", 1.0)
    assert client.frames_to_send(5.0) == []
    assert client.next_timer() is None
    client.connection_made(9.0)
    ack, *rest = client.frames_to_send(9.0)
    assert decode(ack).message_type == MessageType.ACKNOWLEDGE
    assert rest[0] == sent[0]
    assert [decode(frame).payload for frame in rest] == [b"ls", b" -l"]


def test_acknowledgements_free_the_window(
    client: ClientChannel, far_end: FarEnd, acknowledge: Callable[[AgentMessage], bytes]
) -> None:
    far_end.output(0, PayloadType.OUTPUT, b"$ ")
    client.send(PayloadType.OUTPUT, b"ls", 0.0)
    [message] = far_end.sent()
    assert not client.all_acknowledged
    client.receive(acknowledge(message), 0.1)
    assert client.all_acknowledged
    assert client.next_timer() is None


def test_the_end_of_the_session(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.output(0, PayloadType.OUTPUT, b"$ ")
    client.send(PayloadType.OUTPUT, b"ls", 0.0)
    client.events()
    far_end.sends(MessageType.CHANNEL_CLOSED, {"Output": "Your session timed out."})
    far_end.output(1, PayloadType.OUTPUT, b"late")
    assert client.events() == [SessionEnded("Your session timed out.")]
    assert client.frames_to_send(0.0) == []
    assert client.next_timer() is None


def test_a_session_may_end_before_it_starts(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.sends(MessageType.CHANNEL_CLOSED, b"not json")
    assert client.events() == [SessionEnded("")]


@pytest.mark.parametrize("message_type", [MessageType.START_PUBLICATION, MessageType.PAUSE_PUBLICATION])
def test_publication_is_not_a_clients_business(
    client: ClientChannel, far_end: FarEnd, message_type: MessageType
) -> None:
    far_end.sends(message_type, {})
    assert client.events() == []
    client.receive(far_end.make_frame(MessageType.OUTPUT_STREAM_DATA, 0, 1, b"$ "), 0.0)
    assert len(client.events()) == 2


def test_actions_it_cannot_do_are_answered_as_such(client: ClientChannel, far_end: FarEnd) -> None:
    bogus = {"ActionType": "SessionType", "ActionParameters": {"SessionType": "Bogus"}}
    far_end.request([bogus, {"ActionType": "KMSEncryption", "ActionParameters": {"KMSKeyId": "k"}}])
    response = json.loads(far_end.sent()[1].payload)
    assert [action["ActionStatus"] for action in response["ProcessedClientActions"]] == [2, 3]
    texts = ["Failed to process action SessionType: Unknown session type Bogus", "Unsupported action KMSEncryption"]
    assert [action["Error"] for action in response["ProcessedClientActions"]] == texts
    assert response["Errors"] == texts
    far_end.complete()
    assert events(client, SessionStarted) == []


def test_a_malformed_handshake_message_is_expected_again(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.output(0, PayloadType.HANDSHAKE_REQUEST, b"{")
    [rejected] = client.events()
    assert isinstance(rejected, FrameRejected)
    assert far_end.acknowledged() == []
    far_end.request()
    far_end.complete()
    assert len(events(client, SessionStarted)) == 1


def test_handshake_messages_out_of_order_are_put_in_order(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.output(2, PayloadType.OUTPUT, b"$ ")
    far_end.complete()
    assert client.events() == []
    far_end.request()
    assert client.events() == [
        SessionStarted("Standard_Stream", None, "3.3.987.0"),
        OutputReceived(2, PayloadType.OUTPUT, b"$ "),
    ]


def test_repeated_handshakes_change_nothing(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request()
    far_end.complete()
    client.events()
    far_end.complete(number=2)
    far_end.output(3, PayloadType.HANDSHAKE_REQUEST, {"AgentVersion": "9", "RequestedClientActions": []})
    far_end.output(4, PayloadType.OUTPUT, b"$ ")
    assert [type(event) for event in client.events()] == [FrameRejected, FrameRejected, OutputReceived]
    assert [m.payload_type for m in far_end.sent() if m.message_type == MessageType.INPUT_STREAM_DATA] == [6]


@pytest.mark.parametrize("frame", [b"", b"x" * 119, b"{" * 200, bytes(120)], ids=["empty", "short", "text", "zeros"])
def test_garbage_is_rejected(client: ClientChannel, far_end: FarEnd, frame: bytes) -> None:
    client.receive(frame, 0.0)
    assert [type(event) for event in client.events()] == [FrameRejected]
    far_end.output(0, PayloadType.OUTPUT, b"$ ")
    assert len(client.events()) == 2


def test_messages_that_are_not_for_clients_are_rejected(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.sends(MessageType.AGENT_SESSION_STATE, {})
    far_end.sends(MessageType.INPUT_STREAM_DATA, b"x")
    far_end.sends(MessageType.ACKNOWLEDGE, b"{}")
    far_end.output(0, PayloadType.ENCRYPTION_CHALLENGE_REQUEST, {"Challenge": "AAAA"})
    assert [type(event) for event in client.events()] == [FrameRejected] * 4


def opened_with_our_agent(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.request(Ferryman={"MaxPayload": 131072})
    far_end.complete()
    client.events()


def test_notice_of_the_server_is_passed_on(client: ClientChannel, far_end: FarEnd) -> None:
    far_end.sends(MessageType.NOTICE, {"Text": "bob now watches this session."})
    assert client.events() == [NoticeReceived("bob now watches this session.")]


def test_node_that_is_silent_because_the_server_pauses_the_session_is_not_asked(
    client: ClientChannel, far_end: FarEnd
) -> None:
    opened_with_our_agent(client, far_end)
    far_end.sends(MessageType.NOTICE, {"Text": "Paused.", "Paused": True})
    for now in range(0, 300, 5):
        client.frames_to_send(float(now))
    assert not events(client, FarEndFellSilent)


def test_node_that_is_silent_after_a_pause_is_noticed(client: ClientChannel, far_end: FarEnd) -> None:
    opened_with_our_agent(client, far_end)
    far_end.sends(MessageType.NOTICE, {"Text": "Paused.", "Paused": True})
    far_end.sends(MessageType.NOTICE, {"Text": "It runs.", "Paused": False})
    for now in range(0, 300, 5):
        client.frames_to_send(float(now))
    assert len(events(client, FarEndFellSilent)) == 1
