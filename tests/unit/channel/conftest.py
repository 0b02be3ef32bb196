"""What tests of the engines share: entropy that repeats, and frames as the far end and the server would send them."""

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ferryman.channel.agent import AgentChannel
from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, encode
from tests.unit.channel.agent_service import Make, MakeFrame, Service


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    return random.Random(7).randbytes  # noqa: S311 - tests must be repeatable


@pytest.fixture
def make_frame(entropy: Callable[[int], bytes]) -> MakeFrame:
    def make(
        message_type: MessageType, sequence_number: int, payload_type: int, payload: bytes | dict[str, Any]
    ) -> bytes:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        streams = (MessageType.INPUT_STREAM_DATA, MessageType.OUTPUT_STREAM_DATA)
        flags = 0 if message_type in streams else SYN_FIN
        message_id = uuid.UUID(bytes=entropy(16), version=4)
        return encode(AgentMessage(message_type, sequence_number, flags, message_id, 1, payload_type, data))

    return make


@pytest.fixture
def acknowledge(make_frame: MakeFrame) -> Callable[[AgentMessage], bytes]:
    def make(message: AgentMessage) -> bytes:
        payload = {
            "AcknowledgedMessageType": message.message_type,
            "AcknowledgedMessageId": str(message.message_id),
            "AcknowledgedMessageSequenceNumber": message.sequence_number,
            "IsSequentialMessage": True,
        }
        return make_frame(MessageType.ACKNOWLEDGE, 0, 0, payload)

    return make


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
