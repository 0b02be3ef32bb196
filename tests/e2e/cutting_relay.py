"""A TCP relay between two parts of Ferryman whose connections can be cut, and who cuts them at random.

What is on its way when a connection is cut is lost, as it is when a router dies.
"""

import asyncio
import contextlib
import itertools
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import uvloop

from tests.waiting import PATIENCE

BUFFER_BYTES = 256 * 1024
RESET = struct.pack("ii", 1, 0)
SHORTEST, LONGEST = 0.5, 1.5
"""Seconds between two cuts."""


class _Side(asyncio.Protocol):
    """One of a relayed connection's two sockets: what it reads, its other writes."""

    def __init__(self, relay: "Relay", other: "_Side | None" = None) -> None:
        self.relay = relay
        self.other = other
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []
        """What came before the other side was there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=BUFFER_BYTES)
        if self.other is None:
            self.relay.dial(self)
        elif self.other.transport is None:  # it was cut meanwhile
            self.transport.abort()
        else:
            self.other.other = self
            self.transport.writelines(self.other.early)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early.append(data)
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.relay.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def cut(self, *, reset: bool) -> None:
        if self.transport is None:
            return
        if reset:
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()


class Relay:
    """Leads from a port of its own to another port of this machine."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self.target = target
        self.sides: set[_Side] = set()
        self._loop = loop
        self._dials: set[asyncio.Task[None]] = set()
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        opening = asyncio.run_coroutine_threadsafe(loop.create_server(self._accept, sock=listening), loop)
        self._server = opening.result(PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self, *, reset: bool) -> int:
        """Cut all connections there are; return how many."""
        return asyncio.run_coroutine_threadsafe(self._cut(reset=reset), self._loop).result(PATIENCE)

    def close(self) -> None:
        """Listen no more, and cut what is left."""
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut(reset=True)

    def dial(self, accepted: _Side) -> None:
        task = self._loop.create_task(self._dial(accepted))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    def _accept(self) -> _Side:
        side = _Side(self)
        self.sides.add(side)
        return side

    async def _dial(self, accepted: _Side) -> None:
        try:
            _, side = await self._loop.create_connection(lambda: _Side(self, accepted), "127.0.0.1", self.target)
        except OSError:
            accepted.cut(reset=True)
        else:
            self.sides.add(side)

    async def _cut(self, *, reset: bool) -> int:
        sides = list(self.sides)
        for side in sides:
            side.cut(reset=reset)
        return len(sides) // 2


@contextmanager
def relays(*targets: int) -> Iterator[list[Relay]]:
    """Give a relay to each of the ports while the context lasts; they run beside the test."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made: list[Relay] = []
    try:
        made += [Relay(loop, target) for target in targets]
        yield made
    finally:
        for each in made:
            each.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Cutter:
    """Makes one of several cuts about every second, each in its turn, by a seed; counts what each has cut.

    The first is made after `first_seconds`, by default after as long as the others. After `most` there are no more: a
    slow machine may need longer to connect again than from one cut to the next.
    """

    def __init__(
        self,
        cuts: Mapping[str, Callable[[random.Random], int]],
        seed: int,
        first_seconds: float | None = None,
        most: int | None = None,
    ) -> None:
        self.done: dict[str, int] = dict.fromkeys(cuts, 0)
        self._cuts = cuts
        self._first_seconds = first_seconds
        self._most = most
        self._random = random.Random(seed)  # noqa: S311 - chance that can be had again, no secret
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Cutter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        names: list[str] = []
        seconds = self._first_seconds
        turns = itertools.count() if self._most is None else range(self._most)
        for _ in turns:
            if self._stop.wait(self._random.uniform(SHORTEST, LONGEST) if seconds is None else seconds):
                return
            seconds = None
            names = names or self._random.sample(list(self._cuts), len(self._cuts))
            name = names.pop()
            with contextlib.suppress(ProcessLookupError):  # a victim that is dead already
                self.done[name] += self._cuts[name](self._random)


def cut(*parts: Relay) -> Callable[[random.Random], int]:
    """Return what cuts all connections of some relays at once, by reset or by a mere end."""

    def make(source: random.Random) -> int:
        reset = source.random() < 0.5
        return sum(each.cut(reset=reset) for each in parts)

    return make
