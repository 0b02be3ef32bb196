"""Frames from end to end: order, gates, loss, replacement, stalls and faults."""

import asyncio
import os
import struct
import uuid
from contextlib import suppress
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
from structlog.testing import capture_logs

from ferryman.core.ports.recordings.recorder import NoRecorder
from ferryman.core.service import Limits
from ferryman.model.errors import StoreUnavailable
from ferryman.model.sessions import SessionStatus
from ferryman.server.timeouts import Timeouts
from ferryman.store.sessions.store import SqlSessions
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import ChannelClosed, Publication, decode_payload
from tests.server.peers import acknowledge, output, plain_frame, state, task_complete, typed
from tests.server.relayed import MEBIBYTE, flood, started_for
from tests.server.running import Server, make_certificate
from tests.waiting import PATIENCE


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(stall=0.2)


async def test_frames_pass_unchanged_both_ways(server: Server) -> None:
    paired = await server.paired()
    downwards = [output(number, os.urandom(size)) for number, size in enumerate((1, 5, 126, 1024, 65536, 500_000))]
    upwards = [typed(number, os.urandom(size)) for number, size in enumerate((1, 5, 126, 1024, 65536, 500_000))]
    for frame in (*downwards, acknowledge(0)):
        await paired.agent.send(frame)
    for frame in (*upwards, acknowledge(0)):
        await paired.client.send(frame)
    assert [await paired.client.frame() for _ in downwards] == downwards
    assert [await paired.agent.frame() for _ in upwards] == upwards
    assert (await paired.client.message()).message_type == MessageType.ACKNOWLEDGE
    assert (await paired.agent.message()).message_type == MessageType.ACKNOWLEDGE


class TestOverTls:
    @pytest.fixture
    def tls(self, tmp_path: Path) -> tuple[Path, Path]:
        return make_certificate(tmp_path)

    async def test_frames_pass_unchanged(self, server: Server) -> None:
        paired = await server.paired()
        frames = [output(number, os.urandom(size)) for number, size in enumerate((1, 126, 1024, 65536, 500_000))]
        for frame in frames:
            await paired.agent.send(frame)
        assert [await paired.client.frame() for _ in frames] == frames
        closing = asyncio.create_task(paired.client.closed())
        await server.shut_down()
        assert await closing == 1001

    async def test_closing_is_no_error(self, server: Server) -> None:
        with capture_logs() as lines:
            paired = await server.paired()
            for peer in (paired.client, paired.agent, paired.control):
                await peer.close()
            await server.shut_down()
        assert [line["event"] for line in lines if line["event"] == "client detached"]
        assert not [line for line in lines if line["log_level"] == "error"]

    async def test_stalled_client_delays_nobody(self, server: Server) -> None:
        paired = await server.paired()
        sent = await flood(paired.agent, lambda number: output(number, bytes(4096)), 24 * MEBIBYTE, PATIENCE)
        assert sent * 4096 > 20 * MEBIBYTE
        assert (await paired.agent.message()).message_type == MessageType.PAUSE_PUBLICATION


async def test_fragmented_messages_pass_whole(server: Server) -> None:
    paired = await server.paired()
    frame = output(0, os.urandom(10_000))
    first, last = frame[:4000], frame[4000:]
    fragments = b"".join(
        struct.pack(">BBH", opcode, 0x80 | 126, len(part)) + bytes(4) + part
        for opcode, part in ((0x02, first), (0x80, last))
    )
    paired.agent.raw(fragments)
    assert await paired.client.frame() == frame


async def test_other_paddings_of_the_type_pass(server: Server) -> None:
    paired = await server.paired()
    frame = output(0)
    padded = frame[:4] + b"output_stream_data".ljust(32, b"\0") + frame[36:]
    await paired.agent.send(padded)
    assert await paired.client.frame() == padded


# The two publications, and Ferryman's marker


