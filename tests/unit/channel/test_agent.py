import json
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from ferryman.channel.acknowledgements import WAIT
from ferryman.channel.agent import QUIET, AgentChannel, HandshakeState, PublicationState
from ferryman.channel.events import (
    ClientReady,
    ClientReplaced,
    FrameRejected,
    HandshakeRefused,
    InputReceived,
    PublicationPaused,
    PublicationStarted,
    SessionEnded,
)
from ferryman.wire.agent_message import AgentMessage, FrameFlag, MessageType, PayloadType, decode


class MakeFrame(Protocol):
    def __call__(
        self, message_type: MessageType, sequence_number: int, payload_type: int, payload: bytes | dict[str, Any]
    ) -> bytes: ...


class Service:
    """The server and a client behind it, as far as an agent can tell."""

    def __init__(
        self, agent: AgentChannel, make_frame: MakeFrame, acknowledge: Callable[[AgentMessage], bytes]
    ) -> None:
        self.agent = agent
        self.make_frame = make_frame
        self.acknowledge_frame = acknowledge

    def sent(self, now: float = 0.0) -> list[AgentMessage]:
        return [decode(frame) for frame in self.agent.frames_to_send(now)]

    def start(self, client_id: str | None = "c-1", now: float = 0.0, **extra: Any) -> None:
        payload = extra if client_id is None else {"ClientId": client_id, **extra}
        self.agent.receive(self.make_frame(MessageType.START_PUBLICATION, 0, 0, payload), now)

    def pause(self) -> None:
        self.agent.receive(self.make_frame(MessageType.PAUSE_PUBLICATION, 0, 0, {}), 0.0)

    def input(self, number: int, payload_type: int, payload: bytes | dict[str, Any], now: float = 0.0) -> None:
        self.agent.receive(self.make_frame(MessageType.INPUT_STREAM_DATA, number, payload_type, payload), now)

    def respond(self, number: int = 0, now: float = 0.0, *, status: int = 1, error: str = "", **extra: Any) -> None:
        action = {"ActionType": "SessionType", "ActionStatus": status, "ActionResult": None, "Error": error}
        response = {"ClientVersion": "1.2.707.0", "ProcessedClientActions": [action], "Errors": None, **extra}
        self.input(number, PayloadType.HANDSHAKE_RESPONSE, response, now)

    def acknowledge(self, message: AgentMessage, now: float = 0.0) -> None:
        self.agent.receive(self.acknowledge_frame(message), now)

    def shake_hands(self, **extra: Any) -> None:
        """Go through the handshake, everything acknowledged."""
        self.start()
        for message in self.sent():
            self.acknowledge(message)
        self.respond(**extra)
        for message in self.sent():
            self.acknowledge(message)
        self.agent.events()


FERRYMAN: dict[str, Any] = {"Ferryman": {"MaxPayload": 65536}}
Make = Callable[..., Service]


@pytest.fixture
def make(entropy: Callable[[int], bytes], make_frame: MakeFrame, acknowledge: Callable[[AgentMessage], bytes]) -> Make:
    def build(session_type: str = "Standard_Stream", properties: dict[str, str] | None = None) -> Service:
        agent = AgentChannel(
            session_id="s-1",
            session_type=session_type,
            properties=properties,
            entropy=entropy,
            wall_clock_ms=lambda: 7,
            agent_version="4.0.1.0",
        )
        agent.connection_made(0.0)
        return Service(agent, make_frame, acknowledge)

    return build


@pytest.fixture
def service(make: Make) -> Service:
    return make()


def state(client_id: str | None = None, name: str = "Connected") -> dict[str, Any]:
    plain: dict[str, Any] = {"SchemaVersion": 1, "SessionState": name, "SessionId": "s-1"}
    return plain if client_id is None else {**plain, "ClientId": client_id}


def streamed(messages: list[AgentMessage]) -> list[bytes]:
    return [message.payload for message in messages if message.payload_type == PayloadType.OUTPUT]


def test_until_a_client_is_there_only_the_state_is_announced(service: Service) -> None:
    service.agent.send(PayloadType.OUTPUT, b"$ ", 0.0)
    [announcement] = service.sent()
    assert announcement.message_type == MessageType.AGENT_SESSION_STATE
    assert (announcement.flags, announcement.sequence_number) == (3, 0)
    assert json.loads(announcement.payload) == state()
    assert service.sent(60.0) == []
    assert service.agent.next_timer() is None
    assert service.agent.publication is PublicationState.AWAITED


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
def test_but_not_where_the_handshake_decides(make: Make, session_type: str) -> None:
    service = make(session_type)
    service.start()
    service.agent.send(PayloadType.OUTPUT, b"data", 0.0)
    service.input(0, PayloadType.OUTPUT, b"early")
    assert ClientReady("") not in service.agent.events()
    assert streamed(service.sent()) == []


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


def test_a_server_that_names_no_client_is_taken_to_mean_the_same(service: Service) -> None:
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
    assert json.loads(marker.payload) == state("c-2")
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


def test_what_was_for_a_large_client_is_cut_for_a_small_one(service: Service) -> None:
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
def test_garbage_is_counted_and_dropped(service: Service, frame: bytes) -> None:
    service.agent.receive(frame, 0.0)
    assert [type(event) for event in service.agent.events()] == [FrameRejected]
    assert service.agent.rejected_frames == 1


def test_what_is_not_for_nodes_is_rejected(service: Service) -> None:
    service.shake_hands()
    for message_type in (MessageType.OUTPUT_STREAM_DATA, MessageType.AGENT_SESSION_STATE, MessageType.ACKNOWLEDGE):
        service.agent.receive(service.make_frame(message_type, 0, 0, {}), 0.0)
    service.input(1, PayloadType.HANDSHAKE_RESPONSE, b"{")
    service.respond(1)
    assert [type(event) for event in service.agent.events()] == [FrameRejected] * 5
