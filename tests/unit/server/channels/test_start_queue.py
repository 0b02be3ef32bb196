"""The queue of session starts, by the loop's clock."""

import asyncio

from ferryman.server.channels.start_queue import LIMIT, StartQueue
from tests.waiting import PATIENCE


class Sent:
    """What the queue handed out, and an event for each."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._arrived = asyncio.Event()

    def __call__(self, frame: bytes) -> None:
        self.frames.append(frame)
        self._arrived.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.frames) < count:
                self._arrived.clear()
                await self._arrived.wait()


def queue(sent: Sent, pace: float = 1000.0, wait: float = 0.0) -> StartQueue:
    return StartQueue(sent, pace, asyncio.get_running_loop().time() + wait)


async def test_first_start_is_immediate_and_the_next_follows_its_confirmation() -> None:
    sent = Sent()
    starts = queue(sent)
    for name in "abc":
        assert starts.add(name, name.encode())
    assert sent.frames == [b"a"]
    starts.started("b")
    starts.started("x")
    assert sent.frames == [b"a"]
    starts.started("a")
    assert sent.frames == [b"a", b"b"]
    starts.close()


async def test_unconfirmed_start_does_not_block_the_next() -> None:
    sent = Sent()
    starts = queue(sent, pace=0.01)
    for name in "abc":
        starts.add(name, name.encode())
    await sent.until(3)
    assert sent.frames == [b"a", b"b", b"c"]


async def test_no_start_is_sent_early() -> None:
    sent = Sent()
    starts = queue(sent, wait=0.02)
    starts.add("a", b"a")
    assert sent.frames == []
    await sent.until(1)
    starts.close()


async def test_the_queue_is_bounded() -> None:
    starts = queue(Sent())
    assert all(starts.add(str(number), b"") for number in range(LIMIT + 1))
    assert not starts.add("one more", b"")
    assert len(starts) == LIMIT
    starts.close()


async def test_the_same_session_waits_once() -> None:
    starts = queue(Sent())
    for _ in range(3):
        starts.add("first", b"")
    starts.add("again", b"1")
    starts.add("again", b"2")
    assert len(starts) == 2
    starts.close()


async def test_a_cancelled_start_is_not_sent() -> None:
    sent = Sent()
    starts = queue(sent)
    starts.add("a", b"a")
    starts.add("b", b"b")
    assert starts.cancel("b")
    assert not starts.cancel("b")
    assert not starts.cancel("a")
    starts.started("a")
    assert sent.frames == [b"a"]


async def test_a_closed_queue_sends_nothing() -> None:
    sent = Sent()
    starts = queue(sent, pace=0.01)
    starts.add("a", b"a")
    starts.add("b", b"b")
    starts.close()
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, done.set)
    await done.wait()
    assert sent.frames == [b"a"]
