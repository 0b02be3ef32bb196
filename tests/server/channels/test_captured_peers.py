"""AWS's agent and a client as they were recorded, played to the server: in step, fast, out of order, and resending."""

import json
from functools import cache

import pytest

from ferryman.model.sessions import ENDED
from ferryman.server.channels.frames import requests_handshake
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from tests.server.captured_sessions import VECTORS, Stage, recordings
from tests.server.running import Server, until


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(start=0.05, handshake=0.05)


@pytest.mark.parametrize("pace", ["in step", "fast", "backwards", "doubled"])
@pytest.mark.parametrize("name", recordings())
async def test_recorded_session(server: Server, name: str, pace: str) -> None:
    stage = await Stage.set(server, name)
    match pace:
        case "in step":
            await stage.in_step()
        case "backwards":
            await stage.backwards()
        case _:
            await stage.at_once(times=2 if pace == "doubled" else 1)
    await stage.finish()
    session = await until(lambda: server.session(stage.recording.session_id), lambda session: session.status in ENDED)
    completes = [e["message"]["Payload(JSON)"] for e in stage.recording.events if e["name"] == "agent_task_complete"]
    if completes[0]["FinalTaskStatus"] == "Failed":
        assert "RunAs" in (session.details or "")
    assert (await server.health())["channels"] >= 1  # the node's control channel is none the worse for it


@cache
def client_frames() -> dict[str, bytes]:
    """The vectors of messages that AWS's client sends, by name."""
    vectors = json.loads((VECTORS / "client.json").read_text())
    return {
        each["name"]: bytes.fromhex(each["hex"])
        for each in vectors
        if each["kind"] == "agent_message" and each["direction"] == "client_to_server"
    }


@cache
def far_end_frames() -> dict[str, bytes]:
    """The vectors of messages that come to AWS's client from the far end, not from the server, by name."""
    vectors = json.loads((VECTORS / "client.json").read_text())
    return {
        each["name"]: bytes.fromhex(each["hex"])
        for each in vectors
        if each["kind"] == "agent_message"
        and each["direction"] == "server_to_client"
        and each["message_type"] in (MessageType.OUTPUT_STREAM_DATA, MessageType.ACKNOWLEDGE)
    }


async def test_every_vector_passes_unchanged(server: Server) -> None:
    paired = await server.paired()
    up = list(client_frames().values())
    down = [each for each in far_end_frames().values() if not requests_handshake(each)]  # those are held to the session
    assert len(up) > 20
    assert len(down) > 8
    for frame in up:
        await paired.client.send(frame)
        assert await paired.agent.frame() == frame
    for number, frame in enumerate(down):
        renumbered = frame[:48] + number.to_bytes(8, "big") + frame[56:]  # two vectors of one number: a resend
        await paired.agent.send(renumbered)
        assert await paired.client.frame() == renumbered


@pytest.mark.parametrize("name", ["open_data_channel", "captured_open_data_channel"])
async def test_recorded_openings_of_clients(server: Server, name: str) -> None:
    (vector,) = [each for each in json.loads((VECTORS / "client.json").read_text()) if each["name"] == name]
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.dial(f"/v1/data-channel/{ticket['SessionId']}?role=publish_subscribe")
    opening = json.loads(vector["payload_text"])
    await client.text(vector["payload_text"].replace(opening["TokenValue"], ticket["TokenValue"]))
    await control.until(MessageType.INTERACTIVE_SHELL)
