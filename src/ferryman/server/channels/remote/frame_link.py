"""Carries a session's frames from one server to another over the bus, with a credit window.

A bus loses what a slow receiver has no room for, and NATS disconnects whoever is too far behind. So a sender has at
most `WINDOW` bytes on their way, and waits until the receiver has used some of them. Frames can be lost all the same,
with the connection; the ends of a session send again what their peer has not acknowledged. What must not happen is that
a loss closes the window for good: credit counts by the sender's own running total, which every message carries.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from ferryman.core.ports.bus import Bus, Subscription

WINDOW = 4 * 1024 * 1024
"""Bytes on their way, over one link in one direction."""
FRAME_COST = 4096
"""Bytes that a frame counts beside its own, because a bus also limits how many messages wait."""
_CREDIT_EVERY = WINDOW // 8
ASK_SECONDS = 1.0
"""How long a sender waits for credit before it asks; a receiver that is only slow then repeats what it gave."""
_log = structlog.get_logger("ferryman.bus.frame_link")


class _Frame(msgspec.Struct, frozen=True, tag=0, array_like=True):
    """The next frame; `total` is the cost of all frames up to it, and `number` counts them from 1."""

    number: int
    total: int
    body: bytes


class _Ask(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """Say how much credit there is; `number` and `total` are of the last frame sent."""

    number: int
    total: int


class _Credit(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """Everything up to `total` was used, or lost."""

    total: int


_encode = msgspec.msgpack.Encoder().encode
_sent: msgspec.msgpack.Decoder[_Frame | _Ask] = msgspec.msgpack.Decoder(_Frame | _Ask)
_credit = msgspec.msgpack.Decoder(_Credit)


def _credit_subject(subject: str) -> str:
    return f"credit.{subject}"


class FrameSender:
    """The sending end of a link. `send` waits while the window is full."""

    def __init__(self, bus: Bus, subject: str) -> None:
        self._bus = bus
        self._subject = subject
        self._turn = asyncio.Lock()
        self._number = self._total = self._used = 0
        self._credited = asyncio.Event()
        self._subscription: Subscription | None = None

    @property
    def on_their_way(self) -> int:
        """What the receiver has not used yet, as far as is known, in bytes."""
        return self._total - self._used

    async def open(self) -> None:
        """Start listening for credit."""
        self._subscription = await self._bus.subscribe(_credit_subject(self._subject), self._on_credit)

    async def send(self, frame: bytes) -> None:
        """Send a frame, at most once, after those that were sent before; frames are smaller than the window."""
        cost = len(frame) + FRAME_COST
        async with self._turn:
            while self.on_their_way and self.on_their_way + cost > WINDOW:
                await self._wait()
            self._number += 1
            self._total += cost
            await self._bus.publish(self._subject, _encode(_Frame(self._number, self._total, frame)))

    async def close(self) -> None:
        """Stop listening; idempotent."""
        if self._subscription is not None:
            await self._subscription.close()

    async def _wait(self) -> None:
        self._credited.clear()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await self._credited.wait()
        except TimeoutError:
            await self._bus.publish(self._subject, _encode(_Ask(self._number, self._total)))

    async def _on_credit(self, payload: bytes) -> bytes:
        total = _credit.decode(payload).total
        if self._used < total <= self._total:
            self._used = total
            self._credited.set()
        return b""


class FrameReceiver:
    """The receiving end of a link: `use` gets each frame, in order, and gives credit for it by returning."""

    def __init__(self, bus: Bus, subject: str, use: Callable[[bytes], Awaitable[None]]) -> None:
        self._bus = bus
        self._subject = subject
        self._use = use
        self._number = self._total = self._given = 0
        self._subscription: Subscription | None = None
        self.lost = 0
        """How many frames did not arrive."""

    async def open(self) -> None:
        """Start receiving."""
        self._subscription = await self._bus.subscribe(self._subject, self._on_sent)

    async def close(self) -> None:
        """Stop receiving; idempotent."""
        if self._subscription is not None:
            await self._subscription.close()

    async def _on_sent(self, payload: bytes) -> bytes:
        sent = _sent.decode(payload)
        missing = sent.number - self._number - isinstance(sent, _Frame)
        if missing > 0:
            self.lost += missing
            _log.info("frames lost between servers", link=self._subject, frames=missing)
        self._number, self._total = sent.number, sent.total
        if isinstance(sent, _Frame):
            await self._use(sent.body)
        if isinstance(sent, _Ask) or self._total - self._given >= _CREDIT_EVERY:
            self._given = self._total
            await self._bus.publish(_credit_subject(self._subject), _encode(_Credit(self._total)))
        return b""
