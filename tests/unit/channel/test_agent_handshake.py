"""The agent's engine up to the end of the handshake: what is agreed, with whom, and when there is none."""

import json
from typing import Any

import pytest

from ferryman.channel.agent_handshake import HandshakeState
from ferryman.channel.current_client import QUIET
from ferryman.channel.events import (
    ClientReady,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    PublicationStarted,
)
from ferryman.wire.agent_message import FrameFlag, MessageType, PayloadType
from tests.unit.channel.agent_service import FERRYMAN, Make, Service, state, streamed


def test_the_handshake_with_awss_client(service: Service) -> None:
    service.sent()
    service.start(now=1.0)
    service.agent.send(PayloadType.OUTPUT, b"$ ", 1.0)
    marker, request = service.sent(1.0)
    assert json.loads(marker.payload) == state("c-1")
    assert (request.sequence_number, request.flags) == (0, FrameFlag.SYN)
    assert json.loads(request.payload) == {
        "AgentVersion": "4.0.1.0",
        "RequestedClientActions": [
            {
                "ActionType": "SessionType",
                "ActionParameters": {"SessionType": "Standard_Stream", "Properties": None},
            }
        ],
        "Ferryman": {"MaxPayload": 131072, "Mux": 2, "Stdin": True, "Undigested": True, "ExitCode": True},
    }
    service.respond(now=1.1)
    ack, complete, output = service.sent(1.1)
    assert ack.message_type == MessageType.ACKNOWLEDGE, "before HandshakeComplete (client.md §12.1)"
    assert (complete.sequence_number, complete.payload_type) == (1, PayloadType.HANDSHAKE_COMPLETE)
    assert json.loads(complete.payload) == {
        "HandshakeTimeToComplete": pytest.approx(100_000_000, abs=1),
        "CustomerMessage": "",
    }
    assert (output.sequence_number, output.flags, output.payload) == (2, 0, b"$ ")
    assert service.agent.events() == [PublicationStarted("c-1"), ClientReady("1.2.707.0")]
    assert service.agent.handshake is HandshakeState.DONE


def test_awss_client_gets_1024_bytes_at_a_time_ferrymans_what_it_takes(make: Make) -> None:
    aws, own = make(), make()
    aws.shake_hands()
    own.shake_hands(Ferryman={"MaxPayload": 3000})
    for service in (aws, own):
        service.agent.send(PayloadType.OUTPUT, bytes(4000), 0.0)
    assert [len(payload) for payload in streamed(aws.sent())] == [1024, 1024, 1024, 928]
    assert [len(payload) for payload in streamed(own.sent())] == [3000, 1000]


@pytest.mark.parametrize("limit", [0, -5, 10**9])
def test_a_clients_strange_limit_is_brought_into_bounds(service: Service, limit: int) -> None:
    service.shake_hands(Ferryman={"MaxPayload": limit})
    service.agent.send(PayloadType.OUTPUT, bytes(140_000), 0.0)
    sizes = {len(payload) for payload in streamed(service.sent())}
    assert sizes == ({1} if limit < 1 else {131072, 8928})


@pytest.mark.parametrize(
    ("offer", "mux", "stdin"),
    [
        ({}, 1, False),
        ({"Mux": 2, "Stdin": True}, 2, True),
        ({"Mux": 7, "Stdin": False, "Later": []}, 2, False),
        ({"Mux": -1}, 1, False),
    ],
)
def test_the_driver_learns_what_was_agreed(service: Service, offer: dict[str, Any], mux: int, stdin: bool) -> None:
    service.start()
    service.sent()
    service.respond(Ferryman={"MaxPayload": 65536, **offer})
    [ready] = [event for event in service.agent.events() if isinstance(event, ClientReady)]
    assert (ready.mux, ready.stdin, ready.agreed.max_payload) == (mux, stdin, 65536)


def test_awss_client_agrees_to_nothing(service: Service) -> None:
    service.start()
    service.respond()
    [ready] = [event for event in service.agent.events() if isinstance(event, ClientReady)]
    assert (ready.mux, ready.stdin, ready.agreed.max_payload) == (1, False, 1024)


