"""Pings all sockets and drops silent peers, with one task per interval: timers would cost memory for each idle node."""

import asyncio

from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.timeouts import Timeouts

_LATE = 1.0
"""Seconds by which the event loop may be late. Beyond that, this process stood still, not its peers."""


class Heartbeat:
    """Pings every socket each `Timeouts.ping` seconds and aborts those silent for `Timeouts.silence`, while it runs.

    Ferryman's own ends answer every ping and have shorter intervals: `Timeouts.own_ping` and `Timeouts.own_silence`.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._others = _Schedule(timeouts.ping, timeouts.silence)
        self._own = _Schedule(timeouts.own_ping, timeouts.own_silence)

    def __len__(self) -> int:
        return len(self._others) + len(self._own)

    def add(self, socket: Socket) -> None:
        """Start pinging a socket."""
        self._schedule(socket).add(socket)

    def discard(self, socket: Socket) -> None:
        """Stop pinging a socket."""
        self._schedule(socket).discard(socket)

    async def run(self) -> None:
        """Ping forever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._others.run())
            group.create_task(self._own.run())

    def _schedule(self, socket: Socket) -> "_Schedule":
        return self._own if socket.own_end else self._others


class _Schedule:
    def __init__(self, ping: float, silence: float) -> None:
        self._ping = ping
        self._silence = silence
        self._due: dict[Socket, float] = {}
        self._work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, socket: Socket) -> None:
        self._due[socket] = asyncio.get_running_loop().time() + self._ping
        self._work.set()

    def discard(self, socket: Socket) -> None:
        self._due.pop(socket, None)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._due:
                self._work.clear()
                await self._work.wait()
            # All sockets have the same interval, so the one added or pinged first is first in the dict and due first.
            due = next(iter(self._due.values()))
            await asyncio.sleep(max(0.0, due - loop.time()))
            late = loop.time() - due
            if late > _LATE:
                for socket in self._due:  # what arrived meanwhile has not been read, or only just now
                    socket.heard_at = min(socket.heard_at + late, loop.time())
            self._beat(loop.time())

    def _beat(self, now: float) -> None:
        for socket in self._first_due(now):
            del self._due[socket]
            if not socket.reading:
                socket.heard_at = now
            if now - socket.heard_at >= self._silence:
                socket.abort()
                continue
            socket.ping()
            self._due[socket] = now + self._ping

    def _first_due(self, now: float) -> list[Socket]:
        found = []
        for socket, due in self._due.items():
            if due > now:
                break
            found.append(socket)
        return found
