"""What the ends of a link between servers tell each other: credit, questions and pieces, message by message."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
import pytest

from ferryman.core.ports.bus import Handler, Subscription, Superseded
from ferryman.model.values.timing import Timing
from ferryman.server.channels.remote import frame_link
from ferryman.server.channels.remote.frame_link import FRAME_COST, WINDOW, FrameReceiver, FrameSender
from ferryman.server.channels.remote.link import PIECE_BYTES, Link, Note, Side
from tests.waiting import PATIENCE

FRAME, ASK, CREDIT = 0, 1, 2
LARGE = bytes(WINDOW // 2 - FRAME_COST)


class Wire:
    """A bus that keeps what is published, and delivers what the test chooses."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.published: list[tuple[str, bytes]] = []

    @property
    def is_connected(self) -> bool:
        return True

    @property
    def timings(self) -> Mapping[str, Timing]:
        return {}

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        self.handlers[subject] = handler
        return self

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        raise NotImplementedError

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        raise NotImplementedError

    async def publish(self, subject: str, payload: bytes) -> None:
        self.published.append((subject, payload))

    async def close(self) -> None:
        self.handlers.clear()

    async def deliver(self, subject: str, *message: object) -> None:
        await self.handlers[subject](msgspec.msgpack.encode(message))

    @property
    def said(self) -> list[list[int]]:
        """Messages by their numbers, without bodies."""
        return [msgspec.msgpack.decode(payload)[:3] for _, payload in self.published]


async def sender(wire: Wire) -> FrameSender:
    made = FrameSender(wire, "x")
    await made.open()
    return made


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_credit_for_what_was_not_sent_or_is_old_counts_nothing() -> None:
    wire = Wire()
    frames = await sender(wire)
    await frames.send(b"one")
    await frames.send(b"two")
    for total in (10**12, -(10**12)):
        await wire.deliver("credit.x", CREDIT, total)
        assert frames.on_their_way == 2 * (3 + FRAME_COST)
    await wire.deliver("credit.x", CREDIT, 2 * (3 + FRAME_COST))
    await wire.deliver("credit.x", CREDIT, 3 + FRAME_COST)
    assert frames.on_their_way == 0


async def test_frames_keep_their_order_while_the_window_is_full() -> None:
    """A small one that would fit waits behind a large one that does not."""
    wire = Wire()
    frames = await sender(wire)
    for body in (LARGE, LARGE[: -2 * FRAME_COST]):
        await frames.send(body)
    sending = [asyncio.create_task(frames.send(body)) for body in (LARGE, b"small")]
    await turns()
    assert len(wire.published) == 2
    await wire.deliver("credit.x", CREDIT, WINDOW - 2 * FRAME_COST)
    await asyncio.wait_for(asyncio.gather(*sending), PATIENCE)
    sizes = [len(msgspec.msgpack.decode(payload)[3]) for _, payload in wire.published]
    assert sizes[2:] == [len(LARGE), 5]


async def test_frame_as_large_as_the_window_is_sent_if_nothing_else_is_on_its_way() -> None:
    frames = await sender(Wire())
    await asyncio.wait_for(frames.send(bytes(WINDOW)), PATIENCE)


async def test_sender_without_credit_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_link, "ASK_SECONDS", 0.01)
    wire = Wire()
    frames = await sender(wire)
    await frames.send(bytes(WINDOW))
    sending = asyncio.create_task(frames.send(b"more"))
    async with asyncio.timeout(PATIENCE):
        while len(wire.published) < 3:
            await asyncio.sleep(0.001)
    assert wire.said[1:3] == [[ASK, 1, WINDOW + FRAME_COST]] * 2
    sending.cancel()


async def test_receiver_gives_credit_now_and_then_and_whenever_it_is_asked() -> None:
    async def use(_: bytes) -> None:
        pass

    wire, step = Wire(), WINDOW // 16
    frames = FrameReceiver(wire, "x", use)
    await frames.open()
    for number in range(1, 9):
        await wire.deliver("x", FRAME, number, number * step, b"")
    assert wire.said == [[CREDIT, total * step] for total in (2, 4, 6, 8)]
    await wire.deliver("x", ASK, 8, 8 * step)
    assert wire.said[4:] == [[CREDIT, 8 * step]]
    assert frames.lost == 0
    await wire.deliver("x", ASK, 10, 10 * step)
    await wire.deliver("x", FRAME, 14, 14 * step, b"")
    assert frames.lost == 2 + 3


async def test_frame_of_which_a_piece_was_lost_is_dropped_and_the_next_is_whole() -> None:
    got: list[bytes] = []

    async def on_frame(frame: bytes) -> None:
        got.append(frame)

    def on_note(_: Note) -> None:
        pass

    one, other = Wire(), Wire()
    here, there = (Link(wire, "x", side, on_frame, on_note) for wire, side in ((one, Side.END), (other, Side.RELAY)))
    await here.open()
    await there.open()
    frames = [bytes([number]) * (2 * PIECE_BYTES + 5) for number in range(4)]
    for frame in frames:
        await here.send(frame)
    lost = {0, 4, 8}  # of three pieces each: the first, the middle, the last
    for place, (subject, payload) in enumerate(one.published):
        if place not in lost:
            await other.handlers[subject](payload)
    assert got == frames[3:]
