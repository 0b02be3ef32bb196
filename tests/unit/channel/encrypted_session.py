"""Both engines of an encrypted session, joined without loss."""

import json
import random
from typing import Any

from ferryman.channel.agent import AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.encryption import split
from ferryman.channel.key_agreement import DataKeyRequested, DataKeySealed, Encryption
from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, PayloadType, decode, frame

DATA_KEY = bytes(range(64))
KEYS = split(DATA_KEY)
CIPHERTEXT = b"the data key, sealed by KMS"


class Session:
    """A node and its clients, one after another, joined without loss; `wire` is what passed, payloads as sent."""

    def __init__(self, *, session_type: str = "Standard_Stream", requires_challenge: bool = False) -> None:
        self.random = random.Random(7)  # noqa: S311 - tests must be repeatable
        self.agent = AgentChannel(
            session_id="s-1",
            session_type=session_type,
            properties={"portNumber": "22"} if session_type == "Port" else None,
            entropy=self.random.randbytes,
            wall_clock_ms=lambda: 7,
            encryption=Encryption("alias/sessions", requires_challenge),
        )
        self.agent.connection_made(0.0)
        self.wire: list[AgentMessage] = []
        self.agent_events: list[Any] = []
        self.client_events: list[Any] = []
        self.client_id = 0
        self.join()

    def join(self, *, encrypts: bool = True) -> ClientChannel:
        self.client = ClientChannel(entropy=self.random.randbytes, wall_clock_ms=lambda: 7, encrypts=encrypts)
        self.client.connection_made(0.0)
        self.client_id += 1
        self.tell(MessageType.START_PUBLICATION, {"ClientId": f"c-{self.client_id}"})
        self.pass_frames()
        return self.client

    def tell(self, message_type: MessageType, payload: dict[str, Any]) -> None:
        data = frame(message_type, 0, SYN_FIN, self.random.randbytes(16), 1, 0, json.dumps(payload).encode())
        self.agent.receive(data, 0.0)

    def pass_frames(self, now: float = 1.0) -> None:
        while True:
            down, up = self.agent.frames_to_send(now), self.client.frames_to_send(now)
            for data in down:
                message = decode(data, digested=False)
                self.wire.append(message)
                if message.message_type != MessageType.AGENT_SESSION_STATE:
                    self.client.receive(data, now)
            for data in up:
                self.wire.append(decode(data, digested=False))
                self.agent.receive(data, now)
            self.agent_events += self.agent.events()
            self.client_events += self.client.events()
            if not down and not up:
                return

    def agree(self) -> None:
        self.client.use_data_key(DATA_KEY, CIPHERTEXT, 1.0)
        self.pass_frames()
        self.agent.use_data_key(self.sealed().attempt, DATA_KEY, 1.0)
        self.pass_frames()

    def requested(self) -> DataKeyRequested:
        return next(event for event in reversed(self.client_events) if isinstance(event, DataKeyRequested))

    def sealed(self) -> DataKeySealed:
        return next(event for event in reversed(self.agent_events) if isinstance(event, DataKeySealed))

    def payloads(self, payload_type: PayloadType) -> list[bytes]:
        return [message.payload for message in self.wire if message.payload_type == payload_type]


def only(events: list[Any], kind: type) -> Any:
    [found] = [event for event in events if isinstance(event, kind)]
    return found


def input_frame(number: int, payload_type: PayloadType, payload: bytes) -> bytes:
    return frame(MessageType.INPUT_STREAM_DATA, number, 0, bytes(16), 1, payload_type, payload)


def output_frame(number: int, payload_type: PayloadType, payload: bytes) -> bytes:
    return frame(MessageType.OUTPUT_STREAM_DATA, number, 0, bytes(16), 1, payload_type, payload)
