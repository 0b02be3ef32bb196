"""What the bus in process does beyond its contract: it stays bounded."""

import asyncio

import pytest

from ferryman.bus.delivery import PENDING_BYTES, PENDING_LIMIT
from ferryman.bus.memory import MemoryBus
from ferryman.core.ports.bus import MESSAGE_LIMIT
from tests.waiting import PATIENCE


class Gate:
    """A handler that is stuck until `opened`; `handled` counts messages."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.handled = 0

    async def handle(self, payload: bytes) -> bytes:
        await self.opened.wait()
        self.handled += 1
        return b""


async def test_a_subscriber_far_behind_loses_messages_and_requesters_are_notified() -> None:
    bus, gate = MemoryBus(), Gate()
    await bus.subscribe("a", gate.handle)
    for _ in range(PENDING_LIMIT + 50):
        await bus.publish("a", b"")
    with pytest.raises(TimeoutError, match="too many"):
        await bus.request("a", b"", timeout=PATIENCE)
    gate.opened.set()
    await bus.drain()
    assert gate.handled == PENDING_LIMIT
    assert await bus.request("a", b"", timeout=PATIENCE) == b""


async def test_closed_subjects_leave_nothing_behind() -> None:
    bus = MemoryBus()

    async def handle(payload: bytes) -> bytes:
        return b""

    for number in range(100):
        await (await bus.subscribe(f"session.{number}", handle)).close()
    assert bus._subscribers == {}


async def test_large_messages_that_wait_are_bounded_by_their_bytes() -> None:
    bus, gate = MemoryBus(), Gate()
    await bus.subscribe("a", gate.handle)
    for _ in range(20):
        await bus.publish("a", bytes(MESSAGE_LIMIT))
    gate.opened.set()
    await bus.drain()
    assert gate.handled == PENDING_BYTES // MESSAGE_LIMIT
