"""What the bus in process does beyond its contract: it stays bounded."""

import asyncio

import pytest

from ferryman.bus.delivery import PENDING_BYTES, PENDING_LIMIT
from ferryman.bus.memory import MemoryBus
from ferryman.core.ports.bus import MESSAGE_LIMIT
from tests.waiting import PATIENCE


async def test_a_subscriber_far_behind_loses_messages_and_requesters_are_notified() -> None:
    bus, gate, handled = MemoryBus(), asyncio.Event(), 0

    async def slow(payload: bytes) -> bytes:
        nonlocal handled
        await gate.wait()
        handled += 1
        return b""

    await bus.subscribe("a", slow)
    for _ in range(PENDING_LIMIT + 50):
        await bus.publish("a", b"")
    with pytest.raises(TimeoutError, match="too many"):
        await bus.request("a", b"", timeout=PATIENCE)
    gate.set()
    await bus.drain()
    assert handled == PENDING_LIMIT
    assert await bus.request("a", b"", timeout=PATIENCE) == b""


async def test_closed_subjects_leave_nothing_behind() -> None:
    bus = MemoryBus()

    async def handle(payload: bytes) -> bytes:
        return b""

    for number in range(100):
        await (await bus.subscribe(f"session.{number}", handle)).close()
    assert bus._subscribers == {}


async def test_large_messages_that_wait_are_bounded_by_their_bytes() -> None:
    bus, gate, handled = MemoryBus(), asyncio.Event(), 0

    async def slow(payload: bytes) -> bytes:
        nonlocal handled
        await gate.wait()
        handled += 1
        return b""

    await bus.subscribe("a", slow)
    for _ in range(20):
        await bus.publish("a", bytes(MESSAGE_LIMIT))
    gate.set()
    await bus.drain()
    assert handled == PENDING_BYTES // MESSAGE_LIMIT
