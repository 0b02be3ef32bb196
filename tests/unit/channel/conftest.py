"""What tests of the engines share: entropy that repeats, and frames as the far end and the server would send them."""

import json
import random
import uuid
from collections.abc import Callable
from typing import Any, Protocol

import pytest

from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, encode


@pytest.fixture
def entropy() -> Callable[[int], bytes]:
    return random.Random(7).randbytes  # noqa: S311 - tests must be repeatable


class MakeFrame(Protocol):
    def __call__(
        self, message_type: MessageType, sequence_number: int, payload_type: int, payload: bytes | dict[str, Any]
    ) -> bytes: ...


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
