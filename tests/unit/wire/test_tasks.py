import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.wire.payloads import MalformedPayload, decode_payload, encode_payload
from ferryman.wire.tasks import (
    AgentTaskAcknowledge,
    AgentTaskComplete,
    InteractiveShell,
    InteractiveShellContent,
    decode_interactive_shell,
    encode_interactive_shell,
)

CAPTURES: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "agent.json").read_text())


def payloads(message_type: str) -> list[bytes]:
    frames = [bytes.fromhex(v["hex"]) for v in CAPTURES if v["message"]["MessageType"] == message_type]
    assert frames, f"no capture of {message_type}"
    return [frame[120:] for frame in frames]


def test_results_are_written_as_agents_write_them() -> None:
    for payload in payloads("agent_task_complete"):
        assert encode_payload(decode_payload(payload, AgentTaskComplete)) == payload


def test_receipts_carry_what_nodes_read() -> None:
    for payload in payloads("agent_task_acknowledge"):
        receipt = decode_payload(payload, AgentTaskAcknowledge)
        assert json.loads(encode_payload(receipt)) == json.loads(payload)


def test_a_task_survives_its_nested_encoding() -> None:
    content = InteractiveShellContent(
        document_content={"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"a": 'quoted "text"'}},
        session_id="alice-0123456789abcdef0",
        parameters={"name": "é"},
        session_owner="arn:aws:iam::000000000000:user/alice",
    )
    data = encode_interactive_shell(content)
    outer = json.loads(data)
    assert outer["TaskId"] == content.session_id
    assert outer["Topic"] == "interactive_shell"
    assert json.loads(outer["Content"])["SessionId"] == content.session_id
    assert decode_interactive_shell(data) == content


def test_the_least_that_agents_accept() -> None:
    inner = '{"DocumentContent":{"schemaVersion":"1.0","sessionType":"Standard_Stream"},"SessionId":"s-1"}'
    data = encode_payload(InteractiveShell(inner, "s-1"))
    assert decode_interactive_shell(data).session_id == "s-1"


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"Content":"","TaskId":"s"}', b'{"Content":"{}","TaskId":"s"}', b'{"Content":{},"TaskId":"s"}'],
)
def test_anything_else_is_a_malformed_payload(data: bytes) -> None:
    with pytest.raises(MalformedPayload):
        decode_interactive_shell(data)
