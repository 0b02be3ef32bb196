"""One task for all sockets: pings, and the end of silent peers. A timer for each would cost every idle node."""

import asyncio

from ferryman.server.sockets import Socket
from ferryman.server.timing import Timing


class Heartbeat:
    """Pings every socket each `Timing.ping` seconds and aborts those silent for `Timing.silence`. Run `run` beside."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._due: dict[Socket, tuple[float, float]] = {}
        self._work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, socket: Socket) -> None:
        """Watch a socket from now on."""
        now = asyncio.get_running_loop().time()
        self._due[socket] = (now + self._timing.ping, now)
        self._work.set()

    def discard(self, socket: Socket) -> None:
        """Forget a socket."""
        self._due.pop(socket, None)

    async def run(self) -> None:
        """Ping for ever."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._due:
                self._work.clear()
                await self._work.wait()
            # Every socket waits equally long, so the one added or pinged first is first in the dict, and due first.
            due, _ = next(iter(self._due.values()))
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._beat(loop.time())

    def _beat(self, now: float) -> None:
        overdue = [(socket, heard_at) for socket, (due, heard_at) in self._first_due(now)]
        for socket, heard_at in overdue:
            del self._due[socket]
            if socket.heard:
                socket.heard = False
                heard_at = now
            if now - heard_at >= self._timing.silence:
                socket.abort()
                continue
            socket.ping()
            self._due[socket] = (now + self._timing.ping, heard_at)

    def _first_due(self, now: float) -> list[tuple[Socket, tuple[float, float]]]:
        found = []
        for socket, times in self._due.items():
            if times[0] > now:
                break
            found.append((socket, times))
        return found
