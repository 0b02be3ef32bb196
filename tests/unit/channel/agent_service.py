"""The server and a client behind it, as tests of the agent's engine play them."""

from collections.abc import Callable
from typing import Any, Protocol

from ferryman.channel.agent import AgentChannel
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, decode


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


def state(client_id: str | None = None, name: str = "Connected", delivered: int = 0) -> dict[str, Any]:
    plain: dict[str, Any] = {"SchemaVersion": 1, "SessionState": name, "SessionId": "s-1"}
    return plain if client_id is None else {**plain, "ClientId": client_id, "DeliveredOutput": delivered}


def streamed(messages: list[AgentMessage]) -> list[bytes]:
    return [message.payload for message in messages if message.payload_type == PayloadType.OUTPUT]
