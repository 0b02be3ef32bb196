"""Frames and states that the relay must not pass on, and what they cost the sender."""

import os
import struct

import pytest

from ferryman.model.sessions import SessionStatus
from ferryman.wire.agent_message import MessageType
from tests.server.peers import Peer, output, plain_frame, typed
from tests.server.relayed import MEBIBYTE
from tests.server.running import Paired, Server


async def test_frames_that_an_end_may_not_send_are_not_forwarded(server: Server) -> None:
    paired = await server.paired()
    forbidden = (MessageType.CHANNEL_CLOSED, MessageType.PAUSE_PUBLICATION, MessageType.INTERACTIVE_SHELL, "brand_new")
    for message_type in (*forbidden, MessageType.INPUT_STREAM_DATA):
        await paired.agent.send(plain_frame(message_type))
    for message_type in (*forbidden, MessageType.OUTPUT_STREAM_DATA, MessageType.AGENT_SESSION_STATE):
        await paired.client.send(plain_frame(message_type))
    await paired.agent.send(output(0, b"next"))
    await paired.client.send(typed(0, b"next"))
    assert (await paired.client.message()).payload == b"next"
    assert (await paired.agent.message()).payload == b"next"


# Faults on the wire


def garbage() -> list[bytes]:
    good = output(0, b"payload")
    return [
        b"",
        b"x",
        os.urandom(119),
        os.urandom(500),
        good[:-1],
        good + b"x",
        struct.pack(">I", 112) + good[4:],
        struct.pack(">I", 2**31) + good[4:],
        good[:4] + bytes(32) + good[36:],
        good[:4] + b"\xff" * 32 + good[36:],
    ]


@pytest.mark.parametrize("number", range(len(garbage())))
@pytest.mark.parametrize("end", ["client", "agent"])
async def test_garbage(server: Server, end: str, number: int) -> None:
    paired = await server.paired()
    peer: Peer = getattr(paired, end)
    await peer.send(garbage()[number])
    assert await peer.closed() == 1002
    await still_relays(paired, end)


@pytest.mark.parametrize("end", ["client", "agent"])
async def test_text(server: Server, end: str) -> None:
    paired = await server.paired()
    peer: Peer = getattr(paired, end)
    await peer.text("x" * 200)
    assert await peer.closed() == 1003
    await still_relays(paired, end)


@pytest.mark.parametrize("end", ["client", "agent"])
async def test_oversized(server: Server, end: str) -> None:
    paired = await server.paired()
    peer: Peer = getattr(paired, end)
    peer.raw(b"\x82\xff" + (MEBIBYTE + 1).to_bytes(8, "big") + bytes(4))
    assert await peer.closed() == 1009
    await still_relays(paired, end)


@pytest.mark.parametrize("end", ["client", "agent"])
async def test_bytes_that_are_not_websocket_frames(server: Server, end: str) -> None:
    paired = await server.paired()
    peer: Peer = getattr(paired, end)
    peer.raw(b"\xff" * 64)
    assert await peer.closed() == 1002
    await still_relays(paired, end)


async def still_relays(paired: Paired, lost: str) -> None:
    """The end that behaved is still there, got nothing of it, and goes on with the other's next socket."""
    server = paired.server
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    if lost == "client":
        client = await server.open_client(
            await server.call("resume_session", SessionId=paired.session_id), paired.client_id
        )
        agent = paired.agent
        assert (await agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    else:
        client = paired.client
        agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)
    await agent.send(output(0, b"out"))
    await client.send(typed(0, b"in"))
    assert (await client.message()).payload == b"out"
    assert (await agent.message()).payload == b"in"


async def test_a_malformed_state(server: Server) -> None:
    paired = await server.paired()
    await paired.agent.send(plain_frame(MessageType.AGENT_SESSION_STATE, b"[]"))
    assert await paired.agent.closed() == 1002
