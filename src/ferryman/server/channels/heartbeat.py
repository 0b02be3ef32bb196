"""One task for all sockets: pings, and the end of silent peers. A timer for each would cost every idle node."""

import asyncio

from ferryman.server.channels.websocket import Socket
from ferryman.server.timeouts import Timing

_LATE = 1.0
"""Seconds by which the loop may be late; if it is more, it was this process that stood still, and not its peers."""


class Heartbeat:
    """Pings every socket each `Timing.ping` seconds and aborts those silent for `Timing.silence`. Run `run` beside.

    Ferryman's own ends, which answer every ping, have a quicker rhythm: `Timing.own_ping` and `Timing.own_silence`.
    """

    def __init__(self, timing: Timing) -> None:
        self._others = _Rhythm(timing.ping, timing.silence)
        self._own = _Rhythm(timing.own_ping, timing.own_silence)

    def __len__(self) -> int:
        return len(self._others) + len(self._own)

    def add(self, socket: Socket) -> None:
        """Watch a socket from now on."""
        self._rhythm(socket).add(socket)

    def discard(self, socket: Socket) -> None:
        """Forget a socket."""
        self._rhythm(socket).discard(socket)

    async def run(self) -> None:
        """Ping for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._others.run())
            group.create_task(self._own.run())

    def _rhythm(self, socket: Socket) -> "_Rhythm":
        return self._own if socket.own_end else self._others


class _Rhythm:
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
            # Every socket waits equally long, so the one added or pinged first is first in the dict, and due first.
            due = next(iter(self._due.values()))
            await asyncio.sleep(max(0.0, due - loop.time()))
            late = loop.time() - due
            if late > _LATE:
                for socket in self._due:  # what came meanwhile is still to be read, or was read just now
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
