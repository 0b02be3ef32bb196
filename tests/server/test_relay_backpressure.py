"""Ends that read slowly, or not at all, and floods."""

import asyncio
import os
from collections import Counter

import pytest

from ferryman.server.channels.relay.ends import RelayEnd
from ferryman.server.channels.sockets.websocket import TURN_FRAMES
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType, decode
from tests.server.peers import acknowledge, output, typed
from tests.server.relayed import MEBIBYTE, ends, flood
from tests.server.running import Server


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(stall=0.2, close=0.3, finish=0.3, drain=0.2)


# Stalls


class TestBackpressure:
    """A receiver that does not read, and has not been given up on yet."""

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(stall=60, close=0.3)

    @pytest.mark.parametrize("end", ["client", "agent"])
    async def test_the_sender_is_paused_and_nothing_is_lost(self, server: Server, end: str) -> None:
        paired = await server.paired()
        receiver, sender, make = ends(paired, end)
        payload = os.urandom(4096)
        sent = await flood(sender, lambda number: make(number, payload), 64 * MEBIBYTE)
        assert 0 < sent * len(payload) < 4 * MEBIBYTE
        numbers = [decode(await receiver.frame()).sequence_number for _ in range(sent)]
        assert numbers == list(range(sent))

    async def test_one_stalled_session_does_not_hold_up_another(self, server: Server) -> None:
        stalled, other = await server.paired(), await server.paired()
        await flood(stalled.agent, lambda number: output(number, bytes(4096)), 64 * MEBIBYTE)
        await other.agent.send(output(0, b"lively"))
        assert (await other.client.message()).payload == b"lively"

    async def test_shutdown_is_not_blocked_by_a_stalled_end(self, server: Server) -> None:
        paired = await server.paired()
        await flood(paired.agent, lambda number: output(number, bytes(4096)), 64 * MEBIBYTE)
        await server.shut_down()


async def test_a_stalled_client_pauses_the_agent_until_it_reads(server: Server) -> None:
    paired = await server.paired()
    sent = await flood(paired.agent, lambda number: output(number, bytes(4096)), 24 * MEBIBYTE, 5.0)
    assert sent * 4096 > 20 * MEBIBYTE  # read and dropped: the agent's pings are behind it
    assert (await paired.agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    await paired.agent.answered()
    reading = asyncio.create_task(paired.client.until(MessageType.CHANNEL_CLOSED))
    assert (await paired.agent.message()).message_type == MessageType.START_PUBLICATION
    await paired.agent.send(output(0, b"resent"))
    await server.call("terminate_session", SessionId=paired.session_id)
    await reading


async def test_a_stalled_agent_gets_the_acknowledgements_when_it_reads(server: Server) -> None:
    paired = await server.paired()
    sent = await flood(paired.client, lambda number: typed(number, bytes(4096)), 24 * MEBIBYTE, 5.0)
    assert sent * 4096 > 20 * MEBIBYTE
    await paired.client.send(acknowledge(7))
    await paired.client.answered()
    await paired.agent.until(MessageType.START_PUBLICATION)
    assert (await paired.agent.message()).message_type == MessageType.ACKNOWLEDGE
    await paired.client.send(typed(sent, b"after"))
    assert (await paired.agent.message()).payload == b"after"


async def test_a_stalled_end_that_is_replaced(server: Server) -> None:
    paired = await server.paired()
    await flood(paired.agent, lambda number: output(number, bytes(4096)), 24 * MEBIBYTE, 5.0)
    resumed = await server.call("resume_session", SessionId=paired.session_id)
    client = await server.open_client(resumed, paired.client_id)
    await paired.agent.until(MessageType.START_PUBLICATION)
    await paired.agent.send(output(0, b"resent"))
    assert (await client.until(MessageType.OUTPUT_STREAM_DATA)).payload == b"resent"


async def test_store_failure_closes_only_the_channel(server: Server) -> None:
    paired = await server.paired()
    await server.store.close()
    await paired.client.close()
    assert (await paired.agent.message()).message_type == MessageType.PAUSE_PUBLICATION
    await paired.agent.answered()


async def test_flood_of_small_frames_does_not_delay_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = 0
    taken: Counter[int] = Counter()
    peek_header = RelayEnd.peek_header

    def counted(attached: RelayEnd, frame: bytes) -> tuple[bytes, int]:
        taken[turn] += 1
        return peek_header(attached, frame)

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(RelayEnd, "peek_header", counted)
    paired = await server.paired()
    turning = asyncio.create_task(turns())
    for number in range(5000):
        await paired.client.send(acknowledge(number))
    for _ in range(5000):
        await paired.agent.frame()
    turning.cancel()
    assert taken.total() >= 5000
    assert max(taken.values()) <= TURN_FRAMES + 1
