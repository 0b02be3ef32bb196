"""One session's connections one after another, over a scripted server."""

from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from ferryman.client.calls.launch import Launch
from ferryman.client.calls.resume_session import ServiceClient, Ticket
from ferryman.client.session.connection import CannotConnect, Connector
from ferryman.model.values.secret import Secret
from ferryman.transport.dialler import Dialler
from ferryman.transport.websocket import WebSocket


class Server:
    """Lets everybody in; is dialler, service and socket in one. Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.dialled = 0
        self.openings = 0
        self.prepare_next: Callable[[], Awaitable[bool]] | None = None

    def clock(self) -> float:
        return self.now

    async def dial(self, _: str) -> "Server":
        self.dialled += 1
        return self

    async def resume(self, _: str) -> Ticket:
        return Ticket(Secret("another"), "")

    async def send(self, _: str) -> None:
        self.openings += 1


def connector(server: Server, reconnect_seconds: float) -> Connector:
    launch = Launch("alice-1", Secret("token"), "ws://server.test/v1/data-channel/alice-1", "r", "", "mi-1", "")
    dialler, service = cast(Dialler, server), cast(ServiceClient, server)
    return Connector(launch, dialler, service, reconnect_seconds, server.clock)


async def test_a_session_whose_connections_are_cut_every_second_outlives_the_limit_of_an_outage() -> None:
    server = Server()
    made = connector(server, 10.0)
    opened: list[WebSocket] = [await made.open()]
    for _ in range(30):
        server.now += 1.0
        opened.append(await made.reopen())
    assert server.openings == len(opened) == 31


async def test_connections_that_are_lost_immediately_count_as_one_outage() -> None:
    server = Server()
    made = connector(server, 1.0)
    await made.open()
    for _ in range(2):
        server.now += 0.5
        await made.reopen()
    server.now += 0.6
    with pytest.raises(CannotConnect, match="could not be restored within 1 s"):
        await made.reopen()
    assert server.openings == 3


async def test_a_connection_that_is_ready_is_opened_when_the_one_before_is_lost() -> None:
    server = Server()
    made = connector(server, 10.0)
    websocket = await made.open()
    assert websocket.prepare_next is not None
    assert await websocket.prepare_next()
    assert (server.dialled, server.openings) == (2, 1)
    server.now += 5.0
    await made.reopen()
    assert (server.dialled, server.openings) == (2, 2)
