"""Agents that wait for their turn or for their refusal: they hold up neither a stop nor others at their address."""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator
from typing import Any

import pytest
from aiohttp.web import RequestHandler

from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.http import steps
from ferryman.server.http.admission import throttling
from ferryman.server.http.admission.authentication import authenticate_caller
from ferryman.server.http.admission.throttling import AGENTS_AUTHENTICATIONS
from ferryman.server.http.admission.throttling import pause as real_pause
from ferryman.server.listener.pacing import STEPS, Paced
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from tests.server.callers.signed_calls import signed_call
from tests.server.raw_connections import HEALTH, Raw
from tests.server.running import Server, nothing, until
from tests.waiting import PATIENCE

LIMIT = AGENTS_AUTHENTICATIONS + 2
Connect = Callable[..., Awaitable[Raw]]


class Crowd:
    """Agents of one address: the first two are being verified until the test ends, and so many more wait for a turn.

    Any further one waits for its refusal, longer than the test does.
    """

    def __init__(self, server: Server, connect: Connect, waiting: int) -> None:
        self._server, self._connect = server, connect
        self._waiting = waiting
        self._released = asyncio.Event()
        self.arrived = 0
        self.refused = 0

    async def verify(self, service: Any, request: Any, asked: Any) -> Any:
        await self._released.wait()
        return await authenticate_caller(service, request, asked)

    def most_waiting(self, operation: str, *, upgrade: bool) -> int:
        self.arrived += 1
        return AGENTS_AUTHENTICATIONS + self._waiting

    async def pause(self, request: Any, seconds: float, *, evictable: bool) -> bool:
        self.refused += 1
        return await real_pause(request, 10 * PATIENCE, evictable=evictable)

    async def join(self, agents: int) -> list[Raw]:
        """Have agents call, each with a key of its own, and wait until the server has their calls."""
        joined = []
        for _ in range(agents):
            number = self.arrived
            raw = await self._connect()
            key = Credentials(f"AKIAAGENT{number}", Secret("secret"))
            raw.writer.write(signed_call(self._server, "UpdateInstanceInformation", b"{}", key))
            await until(nothing, lambda _, number=number: self.arrived == number + 1)  # type: ignore[misc]
            joined.append(raw)
        await until(nothing, lambda _: self.refused == max(0, self.arrived - self._waiting - AGENTS_AUTHENTICATIONS))
        return joined

    def release(self) -> None:
        """Have everything verified."""
        self._released.set()


@pytest.fixture
def crowd(request: Any, server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    made = Crowd(server, connect, getattr(request, "param", 0))
    monkeypatch.setattr(steps, "authenticate_caller", made.verify)
    monkeypatch.setattr(throttling, "most_waiting", made.most_waiting)
    monkeypatch.setattr(throttling, "pause", made.pause)
    yield made
    made.release()


@pytest.mark.parametrize("crowd", [1], indirect=True)
async def test_a_server_that_stops_refuses_agents_that_wait_immediately(server: Server, crowd: Crowd) -> None:
    verified = await crowd.join(AGENTS_AUTHENTICATIONS)
    waiting = await crowd.join(2)  # for a turn, and for a refusal
    server.stop.set()
    for raw in waiting:
        assert b" 503 " in await raw.status()
    crowd.release()
    for raw in verified:
        assert b" 400 " in await raw.status()
    await server.shut_down()


class TestOneAddress:
    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(limit=LIMIT, exempt=(), clock=lambda: 0.0)

    async def test_who_waits_longest_for_a_refusal_makes_room_for_others(self, crowd: Crowd, connect: Connect) -> None:
        await crowd.join(AGENTS_AUTHENTICATIONS)
        first, second = await crowd.join(LIMIT - AGENTS_AUTHENTICATIONS)
        other = await connect()
        other.writer.write(HEALTH)
        assert b" 200 " in await other.status()
        assert await first.gone() == b""
        (third,) = await crowd.join(1)
        assert await second.gone() == b""
        assert not third.reader.at_eof()

    async def test_who_waits_for_a_turn_does_not(self, crowd: Crowd, connect: Connect) -> None:
        await crowd.join(AGENTS_AUTHENTICATIONS)
        others = [await connect() for _ in range(LIMIT - AGENTS_AUTHENTICATIONS)]
        assert await (await connect()).gone() == b""
        for each in others:
            each.writer.write(HEALTH)
            assert b" 200 " in await each.status()


@pytest.mark.parametrize("how", ["evict", "end"])
async def test_a_request_does_not_begin_if_its_connection_ends_before_its_step(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    real = Paced.soon

    def soon(paced: Paced, step: Callable[[], None], holder: Hashable = None) -> None:
        real(paced, step, holder)
        connection = step.__self__  # type: ignore[attr-defined] # whose method it is
        getattr(connection, how)()
        if how == "end":  # as when its arrival is cancelled: the transport does not say that it closes
            asyncio.get_running_loop().call_later(0.1, connection.evict)

    begun: list[None] = []
    with monkeypatch.context() as patch:
        patch.setattr(Paced, "soon", soon)
        patch.setattr(RequestHandler, "connection_made", lambda *_: begun.append(None))
        raw = await connect()
        raw.writer.write(HEALTH)
        assert await raw.gone() == b""
        assert begun == []
    assert (await server.health())["status"] == "ok"


async def test_few_of_many_requests_that_arrive_together_begin_in_one_turn_of_the_event_loop(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, turn, running = asyncio.get_running_loop(), 0, True
    begun = Counter[int]()
    real = RequestHandler.connection_made

    def connection_made(connection: RequestHandler, transport: asyncio.BaseTransport) -> None:
        begun[turn] += 1
        real(connection, transport)

    def count() -> None:
        nonlocal turn
        turn += 1
        if running:
            loop.call_soon(count)

    monkeypatch.setattr(RequestHandler, "connection_made", connection_made)
    connections = [await connect() for _ in range(5 * STEPS)]
    count()
    for raw in connections:
        raw.writer.write(HEALTH)
    for raw in connections:
        assert b" 200 " in await raw.status()
    running = False
    assert sum(begun.values()) == len(connections)
    assert max(begun.values()) <= STEPS


async def test_objects_of_new_connections_are_looked_at_although_as_many_old_ones_are_freed(connect: Connect) -> None:
    """Otherwise they are looked at when there are hundreds of thousands, and nothing else runs meanwhile."""
    generations = Counter[int]()

    def note(phase: str, information: dict[str, int]) -> None:
        generations[information["generation"]] += phase == "stop"

    usual = gc.get_threshold()
    gc.set_threshold(1_000_000)  # as if as many were freed
    gc.callbacks.append(note)
    try:
        for _ in range(200):
            raw = await connect()
            raw.writer.write(HEALTH)
            assert b" 200 " in await raw.status()
            raw.writer.close()
    finally:
        gc.callbacks.remove(note)
        gc.set_threshold(*usual)
    assert generations[0] >= 4
    assert generations[1] >= 1
