"""Ends that read slowly, or not at all, and floods."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType

from ferryman.server.channels.relay.ends import RelayEnd
from ferryman.server.channels.sockets.turns import FRAMES, SHORT_BYTES
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType, decode
from tests.server.peers import Peer, acknowledge, output, stream_frame, typed
from tests.server.relayed import MEBIBYTE, ends, flood
from tests.server.running import Server
from tests.waiting import PATIENCE


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(stall=0.2)


# Stalls


class TestBackpressure:
    """A receiver that does not read, and has not been given up on yet."""

    @pytest.fixture
    def timeouts(self) -> Timeouts:
        return Timeouts(stall=60)

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


async def until_paused(agent: Peer) -> None:
    """Read until the agent is paused. A busy machine may take its client for stalled before it is."""
    await agent.websocket.ping()
    told = []
    async with asyncio.timeout(PATIENCE):
        while (message := await agent.websocket.receive()).type is not WSMsgType.PONG:
            assert message.type is WSMsgType.BINARY, message
            told.append(decode(message.data).message_type)
    assert told[-1:] == [MessageType.PAUSE_PUBLICATION]


async def test_a_stalled_client_pauses_the_agent_until_it_reads(server: Server) -> None:
    paired = await server.paired()
    sent = await flood(paired.agent, lambda number: output(number, bytes(4096)), 24 * MEBIBYTE, PATIENCE)
    assert sent * 4096 > 20 * MEBIBYTE  # read and dropped: the agent's pings are behind it
    await until_paused(paired.agent)
    reading = asyncio.create_task(paired.client.until(MessageType.CHANNEL_CLOSED))
    assert (await paired.agent.message()).message_type == MessageType.START_PUBLICATION
    await paired.agent.send(output(0, b"resent"))
    await server.call("terminate_session", SessionId=paired.session_id)
    await reading


async def test_a_stalled_agent_gets_the_acknowledgements_when_it_reads(server: Server) -> None:
    paired = await server.paired()
    sent = await flood(paired.client, lambda number: typed(number, bytes(4096)), 24 * MEBIBYTE, PATIENCE)
    assert sent * 4096 > 20 * MEBIBYTE
    await paired.client.send(acknowledge(7))
    await paired.client.answered()
    told = [await paired.agent.message()]
    while told[-1].message_type != MessageType.ACKNOWLEDGE:
        told.append(await paired.agent.message())
    assert told[-2].message_type == MessageType.START_PUBLICATION
    await paired.client.send(typed(sent, b"after"))
    assert (await paired.agent.message()).payload == b"after"


async def test_a_stalled_end_that_is_replaced(server: Server) -> None:
    paired = await server.paired()
    await flood(paired.agent, lambda number: output(number, bytes(4096)), 24 * MEBIBYTE, PATIENCE)
    await until_paused(paired.agent)
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


@asynccontextmanager
async def taken_each_turn(
    monkeypatch: pytest.MonkeyPatch, measure: Callable[[bytes], int]
) -> AsyncIterator[Counter[int]]:
    """Sum what `measure` finds in the frames that the relay takes, by the turn of the event loop."""
    turn = 0
    taken: Counter[int] = Counter()
    peek_header = RelayEnd.peek_header

    def counted(attached: RelayEnd, frame: bytes) -> tuple[bytes, int]:
        taken[turn] += measure(frame)
        return peek_header(attached, frame)

    async def turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(RelayEnd, "peek_header", counted)
    turning = asyncio.create_task(turns())
    try:
        yield taken
    finally:
        turning.cancel()
        await asyncio.wait({turning})


async def test_flood_of_small_frames_does_not_delay_others(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with taken_each_turn(monkeypatch, lambda _: 1) as taken:
        paired = await server.paired()
        for number in range(5000):
            await paired.client.send(acknowledge(number))
        for _ in range(5000):
            await paired.agent.frame()
    assert taken.total() >= 5000
    assert max(taken.values()) <= FRAMES + 1


async def every(times: int, do: Callable[[], Awaitable[object]]) -> None:
    for _ in range(times):
        await do()


async def test_busy_session_delays_nobody_who_types(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = output(0, bytes(4000))
    async with taken_each_turn(monkeypatch, len) as taken:
        busy, typist = await server.paired(), await server.paired()
        await typist.client.send(stream_frame(MessageType.INPUT_STREAM_DATA, 0, b"k"))
        await typist.agent.until(MessageType.INPUT_STREAM_DATA)
        async with asyncio.TaskGroup() as group:
            group.create_task(every(500, lambda: busy.agent.send(frame)))
            group.create_task(every(500, busy.client.frame))
    assert max(taken.values()) <= SHORT_BYTES + 2 * len(frame)
