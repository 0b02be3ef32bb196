"""Frames between servers, over every adapter of the bus: in order, with bounded memory, whatever is lost."""

import asyncio
from collections.abc import Mapping

import pytest

from ferryman.core.ports.bus import Handler, Subscription, Superseded
from ferryman.model.values.timing import Timing
from ferryman.server.channels.remote import frame_link
from ferryman.server.channels.remote.frame_link import FRAME_COST, WINDOW, FrameReceiver, FrameSender
from tests.contract.conftest import ClosableBus
from tests.waiting import PATIENCE

FRAME = 128 * 1024


def frame(number: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(FRAME - 4)


async def test_a_slow_receiver_gets_everything_in_order(bus: ClosableBus) -> None:
    """64 MiB, which without credit would overflow what a bus keeps for one subscriber."""
    gate, used = asyncio.Event(), []

    async def use(body: bytes) -> None:
        await gate.wait()
        used.append(int.from_bytes(body[:4], "big"))

    sender, receiver = FrameSender(bus, "frames.x"), FrameReceiver(bus, "frames.x", use)
    await receiver.open()
    await sender.open()
    sent = 0

    async def send() -> None:
        nonlocal sent
        for number in range(512):
            await sender.send(frame(number))
            sent += 1

    sending = asyncio.create_task(send())
    fitting = WINDOW // (FRAME + FRAME_COST)
    while sent < fitting:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert sent == fitting
    gate.set()
    await asyncio.wait_for(sending, PATIENCE)
    await bus.drain()
    assert used == list(range(512))
    assert receiver.lost == 0
    await sender.close()
    await receiver.close()


class LosingBus:
    """Loses every third publication."""

    def __init__(self, bus: ClosableBus) -> None:
        self._bus = bus
        self._count = 0
        self.lost = 0

    @property
    def is_connected(self) -> bool:
        return self._bus.is_connected

    @property
    def timings(self) -> Mapping[str, Timing]:
        return {}

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        return await self._bus.subscribe(subject, handler, superseded)

    async def publish(self, subject: str, payload: bytes) -> None:
        self._count += 1
        if self._count % 3:
            await self._bus.publish(subject, payload)

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        raise NotImplementedError

    async def subscribed(self, subjects: object, *, timeout: float) -> frozenset[str]:
        raise NotImplementedError


async def test_losses_do_not_close_the_window(bus: ClosableBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames, credit and questions are lost alike."""
    monkeypatch.setattr(frame_link, "ASK_SECONDS", 0.01)
    used: list[int] = []

    async def use(body: bytes) -> None:
        used.append(int.from_bytes(body[:4], "big"))

    losing = LosingBus(bus)
    sender, receiver = FrameSender(losing, "frames.x"), FrameReceiver(losing, "frames.x", use)
    await receiver.open()
    await sender.open()
    async with asyncio.timeout(PATIENCE):
        for number in range(200):
            await sender.send(frame(number))
    await bus.drain()
    assert used == sorted(set(used))
    assert 0 < receiver.lost <= 200 - len(used)
    await sender.close()
    await receiver.close()
