"""The agent's engine: publication, input and output, clients that replace each other, the end."""

import json

import pytest

from ferryman.channel.events import (
    ClientReady,
    ClientReplaced,
    FrameRejected,
    InputReceived,
    PublicationPaused,
    PublicationStarted,
    SessionEnded,
)
from ferryman.channel.publication import PublicationState
from ferryman.channel.streams.acknowledgements import WAIT
from ferryman.wire.agent_message import FrameFlag, MessageType, PayloadType, decode
from tests.unit.channel.agent_service import FERRYMAN, Make, Service, state, streamed


def test_until_a_client_is_there_only_the_state_is_announced(service: Service) -> None:
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    [announcement] = service.sent()
    assert announcement.message_type == MessageType.AGENT_SESSION_STATE
    assert (announcement.flags, announcement.sequence_number) == (3, 0)
    assert json.loads(announcement.payload) == state()
    assert service.sent(60.0) == []
    assert service.agent.next_timer() is None
    assert service.agent.publication is PublicationState.AWAITED


def test_input_is_acknowledged_when_it_is_with_the_program(service: Service) -> None:
    service.shake_hands()
    service.input(1, PayloadType.SIZE, {"cols": 80, "rows": 24})
    service.input(2, PayloadType.OUTPUT, b"ls\r")
    size, typed = service.agent.events()
    assert isinstance(size, InputReceived)
    assert typed == InputReceived(2, PayloadType.OUTPUT, b"ls\r")
    assert service.sent() == []
    service.agent.acknowledge(size.sequence_number, 0.0)
    service.agent.acknowledge(2, 0.0)
    assert service.sent() == [], "both wait for others"
    numbers = [json.loads(message.payload)["AcknowledgedMessageSequenceNumber"] for message in service.sent(WAIT)]
    assert numbers == [1, 2]


def test_a_pause_stops_everything_but_acknowledgements(service: Service) -> None:
    service.shake_hands()
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    assert streamed(service.sent()) == [b"one"]
    service.pause()
    service.agent.send(PayloadType.OUTPUT, b"two", 0.0)
    service.input(1, PayloadType.OUTPUT, b"x")
    service.agent.acknowledge(1, 0.0)
    assert [message.message_type for message in service.sent(60.0)] == [MessageType.ACKNOWLEDGE]
    assert service.agent.next_timer() is None
    assert service.agent.publication is PublicationState.PAUSED
    assert PublicationPaused() in service.agent.events()