def spoilt(frame: bytes) -> bytes:
    """A frame with a wrong PayloadDigest."""
    return frame[:80] + bytes(32) + frame[112:]


def test_digests_are_left_out_where_both_ends_agreed(service: Service) -> None:
    service.shake_hands(Ferryman={"MaxPayload": 4000, "Undigested": True})
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    [frame] = service.agent.frames_to_send(0.0)
    assert frame[80:112] == bytes(32)
    service.agent.receive(spoilt(service.make_frame(MessageType.INPUT_STREAM_DATA, 1, PayloadType.OUTPUT, b"x")), 0.0)
    assert service.agent.events() == [InputReceived(1, PayloadType.OUTPUT, b"x")]


def test_the_next_client_gets_digests_and_must_send_them(service: Service) -> None:
    service.shake_hands(Ferryman={"MaxPayload": 4000, "Undigested": True})
    service.start("c-2")
    _marker, request = service.sent()  # which checks the digests
    assert request.payload_type == PayloadType.HANDSHAKE_REQUEST
    service.agent.events()
    response = service.make_frame(MessageType.INPUT_STREAM_DATA, 0, PayloadType.HANDSHAKE_RESPONSE, {})
    service.agent.receive(spoilt(response), 0.0)
    assert isinstance(service.agent.events()[0], FrameRejected)
    service.respond()
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    assert streamed(service.sent())[-1] == b"$ "


@pytest.mark.parametrize("offer", [{}, {"Ferryman": {"MaxPayload": 4000}}])
def test_digests_are_made_and_checked_unless_it_was_agreed(service: Service, offer: dict[str, Any]) -> None:
    service.shake_hands(**offer)
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    assert streamed(service.sent()) == [b"$ "]
    service.agent.receive(spoilt(service.make_frame(MessageType.INPUT_STREAM_DATA, 1, PayloadType.OUTPUT, b"x")), 0.0)
    assert isinstance(service.agent.events()[0], FrameRejected)


def test_a_refusal(service: Service) -> None:
    service.start()
    service.sent()
    service.respond(status=2, error="Unknown session type")
    assert service.agent.events()[1:] == [HandshakeRefused("Unknown session type")]
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    assert streamed(service.sent()) == []
    assert service.agent.handshake is HandshakeState.REFUSED


def test_a_response_without_actions_is_a_refusal(service: Service) -> None:
    service.start()
    service.input(0, PayloadType.HANDSHAKE_RESPONSE, {"ClientVersion": "1", "ProcessedClientActions": []})
    assert isinstance(service.agent.events()[-1], HandshakeRefused)


def test_a_client_that_sends_without_shaking_hands_is_heard(service: Service) -> None:
    service.start()
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    assert streamed(service.sent()) == []
    service.input(0, PayloadType.SIZE, {"cols": 80, "rows": 24})
    started, ready, size = service.agent.events()
    assert (started, ready) == (PublicationStarted("c-1"), ClientReady(""))
    assert isinstance(size, InputReceived)
    assert streamed(service.sent()) == [b"$ "]
    wrong = service.make_frame(MessageType.INPUT_STREAM_DATA, 1, PayloadType.OUTPUT, b"typed")
    service.agent.receive(wrong[:80] + bytes(32) + wrong[112:], 0.0)
    assert service.agent.events() == [InputReceived(1, PayloadType.OUTPUT, b"typed")]
    service.start("c-2")
    service.agent.events()
    service.agent.receive(wrong[:80] + bytes(32) + wrong[112:], 0.0)
    assert isinstance(service.agent.events()[0], FrameRejected)