async def test_agent_learns_which_client_is_connected(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client_id = str(uuid.uuid4())
    await server.open_client(ticket, client_id)
    await control.until(MessageType.INTERACTIVE_SHELL)
    agent = await node.data(ticket["SessionId"])
    message = await agent.message()
    assert message.message_type == MessageType.START_PUBLICATION
    assert decode_payload(message.payload, Publication).client_id == client_id


async def test_output_of_ferrymans_agent_is_forwarded_from_its_marker_on(server: Server) -> None:
    paired = await server.paired(ferryman=True)
    await paired.agent.send(output(0, b"first epoch"))
    assert (await paired.client.message()).payload == b"first epoch"

    resumed = await server.call("resume_session", SessionId=paired.session_id)
    second_id = str(uuid.uuid4())
    second = await server.open_client(resumed, second_id)
    closed = await paired.client.until(MessageType.CHANNEL_CLOSED)
    assert "another client" in decode_payload(closed.payload, ChannelClosed).output
    assert await paired.client.closed() == 1000

    told = await paired.agent.until(MessageType.START_PUBLICATION)
    assert decode_payload(told.payload, Publication).client_id == second_id
    await paired.agent.send(output(1, b"meant for the first"))
    await paired.agent.send(state("Connected", paired.session_id, paired.client_id))
    await paired.agent.send(output(2, b"so is this"))
    await paired.agent.send(state("Connected", paired.session_id, second_id))
    await paired.agent.send(output(0, b"second epoch"))
    assert (await second.message()).payload == b"second epoch"


async def test_output_of_other_agents_is_forwarded_immediately(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    agent = await node.data(ticket["SessionId"])
    await agent.send(output(0, b"prompt"))
    assert (await client.message()).payload == b"prompt"


# Loss and return


async def test_a_lost_client_pauses_the_agent(server: Server) -> None:
    paired = await server.paired()
    paired.client.cut()
    assert (await paired.agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    await paired.agent.send(output(0, b"nobody gets this"))
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(resumed, paired.client_id)
    assert (await paired.agent.message()).message_type == MessageType.START_PUBLICATION
    await server.until_status(paired.session_id, SessionStatus.CONNECTED)
    await paired.agent.send(output(0, b"resent"))
    assert (await client.message()).payload == b"resent"


async def test_acknowledgements_wait_for_an_agent_that_is_away(server: Server) -> None:
    paired = await server.paired()
    paired.agent.cut()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    kept = [acknowledge(number) for number in range(20)]
    for frame in kept:
        await paired.client.send(frame)
        await paired.client.send(typed(0, b"will be resent"))
    await paired.client.answered()
    agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    assert [await agent.frame() for _ in kept] == kept
    await paired.client.send(typed(1, b"after"))
    assert (await agent.message()).payload == b"after"


async def test_input_before_the_agent_connects_is_kept(server: Server) -> None:
    """Once: when the agent is lost later, its client sends again what was not acknowledged."""
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    early = [typed(number, b"early") for number in range(3)]
    for frame in early:
        await client.send(frame)
    await client.answered()
    agent = await node.data(ticket["SessionId"])
    await agent.until(MessageType.START_PUBLICATION)
    assert [await agent.frame() for _ in early] == early
    await agent.close()
    await client.send(typed(3, b"lost"))
    await client.answered()
    again = await node.data(ticket["SessionId"])
    await again.until(MessageType.START_PUBLICATION)
    await again.answered()


async def test_at_most_256_kib_of_early_input_are_kept(server: Server) -> None:
    paired = await server.paired()
    paired.agent.cut()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    kept = [plain_frame(MessageType.ACKNOWLEDGE, bytes(1000)) for _ in range(400)]
    for frame in kept:
        await paired.client.send(frame)
    await paired.client.answered()
    agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    expected = kept[-(256 * 1024 // 1120) :]
    assert [await agent.frame() for _ in expected] == expected
    await paired.client.send(typed(0, b"after"))
    assert (await agent.message()).payload == b"after"


async def test_another_clients_acknowledgements_are_not_kept(server: Server) -> None:
    paired = await server.paired()
    paired.agent.cut()
    await server.until_status(paired.session_id, SessionStatus.DISCONNECTED)
    await paired.client.send(acknowledge(0))
    await paired.client.answered()
    client = await server.open_client(await server.call("resume_session", SessionId=paired.session_id))
    await paired.client.closed()
    agent = await paired.node.data(paired.session_id)
    assert (await agent.message()).message_type == MessageType.START_PUBLICATION
    await client.send(typed(0, b"after"))
    assert (await agent.message()).payload == b"after"


async def test_the_newest_socket_of_an_end_wins(server: Server) -> None:
    paired = await server.paired()
    agent = await paired.node.data(paired.session_id)
    assert await paired.agent.closed() == 1000
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(resumed, paired.client_id)
    assert await paired.client.closed() == 1000
    assert [(await agent.message()).message_type for _ in range(2)] == [MessageType.START_PUBLICATION] * 2
    await agent.send(output(0, b"still here"))
    assert (await client.message()).payload == b"still here"
    assert (await server.session(paired.session_id)).status is SessionStatus.CONNECTED


async def test_nothing_of_a_replaced_client_reaches_the_agent(server: Server) -> None:
    paired = await server.paired(ferryman=True)
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    flooding = asyncio.create_task(flood(paired.client, lambda number: typed(number, b"old"), MEBIBYTE))
    client_id = str(uuid.uuid4())
    second = await server.open_client(resumed, client_id)
    await started_for(paired.agent, client_id)
    with suppress(ConnectionError):
        await flooding
    await second.send(typed(0, b"new"))
    assert (await paired.agent.message()).payload == b"new"


async def test_a_client_that_never_connects(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    server.clock.advance(61)
    failed = await server.until_status(ticket["SessionId"], SessionStatus.FAILED)
    assert "client" in (failed.details or "")
    await control.send(b"")
    assert await control.closed() == 1002  # and not a task: it would have come first


async def test_agent_that_never_starts_the_task(server: Server) -> None:
    node = await server.register()
    control = await node.control()
    ticket = await server.start(node)
    client = await server.open_client(ticket)
    await control.until(MessageType.INTERACTIVE_SHELL)
    server.clock.advance(61)
    closed = await client.until(MessageType.CHANNEL_CLOSED)
    assert "did not open" in decode_payload(closed.payload, ChannelClosed).output
    assert await client.closed() == 1000
    await server.until_status(ticket["SessionId"], SessionStatus.FAILED)


class TestAnAgentThatDoesNotComeBack:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(node_return=1)

    async def test_an_agent_that_is_gone_when_the_client_comes(self, server: Server) -> None:
        node = await server.register()
        control = await node.control()
        ticket = await server.start(node)
        await control.close()
        client = await server.open_client(ticket)
        closed = await client.until(MessageType.CHANNEL_CLOSED)
        assert "not connected" in decode_payload(closed.payload, ChannelClosed).output
        assert await client.closed() == 1000
        await server.until_status(ticket["SessionId"], SessionStatus.FAILED)


# Ends


async def test_terminate_tells_both_ends(server: Server) -> None:
    paired = await server.paired()
    await server.call("terminate_session", SessionId=paired.session_id)
    for peer in (paired.agent, paired.client):
        closed = await peer.until(MessageType.CHANNEL_CLOSED)
        assert decode_payload(closed.payload, ChannelClosed).session_id == paired.session_id
        assert await peer.closed() == 1000
    await paired.control.send(task_complete(paired.session_id))
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)


async def test_output_on_its_way_passes_before_the_end(server: Server) -> None:
    paired = await server.paired()
    frames = [output(number, bytes(1000)) for number in range(500)]
    for frame in frames:
        await paired.agent.send(frame)
    await paired.agent.send(state("Terminating", paired.session_id))
    closing = asyncio.create_task(paired.agent.close())
    await paired.control.send(task_complete(paired.session_id))
    assert [await paired.client.frame() for _ in frames] == frames
    closed = await paired.client.message()
    assert closed.message_type == MessageType.CHANNEL_CLOSED
    assert decode_payload(closed.payload, ChannelClosed).output == ""
    assert await paired.client.closed() == 1000
    await closing
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)


@pytest.mark.parametrize("timeouts", [Timeouts(finish=0.1)], ids=["short"])
async def test_an_agent_that_ends_without_a_result(server: Server) -> None:
    paired = await server.paired()
    await paired.agent.send(state("Terminating", paired.session_id))
    paired.agent.cut()
    await paired.client.until(MessageType.CHANNEL_CLOSED)
    assert await paired.client.closed() == 1000
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)


async def test_idle_sessions_end_and_busy_ones_do_not(server: Server) -> None:
    paired = await server.paired()
    server.clock.advance(19 * 60)
    await paired.client.send(typed(0))
    assert (await paired.agent.message()).payload == b"x"
    server.clock.advance(2 * 60)
    await paired.client.send(typed(0))  # sent again, which is no activity
    assert (await paired.agent.message()).payload == b"x"
    assert (await server.session(paired.session_id)).status is SessionStatus.CONNECTED
    server.clock.advance(20 * 60)
    closed = await paired.client.until(MessageType.CHANNEL_CLOSED)
    assert "idle" in decode_payload(closed.payload, ChannelClosed).output


async def test_a_relay_that_fails_to_begin_lets_go_of_the_recording(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the recording would not be finished before the server is restarted."""
    tap, release = AsyncMock(return_value=None), AsyncMock()
    monkeypatch.setattr(NoRecorder, "tap", tap)
    monkeypatch.setattr(NoRecorder, "release", release)
    monkeypatch.setattr(SqlSessions, "document_content", AsyncMock(side_effect=StoreUnavailable("failed", "test")))
    node = await server.register()
    await node.control()
    client = await server.open_client(await server.start(node))
    assert await client.closed() == 1011
    assert (tap.await_count, release.await_count) == (1, 1)