def test_a_pause_holds_no_acknowledgement_back_longer(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.pause()
    service.input(1, PayloadType.OUTPUT, b"x", 1.0)
    service.agent.acknowledge(1, 1.0)
    assert service.sent(1.0) == []
    due = service.agent.next_timer()
    assert due is not None
    assert due == pytest.approx(1.0 + WAIT)
    assert [message.message_type for message in service.sent(due)] == [MessageType.ACKNOWLEDGE]


def test_the_same_client_gets_what_it_has_not_acknowledged_behind_a_marker(service: Service) -> None:
    service.shake_hands()
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    before = service.agent.frames_to_send(0.0)
    service.pause()
    service.agent.send(PayloadType.OUTPUT, b"two", 0.0)
    service.agent.events()
    service.start("c-1", now=30.0)
    frames = service.agent.frames_to_send(30.0)
    marker = decode(frames[0])
    assert json.loads(marker.payload) == state("c-1")
    assert frames[1] == before[0]
    assert streamed([decode(frame) for frame in frames]) == [b"one", b"two"]
    assert service.agent.events() == [PublicationStarted("c-1")]


def test_awss_client_gets_one_handshake_only(service: Service) -> None:
    """However often it comes back: its third HandshakeComplete would stop it (`protocol/client.md` §12.2)."""
    service.shake_hands()
    sent = []
    for number in range(3):
        service.pause()
        service.agent.connection_lost(float(number))
        service.agent.connection_made(float(number))
        service.agent.send(PayloadType.OUTPUT, b"again", float(number))
        service.start("c-1", now=float(number))
        sent += service.sent(float(number))
    handshake = (PayloadType.HANDSHAKE_REQUEST, PayloadType.HANDSHAKE_COMPLETE)
    assert [message for message in sent if message.payload_type in handshake] == []
    assert streamed(sent)[:1] == [b"again"]


def test_a_server_that_names_no_client_means_the_same_client(service: Service) -> None:
    service.shake_hands()
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    service.sent()
    service.start(None)
    assert streamed(service.sent()) == [b"one"]
    assert service.agent.events() == [PublicationStarted(None)]


def test_another_client_gets_the_unacknowledged_output_in_a_new_epoch(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    for payload in (b"seen", b"perhaps seen", b"unsent"):
        service.agent.send(PayloadType.OUTPUT, payload, 0.0)
        if payload == b"seen":
            [message] = service.sent()
            service.acknowledge(message)
    service.agent.events()

    service.start("c-2")
    marker, request = service.sent()
    assert json.loads(marker.payload) == state("c-2", delivered=4)
    assert (request.sequence_number, request.flags, request.payload_type) == (0, FrameFlag.SYN, 5)
    assert service.agent.events() == [ClientReplaced("c-2")]
    service.respond()
    _, complete, *output = service.sent()
    assert (complete.sequence_number, complete.payload_type) == (1, PayloadType.HANDSHAKE_COMPLETE)
    assert [(message.sequence_number, message.payload) for message in output] == [(2, b"perhaps seen"), (3, b"unsent")]
    assert service.agent.events() == [ClientReady("1.2.707.0")]


def test_another_client_gets_nothing_of_a_former_ones_connections(make: Make) -> None:
    service = make("Port", {"portNumber": "22"})
    service.shake_hands(**FERRYMAN)
    service.agent.send(PayloadType.OUTPUT, b"of a connection", 0.0)
    service.sent()
    service.start("c-2")
    service.sent()
    service.respond(**FERRYMAN)
    assert not streamed(service.sent())
    service.agent.send(PayloadType.OUTPUT, b"of the next", 0.0)
    assert streamed(service.sent()) == [b"of the next"]


def test_output_for_a_large_client_is_split_for_a_small_one(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.agent.send(PayloadType.OUTPUT, bytes(2000), 0.0)
    assert [len(payload) for payload in streamed(service.sent())] == [2000]
    capacity = service.agent.capacity()
    service.start("c-2")
    assert 0 < capacity - service.agent.capacity() < 500, "held output still fills the window, and a request with it"
    service.sent()
    service.respond()
    assert [len(payload) for payload in streamed(service.sent())] == [1024, 976]


def test_a_former_clients_acknowledgements_do_nothing(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    [former] = service.sent()
    service.start("c-2")
    service.respond()
    service.sent()
    service.acknowledge(former)
    assert former.sequence_number == 2
    assert not service.agent.all_acknowledged
    service.agent.connection_lost(1.0)
    service.agent.connection_made(2.0)
    service.start("c-2", now=2.0)
    assert streamed(service.sent(2.0)) == [b"one"]


def test_acknowledging_a_former_clients_input_does_nothing(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.input(1, PayloadType.OUTPUT, b"former")
    [former] = service.agent.events()
    service.start("c-2")
    service.respond()
    service.input(1, PayloadType.OUTPUT, b"present")
    service.sent()
    present = service.agent.events()[-1]
    assert isinstance(former, InputReceived)
    assert isinstance(present, InputReceived)
    assert former.sequence_number < present.sequence_number
    service.agent.acknowledge(former.sequence_number, 0.0)
    assert service.sent() == []
    service.agent.acknowledge(present.sequence_number, 0.0)
    [ack] = service.sent(WAIT)
    assert json.loads(ack.payload)["AcknowledgedMessageSequenceNumber"] == 1


def test_a_client_replaced_in_the_middle_of_its_handshake(service: Service) -> None:
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    service.start("c-1")
    service.sent()
    service.start("c-2")
    assert [message.payload_type for message in service.sent()] == [0, PayloadType.HANDSHAKE_REQUEST]
    service.respond()
    assert streamed(service.sent()) == [b"$ "]


def test_back_on_a_new_connection_ferrymans_client_is_asked_for_what_was_lost(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.input(1, PayloadType.OUTPUT, b"typed")
    service.agent.acknowledge(1, 0.0)
    service.sent(1.0)
    service.sent(2.0)
    service.agent.connection_lost(3.0)
    service.agent.connection_made(4.0)
    service.sent(4.0)
    service.start()
    asked = [message for message in service.sent(4.0) if message.message_type == MessageType.ACKNOWLEDGE]
    [payload] = [json.loads(message.payload) for message in asked]
    assert (payload["AcknowledgedMessageSequenceNumber"], payload["IsSequentialMessage"]) == (1, False)
    service.pause()
    service.start()
    assert [message.message_type for message in service.sent(5.0)] == [MessageType.AGENT_SESSION_STATE], "asked once"


def test_awss_client_is_asked_for_nothing(service: Service) -> None:
    service.shake_hands()
    service.agent.connection_lost(3.0)
    service.agent.connection_made(4.0)
    service.start()
    assert MessageType.ACKNOWLEDGE not in [message.message_type for message in service.sent(4.0)]


def test_at_the_end_no_acknowledgement_is_held_back(service: Service) -> None:
    service.shake_hands(**FERRYMAN)
    service.input(1, PayloadType.OUTPUT, b"exit")
    service.agent.acknowledge(1, 1.0)
    assert service.sent(1.0) == []
    service.agent.announce_termination()
    assert MessageType.ACKNOWLEDGE in [message.message_type for message in service.sent(1.0)]


def test_a_new_connection_waits_for_publication_then_resends(service: Service) -> None:
    service.shake_hands()
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    service.sent()
    service.agent.connection_lost(1.0)
    assert service.sent(2.0) == []
    service.agent.connection_made(3.0)
    assert [message.message_type for message in service.sent(3.0)] == [MessageType.AGENT_SESSION_STATE]
    service.start("c-1", now=4.0)
    assert streamed(service.sent(4.0)) == [b"one"]


def test_the_end_of_the_program_is_announced(service: Service) -> None:
    service.sent()
    service.agent.announce_termination()
    [announcement] = service.sent()
    assert json.loads(announcement.payload) == state(name="Terminating")


def test_the_end_of_the_session(service: Service) -> None:
    service.shake_hands()
    service.agent.send(PayloadType.OUTPUT, b"one", 0.0)
    payload = {"SessionId": "s-1", "Output": "ended by an administrator"}
    service.agent.receive(service.make_frame(MessageType.CHANNEL_CLOSED, 0, 0, payload), 0.0)
    service.input(1, PayloadType.OUTPUT, b"late")
    assert service.agent.events() == [SessionEnded("ended by an administrator")]
    assert service.sent() == []
    assert service.agent.next_timer() is None


@pytest.mark.parametrize("frame", [b"", b"x" * 119, b"{" * 200, bytes(120)], ids=["empty", "short", "text", "zeros"])
def test_garbage_is_rejected(service: Service, frame: bytes) -> None:
    service.agent.receive(frame, 0.0)
    assert [type(event) for event in service.agent.events()] == [FrameRejected]


def test_messages_that_are_not_for_nodes_are_rejected(service: Service) -> None:
    service.shake_hands()
    for message_type in (MessageType.OUTPUT_STREAM_DATA, MessageType.AGENT_SESSION_STATE, MessageType.ACKNOWLEDGE):
        service.agent.receive(service.make_frame(message_type, 0, 0, {}), 0.0)
    service.input(1, PayloadType.HANDSHAKE_RESPONSE, b"{")
    service.respond(1)
    assert [type(event) for event in service.agent.events()] == [FrameRejected] * 5