@pytest.mark.parametrize("session_type", ["Standard_Stream", "InteractiveCommands"])
def test_a_client_that_expects_no_handshake_gets_a_shell_without(make: Make, session_type: str) -> None:
    service = make(session_type)
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    service.start(Handshake=False)
    assert service.agent.events() == [PublicationStarted("c-1"), ClientReady("")]
    sent = [message for message in service.sent() if message.message_type == MessageType.OUTPUT_STREAM_DATA]
    assert [(each.sequence_number, each.payload_type, each.payload) for each in sent] == [
        (0, PayloadType.OUTPUT, b""),  # AWS's client tells its size once it has output
        (1, PayloadType.OUTPUT, b"$ "),
    ]
    assert service.agent.handshake is HandshakeState.DONE


def test_another_client_that_expects_a_handshake_gets_one(service: Service) -> None:
    service.start(Handshake=False)
    service.sent()
    service.start("c-2", Handshake=True)
    assert PayloadType.HANDSHAKE_REQUEST in [message.payload_type for message in service.sent()]


@pytest.mark.parametrize("session_type", ["Port", "NonInteractiveCommands"])
def test_a_handshake_is_requested_where_awss_agent_requests_one(make: Make, session_type: str) -> None:
    service = make(session_type)
    service.start(Handshake=False)
    assert PayloadType.HANDSHAKE_REQUEST in [message.payload_type for message in service.sent()]


@pytest.mark.parametrize(("version", "in_order"), [("0.0.1", True), ("1.2.0", True), ("1.2.707.0", False)])
@pytest.mark.parametrize("session_type", ["Port", "NonInteractiveCommands"])
def test_only_awss_client_gets_a_group_of_messages_ahead_of_its_cover(
    make: Make, session_type: str, version: str, in_order: bool
) -> None:
    service = make(session_type, {"portNumber": "22"})
    service.shake_hands(ClientVersion=version)
    service.sent(QUIET)
    service.input(1, PayloadType.OUTPUT, b"x")
    service.sent(QUIET)
    for _ in range(3):
        service.agent.send(PayloadType.OUTPUT, b"data", QUIET)
    numbers = [message.sequence_number for message in service.sent(QUIET)]
    assert numbers == ([2, 3, 4] if in_order else [3, 4, 5, 2])


@pytest.mark.parametrize("session_type", ["Port", "NonInteractiveCommands"])
def test_input_before_the_handshake_of_a_port_session_is_held(make: Make, session_type: str) -> None:
    service = make(session_type)
    service.start()
    service.agent.send(PayloadType.OUTPUT, b"data", 0.0)
    service.input(0, PayloadType.OUTPUT, b"early")
    assert ClientReady("") not in service.agent.events()
    assert streamed(service.sent()) == []


def test_a_port_client_of_awss_is_left_alone_after_the_handshake(make: Make) -> None:
    """Anything that reaches it before it has set up its ports kills its reader (client.md §12.2)."""
    service = make("Port", {"portNumber": "22"})
    service.start()
    [_, _, request] = service.sent()
    service.acknowledge(request)
    service.agent.send(PayloadType.OUTPUT, b"SSH-2.0", 0.0)
    service.respond()
    ack, complete = service.sent()
    service.acknowledge(complete)
    service.input(1, PayloadType.OUTPUT, b"x")
    service.agent.acknowledge(1, 0.0)
    assert service.sent(QUIET / 2) == []
    assert service.agent.next_timer() == pytest.approx(QUIET)
    ack, output, _ = service.sent(QUIET)
    assert (ack.message_type, output.payload) == (MessageType.ACKNOWLEDGE, b"SSH-2.0")


def test_the_next_client_does_not_wait_for_a_former_ones_ports(make: Make) -> None:
    service = make("Port", {"portNumber": "22"})
    service.start()
    service.respond()
    service.sent()
    service.start("c-2", now=QUIET / 2)
    assert PayloadType.HANDSHAKE_REQUEST in [message.payload_type for message in service.sent(QUIET / 2)]


def test_ferrymans_port_client_is_not_kept_waiting(make: Make) -> None:
    service = make("Port", {"portNumber": "22"})
    service.start()
    service.agent.send(PayloadType.OUTPUT, b"SSH-2.0", 0.0)
    service.respond(**FERRYMAN)
    assert streamed(service.sent()) == [b"SSH-2.0"]
