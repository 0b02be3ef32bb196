"""The socket of one end as the relay uses it, whichever server it is on, and how the relay leaves it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import WSCloseCode

from ferryman.server.listener.connection import drop_frames

ABNORMAL = 1006
"""The close code of a peer that left without one (RFC 6455 §7.4.1)."""


class PeerGone(Exception):
    """The peer has left. `code` is its close code, 1006 if it sent none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the peer is gone ({code})")
        self.code = code


class Violation(Exception):
    """The peer broke the protocol; the channel is closed with `code`."""

    def __init__(self, code: WSCloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Departure:
    """How the server closed a channel: the close code and its reason."""

    code: int
    reason: str


class PeerSocket(ABC):
    """One peer's socket. A single task receives and closes; anyone may send and ask it to leave."""

    __slots__ = ("_open", "_scope", "departure", "gone", "own_end", "peer_address")

    def __init__(self, peer_address: str | None, *, own_end: bool) -> None:
        self.peer_address = peer_address
        """The client's IP address, also behind a trusted proxy; None if the socket is not an IP socket."""
        self.own_end = own_end
        """Whether the peer says that it is Ferryman's; such peers answer every ping."""
        self.departure: Departure | None = None
        self.gone: PeerGone | None = None
        self._open = True
        self._scope: asyncio.Timeout | None = None

    @abstractmethod
    def joined(self) -> None:
        """Note that this is a channel now, which is not closed to make room for others."""

    @abstractmethod
    async def receive_frame(self) -> bytes:
        """Return the next binary message; raises `PeerGone` and `Violation`."""

    @abstractmethod
    def send(self, frame: bytes) -> bool:
        """Send a whole binary message; a closing socket ignores it.

        Returns True if the peer is behind: then `drain` before sending more.
        """

    @property
    @abstractmethod
    def waiting_bytes(self) -> int:
        """How many bytes wait for the peer to read, not counting the kernel's buffers."""

    @abstractmethod
    async def drain(self) -> None:
        """Wait until the peer has caught up, or is gone. May be cancelled."""

    @abstractmethod
    def ask(self, answered: Callable[[], None]) -> None:
        """Call `answered` once the peer has read what was sent so far, if it ever does; ignored if one is pending."""

    @abstractmethod
    def ask_to_move(self, prepared: Callable[[], None]) -> None:
        """Call `prepared` once the peer has another connection ready, or does not know how: see `wire.moving`."""

    @abstractmethod
    async def close(self) -> None:
        """Finish the closing handshake, in at most `Timeouts.close` seconds; the connection is gone afterwards."""

    async def carry(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns, the peer is gone or breaks the protocol, or `leave` was called.

        Afterwards `departure` says why the server left, or `gone` that the peer did.
        """
        if not self._open:
            return
        try:
            await self._until_left(work)
        except TimeoutError:
            if self.departure is None:
                raise
        except Violation as violation:
            self.leave(violation.code, violation.reason)
        except PeerGone as gone:
            self.gone = gone
            drop_frames(gone)

    async def _until_left(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(None) as self._scope:
                await work()
        finally:
            self._scope = None

    def leave(self, code: int, reason: str, last: bytes | None = None) -> None:
        """Make the task in `carry` stop, after sending `last`; nothing is sent after that. The first call counts."""
        if self.departure is not None:
            return
        if last is not None:
            self.send(last)
        self._open = False
        self.departure = Departure(int(code), reason)
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())
