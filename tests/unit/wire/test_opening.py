import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.wire.opening import (
    NAME_LIMIT,
    OPENING_LIMIT,
    TOKEN_LIMIT,
    OpenAgentDataChannel,
    OpenControlChannel,
    OpenDataChannel,
    decode_control_channel_opening,
    decode_data_channel_opening,
    encode_opening,
)
from ferryman.wire.payloads import MalformedPayload

TEXT_FRAMES: list[dict[str, Any]] = [
    vector
    for vector in json.loads((Path(__file__).parents[2] / "vectors" / "client.json").read_text())
    if vector["kind"] == "text_frame"
]
CONTROL = (
    '{"Cookie":null,"MessageSchemaVersion":"1.0","RequestId":"r-1","TokenValue":"t-1",'
    '"AgentVersion":"3.3.0.0","PlatformType":"linux"}'
)
AGENT = '{"MessageSchemaVersion":"1.0","RequestId":"r-1","TokenValue":"t-1","ClientInstanceId":"mi-1","ClientId":""}'


@pytest.mark.parametrize("vector", TEXT_FRAMES, ids=lambda vector: str(vector["name"]))
def test_vectors_decode_and_encode_to_the_same_bytes(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["hex"])
    opening = decode_data_channel_opening(data)
    assert isinstance(opening, OpenDataChannel)
    assert opening.token_value == json.loads(data)["TokenValue"]
    assert encode_opening(opening).encode() == data


def test_clients_before_1_2_677_give_no_version() -> None:
    text = '{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c"}'
    opening = decode_data_channel_opening(text)
    assert opening == OpenDataChannel("1.0", "r", "t", "c")
    assert encode_opening(opening) == text


def test_a_client_instance_id_makes_it_the_nodes() -> None:
    opening = decode_data_channel_opening(AGENT)
    assert opening == OpenAgentDataChannel("1.0", "r-1", "t-1", "mi-1")
    assert encode_opening(opening) == AGENT


def test_ferrymans_agent_identifies_itself() -> None:
    opening = OpenAgentDataChannel("1.0", "r-1", "t-1", "mi-1", ferryman=1)
    assert json.loads(encode_opening(opening))["Ferryman"] == 1
    assert decode_data_channel_opening(encode_opening(opening)) == opening


def test_control_channels_open_as_agents_write_it() -> None:
    opening = decode_control_channel_opening(CONTROL)
    assert (opening.token_value, opening.agent_version, opening.platform_type) == ("t-1", "3.3.0.0", "linux")
    assert encode_opening(opening) == CONTROL


def test_ferrymans_agent_names_its_maker() -> None:
    opening = OpenControlChannel(
        message_schema_version="1.0", request_id="r", token_value="t", agent_version="4.0.1.0", ferryman=1
    )
    assert json.loads(encode_opening(opening))["Ferryman"] == 1
    assert decode_control_channel_opening(encode_opening(opening)) == opening


def test_older_agents_give_no_platform() -> None:
    text = '{"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","AgentVersion":"2.3.0.0"}'
    expected = OpenControlChannel(
        message_schema_version="1.0", request_id="r", token_value="t", agent_version="2.3.0.0"
    )
    assert decode_control_channel_opening(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"TokenValue":1}', AGENT.replace('"t-1"', "null"), "[" * 100_000]
)
def test_anything_else_is_a_malformed_payload(text: str) -> None:
    with pytest.raises(MalformedPayload):
        decode_data_channel_opening(text)
    with pytest.raises(MalformedPayload):
        decode_control_channel_opening(text)


@pytest.mark.parametrize(
    ("member", "most"),
    [
        ("MessageSchemaVersion", NAME_LIMIT),
        ("RequestId", NAME_LIMIT),
        ("TokenValue", TOKEN_LIMIT),
        ("ClientId", NAME_LIMIT),
        ("ClientVersion", NAME_LIMIT),
        ("ClientInstanceId", NAME_LIMIT),
        ("AgentVersion", NAME_LIMIT),
        ("PlatformType", NAME_LIMIT),
        ("Cookie", OPENING_LIMIT - 200),
        ("Unknown", OPENING_LIMIT - 200),
    ],
)
def test_every_member_is_bounded(member: str, most: int) -> None:
    node = member in ("AgentVersion", "PlatformType", "Cookie")
    members = json.loads(CONTROL if node else AGENT)
    if member == "ClientVersion":
        del members["ClientInstanceId"]
    decode = decode_control_channel_opening if node else decode_data_channel_opening
    decode(json.dumps(members | {member: "x" * most}))
    with pytest.raises(MalformedPayload) as raised:
        decode(json.dumps(members | {member: "x" * (most + 200)}))
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("version", [1, 1.0, "1.0", "1"])
def test_the_schema_version_may_be_a_number(version: object) -> None:
    text = json.dumps({"MessageSchemaVersion": version, "RequestId": "r", "TokenValue": "t", "ClientId": "c"})
    opening = decode_data_channel_opening(text)
    assert isinstance(opening, OpenDataChannel)
    assert opening.client_id == "c"
