"""Whether a server counts as gone, in virtual time: lost without a word, or behind a slow or interrupted network."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

from benchmarks.fleet.simulated.virtual_time import VirtualLoop
from ferryman.transport.errors import ConnectionLost
from ferryman.transport.server_watch import MUCH_BYTES, ServerWatch
from ferryman.transport.websocket import WebSocket


class Server:
    """One connection's socket: the server answers after `round_trip` seconds, never if that is None."""

    def __init__(self, round_trip: float | None, *, another: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        self.round_trip = round_trip
        self.another = another
        self.heard_at = self._loop.time()
        self.unanswered_bytes = 0
        self.pings = self.others = 0
        self.lost: list[tuple[float, ConnectionLost]] = []
        self.prepare_next = self.has_next
        self.watch = ServerWatch(cast(WebSocket, cast(Any, self)), self._gone)

    def send(self, size: int = 100) -> None:
        self.unanswered_bytes += size
        self._answer_later()
        self.watch.used()

    async def ping(self) -> None:
        self.pings += 1
        self._answer_later()

    async def has_next(self) -> bool:
        self.others += 1
        await asyncio.sleep(0.3 if self.another else 5.0)
        return self.another

    def hear(self) -> None:
        self.heard_at = self._loop.time()
        self.unanswered_bytes = 0

    def _answer_later(self) -> None:
        if self.round_trip is not None:
            self._loop.call_later(self.round_trip, self.hear)

    def _gone(self, why: ConnectionLost) -> None:
        self.lost.append((self._loop.time(), why))


def simulated(work: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(work())


def test_a_server_that_says_nothing_is_left_within_seconds_for_one_that_answers() -> None:
    async def work() -> None:
        server = Server(None)
        server.send()
        await asyncio.sleep(60)
        ((when, why),) = server.lost
        assert when <= 7
        assert why.code == 1006
        await server.watch.close()

    simulated(work)


def test_a_slow_line_is_kept() -> None:
    async def work() -> None:
        for round_trip in (0.8, 2.5, 2.9):
            server = Server(round_trip)
            for _ in range(20):
                server.send()
                await asyncio.sleep(round_trip * 2.5)
            assert not server.lost
            assert not server.others
            await server.watch.close()

    simulated(work)


def test_a_line_that_stands_still_for_ten_seconds_is_kept_because_no_other_is_quicker() -> None:
    async def work() -> None:
        server = Server(None, another=False)
        server.send()
        await asyncio.sleep(10)
        assert server.others == 1
        server.round_trip = 0.05
        server.hear()
        server.send()
        await asyncio.sleep(60)
        assert not server.lost
        assert server.others == 1
        await server.watch.close()

    simulated(work)


def test_a_server_that_is_back_while_another_connection_is_made_is_kept() -> None:
    async def work() -> None:
        server = Server(None)
        server.send()
        await asyncio.sleep(6.1)  # past the ping and its answer
        assert server.others == 1
        server.round_trip = 0.05
        server.hear()
        await asyncio.sleep(60)
        assert not server.lost
        await server.watch.close()

    simulated(work)


def test_a_server_that_reads_nothing_because_the_far_end_is_behind_has_time_to_notice() -> None:
    async def work() -> None:
        server = Server(None)
        server.send(MUCH_BYTES + 1)
        await asyncio.sleep(9)
        assert not server.lost
        assert not server.pings  # it would wait behind the data
        server.round_trip = 0.05
        server.hear()
        await asyncio.sleep(60)
        assert not server.lost
        await server.watch.close()

    simulated(work)


def test_a_session_that_nobody_uses_is_not_watched_for_long() -> None:
    async def work() -> None:
        server = Server(0.1)
        server.send()
        await asyncio.sleep(3600)
        assert 0 < server.pings <= 10
        await server.watch.close()

    simulated(work)
